"""The workbench: one conversation as a chat, why a turn has its score, and other words tried in place."""

import streamlit as st

from convexplain.dashboard.services.conversation import judged_turn, open_conversation, shown_span
from convexplain.dashboard.ui.chat_view import show_conversation
from convexplain.dashboard.ui.current_store import open_store
from convexplain.dashboard.ui.explanation_panel import visible_attributions
from convexplain.dashboard.ui.finding_panel import show_finding
from convexplain.dashboard.ui.navigation import (
    current_address,
    follow_click,
    go_to_turn,
    more_turns_toggle,
    navigation_bar,
    show_failure,
    write_address,
)
from convexplain.dashboard.ui.run_selection import select_maxim
from convexplain.dashboard.ui.score_map import score_map

st.title("Conversation")
store = open_store()
selection = select_maxim(store)
if selection is None:
    st.stop()
address = current_address(store, selection)
if address is None:
    st.info("This run has no judged turn on this maxim. Choose another maxim or run.")
    st.stop()
view = open_conversation(store, selection.run.id, address.conversation, address.number)
turn = None if view is None else judged_turn(view, address.turn, selection.maxim.rubric)
if view is None or turn is None:
    st.error("The run has no such conversation, or has judged no turn of it on this maxim.", icon=None)
    navigation_bar(store, selection, address.number or 0, address.turn or 0)
    st.stop()
rubric = next(rubric for rubric in view.rubrics if rubric.id == selection.maxim.rubric)
write_address(view, turn)
navigation_bar(store, selection, view.number, turn, view)
show_failure()
left_column, right_column = st.container(key="reversed").columns([3, 2], gap="medium")
with left_column:
    with st.expander("Scores of all turns"):
        follow_click(score_map(view, turn, rubric.id), turn, rubric.id)
    span = shown_span(len(view.conversation.turns), turn, more_turns_toggle(view))
    attributions = visible_attributions(store, view, turn, rubric)
    show_conversation(store, view, span, turn, rubric, attributions, go_to_turn)
with right_column:
    show_finding(store, view, turn, rubric, span)
