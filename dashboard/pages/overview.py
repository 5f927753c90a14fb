"""Overview of a run: how good, since last time, the largest problems, where, what to do next, and the turns."""

import streamlit as st

from convexplain.dashboard.services.story import (
    change_since,
    different_groups,
    low_turns_sentence,
    next_steps,
    run_states,
    worst_turns,
)
from convexplain.dashboard.ui.current_store import open_store
from convexplain.dashboard.ui.filters import current_filters
from convexplain.dashboard.ui.overview_parts import distributions, trust_notes
from convexplain.dashboard.ui.query_cache import cached_query
from convexplain.dashboard.ui.run_selection import select_maxim
from convexplain.dashboard.ui.story_parts import how_good, largest_problems, since_last_time, what_next, where
from convexplain.dashboard.ui.turn_list import turn_list
from convexplain.store.overview import filter_choices

st.title("Overview")
store = open_store()
selection = select_maxim(store)
if selection is None:
    st.stop()
run = selection.run.id
available = cached_query(store, run, filter_choices, run)
left_column, right_column = st.columns(2, gap="large")
with left_column:
    how_good(cached_query(store, run, low_turns_sentence, run), cached_query(store, run, run_states, run))
    trust_notes(selection)
    since = st.container()
with right_column:
    steps = next_steps(store, run, cached_query(store, run, worst_turns, run))
    largest_problems(steps, selection)
    groups = st.container()
    what_next(steps, selection)
which = current_filters(run, selection.maxim, available)
distributions(store, selection, which, available.longest)
turn_list(store, which, available, selection)
with groups:  # last, as the next: both take longest on a large run
    where(cached_query(store, run, different_groups, run), selection, available.longest)
with since:
    since_last_time(cached_query(store, run, change_since, run), run)
