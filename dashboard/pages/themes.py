"""Themes: groups of flagged turns that fail in one way, to be named, corrected and made into rubrics."""

import streamlit as st

from convexplain.dashboard.services.themes import themes_of
from convexplain.dashboard.services.trust import run_marks
from convexplain.dashboard.ui.current_store import open_store
from convexplain.dashboard.ui.run_selection import select_run
from convexplain.dashboard.ui.safe_text import message
from convexplain.dashboard.ui.theme_card import theme_card
from convexplain.dashboard.ui.theme_search import search_form

st.title("Themes")
store = open_store()
run = select_run(store)
if run is None:
    st.stop()
marks = run_marks(store, run)
if not marks:
    st.info("This run has no judgements yet. Themes are groups of turns that scored low.")
    st.stop()
sorts_only = not any(mark.flags for mark in marks.values())
themes = themes_of(store, run.id)
if themes is None:
    st.info("Nobody has looked for themes in this run: groups of low turns that fail in one way.")
    search_form(run.id, sorts_only=sorts_only, label="Find themes")
    st.stop()
message(themes.size, "title")
message(" ".join((themes.search.basis, *themes.search.notes)), "soft")
for theme in themes.themes:
    theme_card(store, themes, theme)
if not themes.themes:
    st.info("There is no theme: a theme is at least three turns that fail in one way.")
elif themes.cause_note:
    message(themes.cause_note, "soft")
with st.expander("Find the themes again"):
    st.caption("Pinned themes keep their names; all others are found anew.")
    search_form(run.id, sorts_only=sorts_only, label="Find again")
