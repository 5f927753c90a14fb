"""The buttons that explain a turn, and how far that is."""

import streamlit as st

from convexplain.errors import ConvexplainError
from convexplain.types import Rubric

from ..services.conversation import Talk
from ..services.jobs import job_state, start_explain
from .place import database
from .plain import message

_EVERY = 2.0  # seconds between looks


def offer_explanation(talk: Talk, turn: int, rubric: Rubric, *, attribute: bool) -> None:
    """Says that nothing is there yet, with a button that explains the turn in a process of its own."""
    key = f"explain-{talk.run}-{talk.number}-{turn}-{rubric.id}-{attribute}"
    if key in st.session_state:
        _watch(key)
        return
    what = "which earlier turns, sentences and words this score hangs on" if attribute else "what would have changed it"
    st.caption(f"Nobody has asked yet {what}. The run’s judge is asked some dozens of times.")
    label = "Explain this turn" if attribute else "Look for an edit"
    if talk.judgements[turn, rubric.id].score is None:
        message("A turn without a score cannot be explained.", "soft")
    elif turn == 0:
        message("Nothing stands before the first turn.", "soft")
    elif st.button(label, key=f"{key}-start", type="primary"):
        try:
            conversation = talk.conversation.id
            st.session_state[key] = start_explain(
                database(), talk.run, conversation, turn, rubric.id, attribute=attribute
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
        last = state.said.strip().splitlines()
        message(f"Being explained … {last[-1] if last else ''}", "soft")
        return
    st.session_state.pop(key, None)
    if state.status != "done":
        st.session_state["explain-failed"] = state.said
    st.rerun()
