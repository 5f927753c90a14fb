"""Editing a turn in place: all maxims are scored again, and the edits that were tried can be restored and kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

from convexplain.dashboard.services.conversation import ConversationView
from convexplain.dashboard.services.tries import Try, keep_pair, start_try
from convexplain.errors import ConvexplainError
from convexplain.store import RunStore
from convexplain.types import Rubric
from convexplain.workspace import WhatIf

from .safe_text import message
from .try_result import offer_pair, show_diffs, show_scores, show_trail

_PATIENCE = 1.5  # seconds in which an edit is scored before the page goes on without it
_EVERY = 1.0  # seconds between looks at whether it is scored by then


@dataclass(slots=True)
class Desk:
    """The edits of a conversation in one session.

    Attributes:
        drafts: the texts in the place of turns, by their indices.
        tries: what was scored, the newest last.
        selected: the try whose scores are shown; None where there is none.
        pairs: numbers of the contrasts that were kept, by the indices of tries and the ids of maxims.
        problem: why the last click did nothing; empty where it did.
    """

    drafts: dict[int, str] = field(default_factory=dict)
    tries: list[Try] = field(default_factory=list)
    selected: int | None = None
    pairs: dict[tuple[int, str], int] = field(default_factory=dict)
    problem: str = ""

    def edits_before(self, turn: int) -> Mapping[int, str]:
        """Return the drafts of a turn and of the turns before it."""
        return {place: text for place, text in self.drafts.items() if place <= turn}

    def draft(self, view: ConversationView, place: int, text: str) -> None:
        """Write a turn's text; the logged one is no draft."""
        if text == view.conversation.turns[place].content:
            self.drafts.pop(place, None)
        else:
            self.drafts[place] = text

    def show(self, index: int) -> None:
        """Show a try, and make its texts the drafts."""
        self.selected, self.problem = index, ""
        self.drafts = dict(self.tries[index].edits)


def desk(view: ConversationView) -> Desk:
    """Return the edits of a conversation in this session."""
    key = f"desk-{view.run}-{view.number}"
    if key not in st.session_state:
        st.session_state[key] = Desk()
    edits: Desk = st.session_state[key]
    return edits


def edited_place(view: ConversationView) -> int | None:
    """Return the index of the turn whose editor is open; None for none."""
    run, number, place = st.session_state.get("edited-turn", (None, None, None))
    return place if (run, number) == (view.run, view.number) else None


def edit_button(
    store: RunStore, view: ConversationView, place: int, judged: int, rubric: Rubric, *, by_key: bool
) -> None:
    """Show the button that opens or closes the editor of a turn; key E where `by_key`."""
    is_open = edited_place(view) == place

    def toggle() -> None:
        if is_open:
            del st.session_state["edited-turn"]
        else:
            st.session_state["edited-turn"] = (view.run, view.number, place)
            _warm(store, view, judged, rubric)

    st.button(
        "Close" if is_open else "Edit",
        key=f"edit-{place}",
        type="tertiary",
        icon=None if is_open else ":material/edit:",
        shortcut="E" if by_key else None,
        on_click=toggle,
        help=f"Try other words in turn {place}: turn {judged} is scored again",
    )


@st.fragment
def turn_editor(store: RunStore, view: ConversationView, place: int, judged: int, rubric: Rubric) -> None:
    """Show the field for other words of a turn, the scores with them, and the edits that were tried."""
    edits = desk(view)
    key = _text_key(view, place)
    if key not in st.session_state:
        st.session_state[key] = edits.drafts.get(place, view.conversation.turns[place].content)
    with st.form(f"form-{view.number}-{place}", border=True):
        st.text_area(f"Turn {place} in other words", key=key, height=_height(st.session_state[key]))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.form_submit_button("Score", type="primary", on_click=_submit, args=(store, view, place, judged, rubric))
            st.form_submit_button("Back to the logged text", on_click=_reset, args=(view, place))
            message("Ctrl+Enter scores it too.", "soft")
    if edits.problem:
        message(edits.problem, "error")
    _outcome(store, view, judged, rubric, edits)
    show_trail(view, edits.tries, judged, edits.selected, lambda index: _restore(view, index))


def _outcome(store: RunStore, view: ConversationView, judged: int, rubric: Rubric, edits: Desk) -> None:
    if edits.selected is None or edits.tries[edits.selected].turn != judged:
        return
    attempt = edits.tries[edits.selected]
    result = attempt.result(_PATIENCE)
    if result is not None:
        show_scores(attempt, result)
        show_diffs(view, attempt)
        pair = edits.pairs.get((edits.selected, rubric.id))
        offer_pair(result, rubric, pair, lambda: _keep(store, view, edits.selected, result, rubric))
    elif attempt.problem:
        message(attempt.problem, "error")
    else:
        _watch(attempt, view.judgements[judged, rubric.id].model)


@st.fragment(run_every=_EVERY)
def _watch(attempt: Try, judge: str) -> None:
    if attempt.scores.done():
        st.rerun()
    message(f"{judge} is scoring this edit. You can go on: the scores appear here when they are there.", "soft")


def _submit(store: RunStore, view: ConversationView, place: int, judged: int, rubric: Rubric) -> None:
    edits = desk(view)
    text = st.session_state[_text_key(view, place)] or ""
    edits.problem = ""
    if not text.strip():
        edits.problem = "The text is empty. Write the words that stand in the turn’s place."
        return
    edits.draft(view, place, text)
    changed = edits.edits_before(judged)
    if not changed:
        edits.problem = "The text is the logged one. Change some words first."
        return
    try:
        edits.tries.append(start_try(store, view, judged, changed, rubric.id))
    except ConvexplainError as error:
        edits.problem = str(error)
    else:
        edits.selected = len(edits.tries) - 1


def _reset(view: ConversationView, place: int) -> None:
    edits = desk(view)
    edits.drafts.pop(place, None)
    edits.selected, edits.problem = None, ""
    st.session_state[_text_key(view, place)] = view.conversation.turns[place].content


def _restore(view: ConversationView, index: int) -> None:
    edits = desk(view)
    edits.show(index)
    for place, turn in enumerate(view.conversation.turns):
        if _text_key(view, place) in st.session_state:
            st.session_state[_text_key(view, place)] = edits.drafts.get(place, turn.content)


def _keep(store: RunStore, view: ConversationView, index: int | None, result: WhatIf, rubric: Rubric) -> None:
    edits, name = desk(view), st.session_state.get("reviewer") or ""
    edits.problem = ""
    if index is None or not name.strip():
        edits.problem = "Write your name first; it is saved with the pair."
        return
    try:
        edits.pairs[index, rubric.id] = keep_pair(store, view, result, rubric, name)
    except ConvexplainError as error:
        edits.problem = str(error)


def _warm(store: RunStore, view: ConversationView, judged: int, rubric: Rubric) -> None:
    # Opens the judge and scores the turn as it is while the person writes. An error shows with the first edit.
    try:
        text = view.conversation.turns[judged].content
        start_try(store, view, judged, {judged: text}, rubric.id)
    except ConvexplainError:
        return


def _text_key(view: ConversationView, place: int) -> str:
    return f"words-{view.run}-{view.number}-{place}"


def _height(text: str) -> int:
    lines = sum(1 + len(line) // 70 for line in text.split("\n"))
    return min(420, max(110, 26 * lines + 40))
