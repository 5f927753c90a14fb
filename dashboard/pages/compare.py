"""Two runs turn by turn: two judges, two prompts, two versions of a bot."""

import streamlit as st

from convexplain.analysis.averages import compare_averages
from convexplain.analysis.comparison import BINS, compare
from convexplain.dashboard.ui.charts import shifts
from convexplain.dashboard.ui.comparison_parts import average_figures, comparison_figures, select_runs, shift_list
from convexplain.dashboard.ui.current_store import open_store
from convexplain.dashboard.ui.query_cache import cached_query
from convexplain.store import run_rubrics
from convexplain.store.paired_scores import paired_scores, run_scores

st.title("Compare")
store = open_store()
selection = select_runs(store)
if selection is None:
    st.stop()
first, second, maxim = selection
shas = (first.id, maxim.sha, second.id, maxim.second_sha)
scope = next(rubric.scope for rubric in run_rubrics(store, first.id) if rubric.sha == maxim.sha)
paired = cached_query(store, (first.id, second.id), paired_scores, *shas, scope)
comparison = compare(paired, maxim.threshold)
if comparison is None:
    st.info("The two runs have scored no turn in common on this maxim: only their averages are compared.")
    samples = [run_scores(store, run.id, sha) for run, sha in ((first, maxim.sha), (second, maxim.second_sha))]
    average_figures(compare_averages(samples[0], samples[1], maxim.threshold), flags=maxim.flags)
    st.stop()
comparison_figures(comparison, flags=maxim.flags)
left_column, right_column = st.columns([2, 3], gap="medium")
with left_column:
    st.subheader("Shifts", anchor=False)
    shifts(
        [comparison.counts[i] + comparison.counts[i + 1] for i in range(0, BINS, 2)], -1.0, 1.0, coloured=maxim.flags
    )
with right_column:
    shift_list(store, first.id, paired, maxim)
