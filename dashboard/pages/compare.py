"""Two runs: whether the chats got better or worse, and the turns that did: two bots, two prompts, two judges."""

import streamlit as st

from convexplain.dashboard.services.comparisons import changed_themes, compared_runs, theme_state
from convexplain.dashboard.services.trust import run_marks
from convexplain.dashboard.ui.comparison_parts import (
    comparison_details,
    select_maxim,
    select_runs,
    show_themes,
    show_verdicts,
    write_comparison,
)
from convexplain.dashboard.ui.current_store import open_store
from convexplain.dashboard.ui.moved_turns import show_moved_turns
from convexplain.dashboard.ui.query_cache import cached_query
from convexplain.dashboard.ui.trust_note import trust_note

st.title("Compare")
store = open_store()
selection = select_runs(store)
if selection is None:
    st.stop()
first, second = selection
trust = str((run_marks(store, first), run_marks(store, second)))
comparison = cached_query(store, (first.id, second.id), compared_runs, first.id, second.id, trust)
if isinstance(comparison, str):
    write_comparison(first.id, second.id)
    st.info(f"{comparison[0].upper()}{comparison[1:]}.")
    st.stop()
show_verdicts(comparison)
maxim = select_maxim(comparison)
trust_note(*maxim.marks, names=("First run", "Second run"))
if maxim.change is not None:
    show_moved_turns(store, comparison, maxim)
runs = first.id, second.id
show_themes(cached_query(store, runs, changed_themes, *runs, theme_state(store, *runs)))
comparison_details(maxim)
