"""Labels: people label turns by keys, and see where they and the judge differ."""

import streamlit as st

from convexplain.dashboard.services.labelling import disagreements
from convexplain.dashboard.ui.current_store import open_store
from convexplain.dashboard.ui.disagreements import show_disagreement
from convexplain.dashboard.ui.label_card import label_card
from convexplain.dashboard.ui.label_session import VIEWS, current_desk, offer_validation, selected_view
from convexplain.dashboard.ui.run_selection import select_maxim
from convexplain.dashboard.ui.trust_note import trust_note
from convexplain.store import run_rubrics

_SHOWN = 25

st.title("Labels")
store = open_store()
selection = select_maxim(store)
if selection is None:
    st.stop()
run = selection.run
rubric = next(rubric for rubric in run_rubrics(store, run.id) if rubric.sha == selection.maxim.sha)
view = selected_view()
if view == VIEWS[0]:
    desk = current_desk(store, run, rubric, selection.mark)
    if desk is not None:
        label_card(desk, rubric)
else:
    trust_note(selection.mark)
    offer_validation(store, run.id, rubric)
    rated = disagreements(store, run.id, rubric, _SHOWN)
    for turn in rated:
        show_disagreement(turn, rubric, selection.mark.word)
    if not rated:
        st.info("Nobody has labelled a turn of this run on this maxim yet.")
