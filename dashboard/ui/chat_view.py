"""A conversation as a chat: scores beside judged turns, earlier turns shaded by their effect on the selected one."""

from collections.abc import Callable, Sequence

import streamlit as st

from convexplain.dashboard.services.conversation import ConversationView
from convexplain.dashboard.services.tries import judged_by_edit
from convexplain.report.shades import turn_shades
from convexplain.store import RunStore
from convexplain.types import Attribution, Rubric

from .turn_editor import edit_button, edited_place, turn_editor
from .turn_html import LONGEST, turn_body, turn_head


def show_conversation(
    store: RunStore,
    view: ConversationView,
    span: tuple[int, int],
    selected: int,
    rubric: Rubric,
    attributions: Sequence[Attribution],
    select: Callable[[int], None],
) -> None:
    """Show a span of turns.

    Args:
        store: the run store.
        view: the conversation.
        span: first index and end index (not included).
        selected: index of the selected turn.
        rubric: the selected maxim.
        attributions: attributions of the selected turn, which shade the text.
        select: called with the index of a clicked turn.
    """
    shades = turn_shades(attributions)
    edited = edited_place(view)
    with st.container(gap="small"):
        for i in range(*span):
            with st.container(key=f"cxturn-{view.conversation.turns[i].role}-{i}", gap=None):
                judged = judged_by_edit(view, i, selected, rubric.id)
                with st.container(horizontal=True, vertical_alignment="center", wrap=False, gap="small"):
                    st.html(turn_head(view, i, selected, shades.get(i)))
                    with st.container(horizontal=True, width="content", wrap=False, gap="small"):
                        _why_button(view, i, selected, select)
                        if judged is not None:
                            edit_button(store, view, i, judged, rubric, by_key=i == selected)
                st.html(turn_body(view, i, selected, attributions, shades.get(i), _room(view, i)))
                _more_button(view, i)
                if i == edited and judged is not None:
                    turn_editor(store, view, i, judged, rubric)


def _why_button(view: ConversationView, i: int, selected: int, select: Callable[[int], None]) -> None:
    if i != selected and any((i, rubric.id) in view.judgements for rubric in view.rubrics):
        name, hint = f"look-{i}", f"Explain the score of turn {i}"
        st.button("Why?", key=name, type="tertiary", on_click=select, args=(i,), help=hint)


def _room(view: ConversationView, i: int) -> int:
    return int(st.session_state.get(f"room-{view.number}-{i}", LONGEST))


def _more_button(view: ConversationView, i: int) -> None:
    hidden = len(view.conversation.turns[i].content) - _room(view, i)
    if hidden > 0:
        key = f"room-{view.number}-{i}"

        def more() -> None:
            st.session_state[key] = _room(view, i) + 20 * LONGEST

        st.button(
            f"Show more of turn {i} ({hidden:,} more characters)", key=f"more-{i}", type="tertiary", on_click=more
        )
