"""One turn that a reviewer is asked about, and one on which judge and people differ."""

from collections.abc import Sequence

import streamlit as st

from convexplain.dashboard.services.labelling import THUMBS, Choice, choices, label, others, said
from convexplain.explain.wording import counted
from convexplain.store import RunStore, ScoredTurn
from convexplain.store.ratings import RatedTurn
from convexplain.types import Turn

from .plain import chat, lines, message

_CONTEXT = 6


def label_card(store: RunStore, turns: Sequence[ScoredTurn], name: str) -> None:
    """The first of the turns that was not skipped, with a button for each thing that may be said of it."""
    skipped: set[tuple[int, int, str]] = st.session_state.setdefault("skipped", set())
    turn = next((one for one in turns if _place(one) not in skipped), turns[0])
    with st.container(border=True):
        message(f"{turn.conversation.id}, turn {turn.turn}", "title")
        _context(turn.conversation.turns, turn.turn)
        if known := others(store, turn, name):
            message(f"{counted(len(known), 'other label')} of this turn: shown when you have given yours.", "soft")
        lines(*((f"{one.name}: {one.criterion}", "soft") for one in turn.rubric.labels))
        said_as: list[tuple[str | None, Choice]] = [
            (":material/thumb_up:", THUMBS[0]),
            (":material/thumb_down:", THUMBS[1]),
        ]
        said_as += [(None, one) for one in choices(turn.rubric)]
        row = st.container(horizontal=True)
        for i, (icon, choice) in enumerate(said_as):
            key = f"say-{turn.number}-{turn.turn}-{i}"
            say = (store, turn, name, choice)
            row.button(choice.name, key, icon=icon, on_click=_say, args=say)
        row.button("Skip", key="skip", type="tertiary", on_click=skipped.add, args=(_place(turn),))


def show_last_label() -> None:
    """What the reviewer said last, with the judge's score and what others said of that turn."""
    if "last-label" in st.session_state:
        message(st.session_state["last-label"], "soft")


def show_disagreement(one: RatedTurn) -> None:
    """A turn with the judge's score and what people said."""
    way = "above" if one.score > one.human else "below"
    with st.container(border=True):
        gap = f"the judge is {abs(one.score - one.human):.2f} {way}"
        lines(
            (f"judge {one.score:.2f}, people {one.human:.2f}: {gap}", "title"),
            (f"{one.conversation.id}, turn {one.turn}; {said(one.ratings)}", "soft"),
        )
        with st.expander("The conversation up to this turn"):
            _context(one.conversation.turns, one.turn)


def _place(turn: ScoredTurn) -> tuple[int, int, str]:
    return turn.number, turn.turn, turn.rubric.id


def _say(store: RunStore, turn: ScoredTurn, name: str, choice: Choice) -> None:
    label(store, turn, name, choice)
    known = others(store, turn, name)
    heard = f" Others: {said(known)}." if known else ""
    st.session_state["last-label"] = (
        f"Kept: {turn.conversation.id}, turn {turn.turn}: {choice.name}. The judge gave {turn.score or 0:.2f}.{heard}"
    )


def _context(turns: Sequence[Turn], last: int) -> None:
    first = max(0, last - _CONTEXT)
    if first:
        message(f"{first} earlier turns are not shown.", "soft")
    chat(turns[first : last + 1], judged=last, first=first)
