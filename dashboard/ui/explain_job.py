"""The buttons that explain a turn, what is asked for, and how far that is."""

import streamlit as st

from convexplain.dashboard.services.conversation import Talk
from convexplain.dashboard.services.jobs import start_explain
from convexplain.errors import ConvexplainError
from convexplain.explain.contrasts import ContrastSettings
from convexplain.types import Goal, Rubric
from convexplain.workspace.jobs import job_state

from .place import database
from .plain import message

_EVERY = 2.0  # seconds between looks
_GOALS: dict[Goal, str] = {"cross": "Carry it over the threshold", "improve": "Raise it", "worsen": "Lower it"}


def offer_attribution(talk: Talk, turn: int, rubric: Rubric) -> None:
    """Says that nothing is there yet, with a button that explains the turn in a process of its own."""
    key = f"explain-{talk.run}-{talk.number}-{turn}-{rubric.id}-hangs"
    if key in st.session_state:
        _watch(key)
        return
    st.caption(
        "Nobody has asked yet which earlier turns, sentences and words this score hangs on. The run’s judge is asked "
        "some dozens of times."
    )
    if talk.judgements[turn, rubric.id].score is None:
        message("A turn without a score cannot be explained.", "soft")
    elif turn == 0:
        message("Nothing stands before the first turn.", "soft")
    elif st.button("Explain this turn", key=f"{key}-start", type="primary"):
        _start(key, talk, turn, rubric, None)


def offer_search(talk: Talk, turn: int, rubric: Rubric) -> None:
    """Which edit to look for, with a button that looks for it in a process of its own."""
    key = f"explain-{talk.run}-{talk.number}-{turn}-{rubric.id}-edit"
    if key in st.session_state:
        _watch(key)
        return
    if talk.judgements[turn, rubric.id].score is None:
        message("A turn without a score cannot be explained.", "soft")
        return
    st.caption("Looks for the smallest edit that moves the score. The run’s judge is asked some dozens of times.")
    places = ["Turns before it", "This turn itself"] if turn else ["This turn itself"]
    place = st.segmented_control("What may be edited", places, default=places[0], key=f"{key}-place", required=True)
    goals = list(_GOALS)
    goal = st.segmented_control(
        "What it should do", goals, default="cross", format_func=_GOALS.__getitem__, key=f"{key}-goal", required=True
    )
    by = st.number_input("By at least", 0.01, 1.0, 0.1, 0.05, key=f"{key}-by") if goal != "cross" else None
    if st.button("Look for an edit", key=f"{key}-start", type="primary"):
        _start(key, talk, turn, rubric, ContrastSettings(goal, by, revise=place == "This turn itself"))


def _start(key: str, talk: Talk, turn: int, rubric: Rubric, contrast: ContrastSettings | None) -> None:
    try:
        st.session_state[key] = start_explain(
            database(), talk.run, talk.conversation.id, turn, rubric.id, contrast, talk.number
        )
    except ConvexplainError as error:
        message(str(error), "error")
    else:
        st.rerun()


@st.fragment(run_every=_EVERY)
def _watch(key: str) -> None:
    try:
        state = job_state(database(), st.session_state[key])
    except ConvexplainError as error:
        message(str(error), "error")
        return
    if state.status == "running":
        message(f"Being explained … {state.doing}", "soft")
        return
    st.session_state.pop(key, None)
    if state.status != "done":
        st.session_state["explain-failed"] = state.job.error or state.messages
    st.rerun()
