"""What is labelled in a session: by whom, as first or second rater, and what the address says of it."""

import streamlit as st

from convexplain.dashboard.services.labelling import LabelDesk, open_desk, validate_run
from convexplain.errors import UsageError
from convexplain.report.trust_marks import TrustMark
from convexplain.store import Run, RunStore
from convexplain.types import Rubric
from convexplain.workspace import Workspace
from convexplain.workspace.triage import reviewer_name

from .label_progress import show_agreement, show_progress
from .safe_text import message

VIEWS = ("Label turns", "Judge and people")


def selected_view() -> str:
    """Return what the page shows: the turns to label, or judge and people; the address says which."""
    st.session_state["label-view"] = VIEWS[1] if st.query_params.get("view") == "people" else VIEWS[0]

    def changed() -> None:
        _write("view", "people" if st.session_state["label-view"] == VIEWS[1] else None)

    view = st.segmented_control(
        "View", VIEWS, key="label-view", required=True, label_visibility="collapsed", on_change=changed
    )
    return str(view)


def current_desk(store: RunStore, run: Run, rubric: Rubric, mark: TrustMark) -> LabelDesk | None:
    """Return the turns of the person whose name is in the field; None, with the reason, where there is no name yet."""
    st.session_state["second-rater"] = st.query_params.get("second") == "1"

    def changed() -> None:
        _write("second", "1" if st.session_state["second-rater"] else None)

    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        name = _reviewer()
        second = st.toggle(
            "Second rater",
            key="second-rater",
            help="Turns that other people have labelled. You see their labels after you give yours.",
            on_change=changed,
        )
    if name is None:
        st.info(
            "Write your name. The turns then come one by one: some by chance, some with low scores, some uncertain."
        )
        return None
    key, desks = (run.id, rubric.sha, name, second), st.session_state.setdefault("label-desks", {})
    if key not in desks:
        desks.clear()  # one at a time: it holds the scores of a run
        desks[key] = open_desk(store, run, rubric, mark, name, second=second)
    desk: LabelDesk = desks[key]
    desk.dialog = ""  # the page runs as a whole when a dialog closes
    return desk


def _reviewer() -> str | None:
    """Return the reviewer's name; where there is none, show its field, which would else take the keys of labels."""
    try:
        name = reviewer_name(st.session_state.get("reviewer") or "")
    except UsageError as error:
        if st.session_state.get("reviewer"):
            message(str(error), "error")
        st.text_input("Your name", key="reviewer", help="Saved with each label.", persist_state="session", width=260)
        return None
    st.text(f"You label as {name}", width="content")
    st.button("Change the name", type="tertiary", on_click=lambda: st.session_state.update(reviewer=""))
    return name


def offer_validation(store: RunStore, run: int, rubric: Rubric) -> None:
    """Show how many labels a validation needs, and the button that validates the judge where there are enough."""
    progress = Workspace(store).label_progress(run, rubric.id)
    show_progress(progress)
    show_agreement(progress)
    if progress.missing:
        return
    if st.button("Validate the judge by these labels", type="primary"):
        with st.spinner("Comparing the scores with the labels …"):
            refusal = validate_run(store, run, rubric)
        if refusal:
            message(refusal, "error")
        else:
            st.rerun()


def _write(name: str, text: str | None) -> None:
    if text is not None:
        st.query_params[name] = text
    elif name in st.query_params:
        del st.query_params[name]
