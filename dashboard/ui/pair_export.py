"""Takes the pairs of a run away as training data."""

from pathlib import Path

import streamlit as st

from convexplain.dashboard.services.jobs import start_export
from convexplain.dashboard.services.pairs import formats, zipped
from convexplain.errors import ConvexplainError
from convexplain.store import Run, RunStore
from convexplain.workspace.jobs import JobState, job_state

from .place import database
from .plain import message

_EVERY = 2.0  # seconds between looks


def export_pairs(store: RunStore, run: Run) -> None:
    """What is exported, the button that starts it, and the files when they are there."""
    st.subheader("Export", anchor=False)
    st.caption(
        "Found contrasts become preference pairs: two forms of one assistant turn after the same history. Those that "
        "were rejected are left out; fixed ones take the reviewer’s words. Edited turns that were not judged "
        "themselves are judged now by the run’s judge."
    )
    known = formats()
    one, two, three, four = st.columns([3, 2, 2, 2], vertical_alignment="bottom")
    form = one.selectbox("Form", list(known), format_func=lambda one: f"{one}: {known[one]}", key="x-form")
    margin = two.number_input("Least margin", 0.0, 1.0, 0.1, 0.05, key="x-margin")
    test = three.number_input("Share held out for a test", 0.0, 0.9, 0.0, 0.05, key="x-test")
    if four.button("Make the files", type="primary", width="stretch"):
        try:
            st.session_state["export"] = start_export(database(), run.id, form, margin, test)
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
        message("Making the files …", "soft")
    elif state.status == "done":
        _files(state)
    else:
        message("No files were made.", "error")
        message(state.messages)


def _files(state: JobState) -> None:
    folder = Path((state.job.result or {})["folder"])
    st.download_button(
        "Download (.zip)",
        lambda: zipped(folder),
        "pairs.zip",
        "application/zip",
        icon=":material/download:",
        on_click="ignore",
    )
    message(state.messages, "soft")
