"""Contrasts as training data: read, accept, reject or correct them, and export them."""

import streamlit as st

from convexplain.dashboard.services.pairs import neighbours
from convexplain.dashboard.services.trust import run_marks
from convexplain.dashboard.ui.current_store import open_store
from convexplain.dashboard.ui.pair_card import pair_card
from convexplain.dashboard.ui.pair_export import export_pairs
from convexplain.dashboard.ui.pair_list import pair_filters, pair_table, selected_pair
from convexplain.dashboard.ui.run_selection import select_run
from convexplain.store.contrast_list import ContrastFilters, contrast_count

st.title("Contrast pairs")
store = open_store()
run = select_run(store)
if run is None:
    st.stop()
if not contrast_count(store, ContrastFilters(run.id, found=False)):
    st.info(
        "Nobody has searched for contrasts in this run. Open a turn with a low score on the page “Conversation” and "
        "start a search there, or run `convexplain contrast` for the turns with the lowest scores."
    )
    st.stop()
which, marks = pair_filters(store, run.id), run_marks(store, run)
left_column, right_column = st.container(key="reversed").columns(2, gap="medium")
with left_column:
    edits = pair_table(store, which, marks)
chosen = next((edit for edit in edits if selected_pair() in [row.number for row in edit.rows]), None)
selected, before, after = neighbours([edit.first.number for edit in edits], chosen.first.number if chosen else None)
with right_column:
    if selected is not None:
        pair_card(store, next(edit for edit in edits if edit.first.number == selected), marks, before, after)
export_pairs(store, run)
