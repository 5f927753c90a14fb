"""Cards of turns: one for a reviewer to label, and one on which judge and people differ."""

from collections.abc import Sequence

import streamlit as st

from convexplain.dashboard.services.labelling import (
    THUMBS,
    Choice,
    label_choices,
    other_ratings,
    rating_summary,
    save_label,
)
from convexplain.explain.wording import counted, judged_place
from convexplain.store import RunStore, ScoredTurn
from convexplain.store.ratings import RatedTurn
from convexplain.types import Turn

from .safe_text import chat, lines, message

_CONTEXT = 6


def label_card(store: RunStore, turns: Sequence[ScoredTurn], name: str, trust: str) -> None:
    """Show the first turn that was not skipped, with a button for each label; `trust` is the word beside its score."""
    skipped: set[tuple[int, int, str]] = st.session_state.setdefault("skipped", set())
    turn = next((turn for turn in turns if _key(turn) not in skipped), turns[0])
    with st.container(border=True):
        message(judged_place(turn.conversation.id, turn.turn, turn.rubric), "title")
        _judged(turn)
        if ratings := other_ratings(store, turn, name):
            labels = f"{counted(len(ratings), 'other label')} of this {turn.rubric.scope}"
            message(f"{labels}: you see them after you give yours.", "soft")
        lines(*((f"{label.name}: {label.criterion}", "soft") for label in turn.rubric.labels))
        buttons: list[tuple[str | None, Choice]] = [
            (":material/thumb_up:", THUMBS[0]),
            (":material/thumb_down:", THUMBS[1]),
        ]
        buttons += [(None, choice) for choice in label_choices(turn.rubric)]
        row = st.container(horizontal=True)
        for i, (icon, choice) in enumerate(buttons):
            key = f"say-{turn.number}-{turn.turn}-{i}"
            row.button(choice.name, key, icon=icon, on_click=_save, args=(store, turn, name, choice, trust))
        row.button("Skip", key="skip", type="tertiary", on_click=skipped.add, args=(_key(turn),))


def show_last_label() -> None:
    """Show the reviewer's last label, with the judge's score and other people's labels of that turn."""
    if "last-label" in st.session_state:
        message(st.session_state["last-label"], "soft")


def show_disagreement(turn: RatedTurn, trust: str) -> None:
    """Show a turn with the judge's score, the word for the trust in it, and people's labels."""
    direction = "above" if turn.score > turn.human else "below"
    with st.container(border=True):
        gap = f"the judge is {abs(turn.score - turn.human):.2f} {direction}"
        lines(
            (f"judge {turn.score:.2f} ({trust}), people {turn.human:.2f}: {gap}", "title"),
            (f"{turn.conversation.id}, turn {turn.turn}; {rating_summary(turn.ratings)}", "soft"),
        )
        with st.expander("The conversation up to this turn"):
            _context(turn.conversation.turns, turn.turn)


def _key(turn: ScoredTurn) -> tuple[int, int, str]:
    return turn.number, turn.turn, turn.rubric.id


def _save(store: RunStore, turn: ScoredTurn, name: str, choice: Choice, trust: str) -> None:
    save_label(store, turn, name, choice)
    ratings = other_ratings(store, turn, name)
    others_text = f" Others: {rating_summary(ratings)}." if ratings else ""
    st.session_state["last-label"] = (
        f"Saved: {judged_place(turn.conversation.id, turn.turn, turn.rubric)}: {choice.name}. "
        f"The judge gave {turn.score or 0:.2f} ({trust}).{others_text}"
    )


def _context(turns: Sequence[Turn], last: int) -> None:
    first = max(0, last - _CONTEXT)
    if first:
        message(f"{first} earlier turns are not shown.", "soft")
    chat(turns[first : last + 1], judged=last, first=first)


def _judged(turn: ScoredTurn) -> None:
    """Show what is to be labelled: a turn with those before it, or the conversation."""
    if turn.rubric.of_conversation:
        chat(turn.conversation.turns)
    else:
        _context(turn.conversation.turns, turn.turn)
