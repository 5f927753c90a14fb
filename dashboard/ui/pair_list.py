"""The list of contrasts, and what narrows it."""

from typing import Any

import pandas as pd
import streamlit as st

from convexplain.store import RunStore, run_rubrics
from convexplain.store.contrast_list import (
    ContrastFilters,
    ContrastRow,
    contrast_count,
    contrast_rows,
    longest_distance,
)
from convexplain.text.visible import one_line

from .cached import kept
from .turn_table import cell

_PAGE = 15
_WAYS = {"either way": None, "raises the score": True, "lowers it": False}
_SAID = {"open": "not reviewed", "accept": "accepted", "reject": "rejected", "fix": "fixed"}


def narrowed(store: RunStore, run: int) -> ContrastFilters:
    """The filters."""
    titles = {rubric.id: one_line(rubric.title) for rubric in kept(store, run, run_rubrics, run)}
    longest = longest_distance(store, run)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.popover("Filter", icon=":material/filter_alt:"):
            rubrics = st.multiselect(
                "Maxims", list(titles), format_func=lambda one: titles.get(one, one), key="p-rubrics"
            )
            way = st.selectbox("Direction", list(_WAYS), key="p-way")
            margin = st.slider("Moves the score by at least", 0.0, 1.0, 0.0, 0.05, key="p-margin")
            distance = (
                st.slider("Words changed at most", 1, longest, longest, key=f"p-distance-{run}")
                if longest > 1
                else None
            )
            found = st.toggle("Only those that were found", value=True, key="p-found")
        reviewed: Any = st.segmented_control(
            "Reviewed", list(_SAID), format_func=lambda one: _SAID[one], selection_mode="multi", key="p-reviewed",
            label_visibility="collapsed",
        )  # fmt: skip
    return ContrastFilters(
        run,
        tuple(rubrics),
        _WAYS[way],
        margin,
        None if distance in (None, longest) else distance,
        found,
        tuple(reviewed),
    )


def listed(store: RunStore, which: ContrastFilters) -> list[ContrastRow]:
    """A page of the list; a click on a row shows it."""
    total = contrast_count(store, which)
    pages = max(1, -(-total // _PAGE))
    page = st.pagination(pages, key=f"p-page-{hash(which)}", max_visible_pages=5) if pages > 1 else 1
    rows = contrast_rows(store, which, _PAGE, _PAGE * (page - 1))
    if not rows:
        st.info(
            "No contrast is like that. Take a filter back; “Only those that were found” hides searches that found none."
        )
        return []
    key = f"pairs-{page}-{hash(which)}"

    def clicked() -> None:
        picked = st.session_state[key]["selection"]["rows"]
        if picked:
            st.session_state["pair"] = rows[picked[0]].number

    st.dataframe(
        pd.DataFrame(
            {
                "before": [row.before for row in rows],
                "after": [row.after for row in rows],
                "words": [row.distance for row in rows],
                "review": [_SAID[row.decision or "open"] for row in rows],
                "maxim": [cell(row.rubric) for row in rows],
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
    st.caption(f"{total:,} {'contrast' if total == 1 else 'contrasts'}; the largest movement of the score comes first.")
    return rows
