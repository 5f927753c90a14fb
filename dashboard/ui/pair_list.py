"""The list of contrasts, and its filters."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from convexplain.dashboard.services.pairs import SameEdit, same_edits
from convexplain.explain.wording import counted
from convexplain.report.trust_marks import TrustMark
from convexplain.store import RunStore, run_rubrics
from convexplain.store.contrast_list import (
    ContrastFilters,
    contrast_count,
    contrast_rows,
    edit_digests,
    longest_distance,
    newest_contrast,
)
from convexplain.text.visible import one_line

from .current_store import database, open_store
from .query_cache import cached_query
from .turn_table import cell

_PAGE = 15
_MOST = 10_000  # contrasts that are listed
_DIRECTIONS = {"either direction": None, "raises the score": True, "lowers the score": False}
_DECISIONS = {"open": "not reviewed", "accept": "accepted", "reject": "rejected", "fix": "corrected"}


def pair_filters(store: RunStore, run: int) -> ContrastFilters:
    """Show the filters of the list, and return them."""
    titles = {rubric.id: one_line(rubric.title) for rubric in cached_query(store, run, run_rubrics, run)}
    longest = longest_distance(store, run)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.popover("Filter", icon=":material/filter_alt:"):
            rubrics = st.multiselect(
                "Maxims", list(titles), format_func=lambda rubric: titles.get(rubric, rubric), key="p-rubrics"
            )
            direction = st.selectbox("Direction", list(_DIRECTIONS), key="p-way")
            margin = st.slider("Score moves by at least", 0.0, 1.0, 0.0, 0.05, key="p-margin")
            distance = (
                st.slider("Words changed at most", 1, longest, longest, key=f"p-distance-{run}")
                if longest > 1
                else None
            )
            successful = st.toggle("Only successful contrasts", value=True, key="p-found")
        reviewed: Any = st.segmented_control(
            "Reviewed",
            list(_DECISIONS),
            format_func=lambda decision: _DECISIONS[decision],
            selection_mode="multi",
            key="p-reviewed",
            label_visibility="collapsed",
        )
    return ContrastFilters(
        run,
        tuple(rubrics),
        _DIRECTIONS[direction],
        margin,
        None if distance in (None, longest) else distance,
        successful,
        tuple(reviewed),
    )


def pair_table(store: RunStore, which: ContrastFilters, marks: Mapping[str, TrustMark]) -> list[SameEdit]:
    """Show one page of the list, a row an edit, which selects its contrast; return the page's edits."""
    edits = same_edits(contrast_rows(store, which, _MOST), _digests(database(), which.run, _state(store, which.run)))
    pages = max(1, -(-len(edits) // _PAGE))
    page = st.pagination(pages, key=f"p-page-{hash(which)}", max_visible_pages=5) if pages > 1 else 1
    page_edits = edits[_PAGE * (page - 1) : _PAGE * page]
    if not page_edits:
        st.info(
            "No contrast matches the filters. Remove a filter; “Only successful contrasts” hides unsuccessful searches."
        )
        return []
    key = f"pairs-{page}-{hash(which)}"

    def clicked() -> None:
        clicked_rows = st.session_state[key]["selection"]["rows"]
        if clicked_rows:
            st.session_state["pair"] = page_edits[clicked_rows[0]].first.number

    st.dataframe(
        pd.DataFrame(
            {
                "before": [edit.first.before for edit in page_edits],
                "after": [edit.first.after for edit in page_edits],
                "words": [edit.first.distance for edit in page_edits],
                "review": [_joined(_DECISIONS[row.decision or "open"] for row in edit.rows) for edit in page_edits],
                "maxims": [_joined(cell(row.rubric) for row in edit.rows) for edit in page_edits],
                "trust": [_joined(marks[row.rubric].word for row in edit.rows) for edit in page_edits],
                "conversation": [f"{cell(edit.first.conversation)}, {edit.first.turn}" for edit in page_edits],
                "edited by": ["a person" if edit.by_person else edit.first.question for edit in page_edits],
            }
        ),
        hide_index=True,
        key=key,
        on_select=clicked,
        selection_mode="single-row",
        height="content",
        column_config={
            "before": st.column_config.NumberColumn(format="%.2f", width=60),
            "after": st.column_config.NumberColumn(format="%.2f", width=60),
            "words": st.column_config.NumberColumn(width=55),
        },
    )
    st.caption(
        f"{counted(len(edits), 'edit')}; the largest change of a score comes first. An edit that was searched for on "
        "several maxims is one row."
    )
    return page_edits


def _joined(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _state(store: RunStore, run: int) -> str:
    everything = ContrastFilters(run, found=False)
    return f"{contrast_count(store, everything)} {newest_contrast(store, run)}"


@st.cache_data(max_entries=20, show_spinner=False)
def _digests(database: str, run: int, state: str) -> dict[int, tuple[str, str]]:
    return edit_digests(open_store(), run)
