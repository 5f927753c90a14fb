"""Overview of a run: the distribution of its scores, groups of turns, and the turns behind every number."""

import streamlit as st

from convexplain.dashboard.ui.current_store import open_store
from convexplain.dashboard.ui.filters import filters
from convexplain.dashboard.ui.overview_parts import group_charts, overview_figures, score_charts, turn_list
from convexplain.dashboard.ui.query_cache import cached_query
from convexplain.dashboard.ui.run_selection import select_maxim
from convexplain.store.overview import distribution, filter_choices

st.title("Overview")
store = open_store()
selection = select_maxim(store)
if selection is None:
    st.stop()
run, maxim = selection.run.id, selection.maxim
which = filters(run, maxim, cached_query(store, run, filter_choices, run))
scores = cached_query(store, run, distribution, which)
overview_figures(selection, scores)
if not scores.scored and not scores.unscored:
    st.info("No judged turn matches the filters. Remove a filter.")
    st.stop()
score_charts(store, which, selection.mark)
group_charts(store, which, selection.mark)
turn_list(store, which, scores, maxim, selection.mark)
