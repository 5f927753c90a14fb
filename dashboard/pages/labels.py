"""Labels: people label turns, and see where they and the judge differ."""

import streamlit as st

from convexplain.dashboard.services.labelling import disagreements, reviewer_name, unlabelled_turns
from convexplain.dashboard.ui.current_store import open_store
from convexplain.dashboard.ui.label_card import label_card, show_disagreement, show_last_label
from convexplain.dashboard.ui.run_selection import select_maxim
from convexplain.dashboard.ui.safe_text import message
from convexplain.dashboard.ui.trust_note import trust_note
from convexplain.errors import UsageError
from convexplain.store import run_rubrics

_AHEAD, _SHOWN = 20, 25

st.title("Labels")
store = open_store()
selection = select_maxim(store)
if selection is None:
    st.stop()
run = selection.run.id
rubric = next(rubric for rubric in run_rubrics(store, run) if rubric.sha == selection.maxim.sha)
message(rubric.requirement)
trust_note(selection.mark)
labelling, differences = st.tabs(["Label turns", "Disagreements with the judge"])
with labelling:
    name = st.text_input("Your name", key="reviewer", help="Saved with each label. Labels of several people all count.")
    try:
        turns = unlabelled_turns(store, run, rubric, name, _AHEAD) if reviewer_name(name) else []
    except UsageError as error:
        turns = []
        if name:
            message(str(error), "error")
        else:
            st.info("Write your name. The turns then come one by one, the lowest scores first.")
    else:
        if turns:
            label_card(store, turns, reviewer_name(name), selection.mark.word)
        else:
            st.success("You have labelled every scored turn of this run on this maxim.")
        show_last_label()
with differences:
    rated = disagreements(store, run, rubric, _SHOWN)
    for turn in rated:
        show_disagreement(turn, selection.mark.word)
    if not rated:
        st.info("Nobody has labelled a turn of this run on this maxim yet.")
st.caption("`convexplain judges validate`, `calibrate` and `train` use these labels.")
