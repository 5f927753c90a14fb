"""The turns on which judge and people differ."""

import streamlit as st

from convexplain.dashboard.services.labelling import rating_summary
from convexplain.explain.wording import judged_place
from convexplain.store.ratings import RatedTurn
from convexplain.text.visible import one_line
from convexplain.types import Rubric

from .safe_text import chat, lines, message

_CONTEXT = 6  # turns shown before the judged one
_REPLY = 200  # characters of the judged reply


def show_disagreement(turn: RatedTurn, rubric: Rubric, trust: str) -> None:
    """Show a turn with the judge's score, the word for the trust in it, and people's labels."""
    direction, distance = "higher" if turn.score > turn.human else "lower", f"{abs(turn.score - turn.human):.2f}"
    gap = "they agree" if distance == "0.00" else f"the judge is {distance} {direction}"
    notes = [f"{rating.rater or 'somebody'}’s note: {rating.note}" for rating in turn.ratings if rating.note]
    with st.container(border=True):
        lines(
            (f"Judge {turn.score:.2f} ({trust}), people {turn.human:.2f}: {gap}", "title"),
            *((f"“{reply}”", "body") for reply in _reply(turn, rubric)),
            (f"{judged_place(turn.conversation.id, turn.turn, rubric)}; {rating_summary(turn.ratings)}", "soft"),
            *((note, "soft") for note in notes),
        )
        with st.expander("The conversation" if rubric.of_conversation else "The conversation up to this turn"):
            turns = rubric.judged(turn.conversation, turn.turn).turns
            first = 0 if rubric.of_conversation else max(0, turn.turn - _CONTEXT)
            if first:
                message(f"{first} earlier turns are not shown.", "soft")
            chat(turns[first:], judged=turn.turn, first=first)


def _reply(turn: RatedTurn, rubric: Rubric) -> list[str]:
    """Return the beginning of the judged reply; nothing where a whole conversation was judged."""
    if rubric.of_conversation:
        return []
    text = one_line(turn.conversation.turns[turn.turn].content)
    return [text if len(text) <= _REPLY else f"{text[:_REPLY]}…"]
