"""How a run went: distributions, where conversations degrade, and the turns behind every number."""

import streamlit as st

from convexplain.dashboard.ui.cached import kept
from convexplain.dashboard.ui.filters import filters
from convexplain.dashboard.ui.overview_parts import figures, score_charts, turn_list, where_charts
from convexplain.dashboard.ui.place import store
from convexplain.dashboard.ui.reading import choose
from convexplain.store.overview import distribution, filter_choices

st.title("Overview")
opened = store()
reading = choose(opened)
if reading is None:
    st.stop()
run, maxim = reading.run.id, reading.maxim
which = filters(run, maxim, kept(opened, run, filter_choices, run))
found = kept(opened, run, distribution, which)
figures(reading, found)
if not found.scored and not found.unscored:
    st.info("No judged turn is like that. Take a filter back.")
    st.stop()
score_charts(opened, which)
where_charts(opened, which)
turn_list(opened, which, found, maxim)
