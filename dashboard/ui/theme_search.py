"""The form that starts a search for themes, and the progress of its job."""

import streamlit as st

from convexplain.dashboard.services.jobs import start_themes
from convexplain.dashboard.services.themes import MEMBERS, running_search
from convexplain.errors import ConvexplainError
from convexplain.workspace.jobs import job_state

from .current_store import database
from .safe_text import message

_EVERY = 2.0  # seconds between updates
_BUDGET = 24  # judgements that explain one turn at most
_FAILURE = "themes-failure"


def search_form(run: int, *, sorts_only: bool, label: str) -> None:
    """Show the form that starts a search, or the progress of the one that runs.

    Args:
        run: the run's number.
        sorts_only: whether no maxim of the run may flag turns, so that the lowest scores are grouped.
        label: of the button.
    """
    if failure := st.session_state.pop(_FAILURE, None):
        message(f"The themes were not found: {failure}", "error")
    job = running_search(database(), run)
    if job is not None:
        _watch(job)
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        members = st.segmented_control(
            "Turns of each theme to explain",
            MEMBERS,
            default=0,
            required=True,
            key=f"themes-members-{run}",
            help="An explanation finds the earlier turns that matter, of which a common cause is made.",
        )
        lowest = None
        if sorts_only:
            percent = st.number_input(
                "Lowest scores to group (%)",
                1,
                100,
                10,
                key=f"themes-lowest-{run}",
                help="Scores of this run only sort turns: none of them is flagged.",
            )
            lowest = percent / 100
        start = st.button(label, type="primary", key=f"themes-start-{run}")
    cost = f"Asks the run’s judge at most {_BUDGET * members} times for each theme." if members else "Asks no judge."
    st.caption(cost)
    if start:
        try:
            start_themes(database(), run, lowest, members or 0)
        except ConvexplainError as error:
            message(str(error), "error")
        else:
            st.rerun()


@st.fragment(run_every=_EVERY)
def _watch(job: int) -> None:
    try:
        state = job_state(database(), job)
    except ConvexplainError as error:
        message(str(error), "error")
        return
    if state.status == "running":
        total = f"{state.done:,} of {state.total:,} turns explained. " if state.total else ""
        message(f"Finding themes … {total}{state.doing}", "soft")
        if state.share is not None:
            st.progress(state.share)
        return
    if state.status != "done":
        st.session_state[_FAILURE] = state.job.error or state.messages or "the job ended early"
    st.rerun()
