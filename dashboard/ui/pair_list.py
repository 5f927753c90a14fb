"""The list of contrasts, and its filters."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from convexplain.report.trust_marks import TrustMark
from convexplain.store import RunStore, run_rubrics
from convexplain.store.contrast_list import (
    ContrastFilters,
    ContrastRow,
    contrast_count,
    contrast_rows,
    longest_distance,
)
from convexplain.text.visible import one_line

from .query_cache import cached_query
from .turn_table import cell

_PAGE = 15
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


def pair_table(store: RunStore, which: ContrastFilters, marks: Mapping[str, TrustMark]) -> list[ContrastRow]:
    """Show one page of the list, whose rows select a contrast; return the page's rows."""
    total = contrast_count(store, which)
    pages = max(1, -(-total // _PAGE))
    page = st.pagination(pages, key=f"p-page-{hash(which)}", max_visible_pages=5) if pages > 1 else 1
    rows = contrast_rows(store, which, _PAGE, _PAGE * (page - 1))
    if not rows:
        st.info(
            "No contrast matches the filters. Remove a filter; “Only successful contrasts” hides unsuccessful searches."
        )
        return []
    key = f"pairs-{page}-{hash(which)}"

    def clicked() -> None:
        clicked_rows = st.session_state[key]["selection"]["rows"]
        if clicked_rows:
            st.session_state["pair"] = rows[clicked_rows[0]].number

    st.dataframe(
        pd.DataFrame(
            {
                "before": [row.before for row in rows],
                "after": [row.after for row in rows],
                "words": [row.distance for row in rows],
                "review": [_DECISIONS[row.decision or "open"] for row in rows],
                "maxim": [cell(row.rubric) for row in rows],
                "trust": [marks[row.rubric].word for row in rows],
                "conversation": [f"{cell(row.conversation)}, {row.turn}" for row in rows],
                "question": [row.question for row in rows],
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
    st.caption(f"{total:,} {'contrast' if total == 1 else 'contrasts'}; the largest change of the score comes first.")
    return rows
