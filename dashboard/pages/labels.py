"""People label turns, and see where the judge sees them differently."""

import streamlit as st

from convexplain.dashboard.services.labelling import disagreements, reviewer, waiting
from convexplain.dashboard.ui.label_card import label_card, show_disagreement, show_last_label
from convexplain.dashboard.ui.place import store
from convexplain.dashboard.ui.plain import message
from convexplain.dashboard.ui.reading import choose
from convexplain.errors import UsageError
from convexplain.store import run_rubrics

_AHEAD, _SHOWN = 20, 25

st.title("Labels")
opened = store()
reading = choose(opened)
if reading is None:
    st.stop()
run = reading.run.id
rubric = next(one for one in run_rubrics(opened, run) if one.sha == reading.maxim.sha)
message(rubric.requirement)
asking, differing = st.tabs(["Label turns", "Judge and people apart"])
with asking:
    name = st.text_input("Your name", key="reviewer", help="Kept with each label; two people's labels both count.")
    try:
        turns = waiting(opened, run, rubric, name, _AHEAD) if reviewer(name) else []
    except UsageError as error:
        turns = []
        if name:
            message(str(error), "error")
        else:
            st.info("Write your name, and the turns with the lowest scores come one after the other.")
    else:
        if turns:
            label_card(opened, turns, reviewer(name))
        else:
            st.success("You have labelled every scored turn of this run on this maxim.")
        show_last_label()
with differing:
    found = disagreements(opened, run, rubric, _SHOWN)
    for one in found:
        show_disagreement(one)
    if not found:
        st.info("Nobody has labelled a turn of this run on this maxim yet.")
st.caption("`convexplain judges validate`, `calibrate` and `train-head` use these labels.")
