"""Two runs turn by turn: two judges, two prompts, two versions of a bot."""

import streamlit as st

from convexplain.analysis.comparison import BINS, compare
from convexplain.dashboard.ui.cached import kept
from convexplain.dashboard.ui.charts import shifts
from convexplain.dashboard.ui.comparing import choose_two, figures, shift_list
from convexplain.dashboard.ui.place import store
from convexplain.store.paired_scores import paired_scores

st.title("Compare")
opened = store()
chosen = choose_two(opened)
if chosen is None:
    st.stop()
run, other, maxim = chosen
paired = kept(opened, (run.id, other.id), paired_scores, run.id, maxim.sha, other.id, maxim.other_sha)
found = compare(paired, maxim.threshold)
if found is None:
    st.info("The two runs have scored no turn in common on this maxim. Choose runs over the same conversations.")
    st.stop()
figures(found)
left, right = st.columns([2, 3], gap="medium")
with left:
    st.subheader("Shifts", anchor=False)
    shifts([found.counts[i] + found.counts[i + 1] for i in range(0, BINS, 2)], -1.0, 1.0)
with right:
    shift_list(opened, run.id, paired, maxim)
