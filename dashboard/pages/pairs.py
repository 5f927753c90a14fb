"""Contrasts as training data: look at them, accept, reject or fix them, take them away."""

import streamlit as st

from convexplain.dashboard.services.pairs import neighbours
from convexplain.dashboard.ui.pair_card import pair_card
from convexplain.dashboard.ui.pair_export import export_pairs
from convexplain.dashboard.ui.pair_list import listed, narrowed
from convexplain.dashboard.ui.place import store
from convexplain.dashboard.ui.reading import choose_run
from convexplain.store.contrast_list import ContrastFilters, contrast_count

st.title("Contrast pairs")
opened = store()
run = choose_run(opened)
if run is None:
    st.stop()
if not contrast_count(opened, ContrastFilters(run.id, found=False)):
    st.info(
        "Nobody has looked for contrasts in this run. Open a low turn on the page “Conversation” and look for an edit, "
        "or run `convexplain explain` for the lowest ones."
    )
    st.stop()
which = narrowed(opened, run.id)
left, right = st.container(key="reversed").columns(2, gap="medium")
with left:
    rows = listed(opened, which)
chosen, before, after = neighbours([row.number for row in rows], st.session_state.get("pair"))
with right:
    if chosen is not None:
        pair_card(opened, next(row for row in rows if row.number == chosen), before, after)
export_pairs(opened, run)
