"""The export of a run's pairs as training data."""

from pathlib import Path

import streamlit as st

from convexplain.dashboard.services.jobs import start_export
from convexplain.dashboard.services.pairs import export_formats, zip_folder
from convexplain.errors import ConvexplainError
from convexplain.store import Run, RunStore
from convexplain.workspace.jobs import JobState, job_state

from .current_store import database
from .safe_text import message

_EVERY = 2.0  # seconds between updates


def export_pairs(store: RunStore, run: Run) -> None:
    """Show the form of the export and, when its job has ended, the download."""
    st.header("Export", anchor=False)
    st.caption(
        "Accepted contrasts become preference pairs: two versions of one assistant turn after the same history. "
        "Corrected ones take the reviewer’s words. The run’s judge now judges edited turns that have no score yet."
    )
    formats = export_formats()
    cells = st.columns([3, 2, 2, 2], vertical_alignment="bottom")
    form = cells[0].selectbox(
        "Format",
        list(formats),
        index=list(formats).index("trl-dpo"),
        key="x-form",
    )
    margin = cells[1].number_input("Least margin", 0.0, 1.0, 0.0, 0.05, key="x-margin")
    test = cells[2].number_input("Share held out for testing", 0.0, 0.9, 0.0, 0.05, key="x-test")
    st.caption(f"{form}: {formats[form]}")
    unreviewed = st.checkbox(
        "Also contrasts that nobody has reviewed",
        help="Only those whose margin goes beyond the judge’s noise, whose edit reads naturally, and which keep the "
        "facts of the conversation.",
        key="x-unreviewed",
    )
    if cells[3].button("Export", type="primary", width="stretch"):
        try:
            st.session_state["export"] = start_export(database(), run.id, form, margin, test, unreviewed)
        except ConvexplainError as error:
            message(str(error), "error")
    if "export" in st.session_state:
        _watch()


@st.fragment(run_every=_EVERY)
def _watch() -> None:
    try:
        state = job_state(database(), st.session_state["export"])
    except (ConvexplainError, KeyError) as error:
        message(str(error), "error")
        return
    if state.status == "running":
        message("Exporting …", "soft")
    elif state.status == "done":
        _files(state)
    else:
        message("The export failed.", "error")
        message(state.messages)


def _files(state: JobState) -> None:
    folder = Path((state.job.result or {})["folder"])
    st.download_button(
        "Download (.zip)",
        lambda: zip_folder(folder),
        "pairs.zip",
        "application/zip",
        icon=":material/download:",
        on_click="ignore",
    )
    message(state.messages, "soft")
