"""The list of contrasts, and its filters."""

import re
from collections.abc import Iterable, Mapping, Sequence
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

from . import address
from .address_form import AddressForm
from .current_store import database, open_store
from .list_pages import list_page, show_list_page
from .query_cache import cached_query
from .turn_table import cell

_PAGE = 15
_MOST = 10_000  # contrasts that are listed
_DIRECTIONS = {"": ("either direction", None), "up": ("raises the score", True), "down": ("lowers the score", False)}
_DECISIONS = {"open": "not reviewed", "accept": "accepted", "reject": "rejected", "fix": "corrected"}
_FORM = AddressForm("pairs", ("maxims", "way", "margin", "words", "failed", "reviewed"), ("page", "pair"))


def pair_filters(store: RunStore, run: int) -> ContrastFilters:
    """Show the filters of the list, and return them as the address has them."""
    _FORM.renew()
    titles = {rubric.id: one_line(rubric.title) for rubric in cached_query(store, run, run_rubrics, run)}
    which = _filters(run, titles, longest_distance(store, run))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.popover("Filter", icon=":material/filter_alt:"):
            _widgets(which, titles, longest_distance(store, run))
        _FORM.widget(
            st.segmented_control,
            "Reviewed",
            "reviewed",
            list(which.reviewed),
            _listed,
            of="default",
            options=list(_DECISIONS),
            format_func=lambda decision: _DECISIONS[decision],
            selection_mode="multi",
            label_visibility="collapsed",
        )
    return which


def _widgets(which: ContrastFilters, titles: Mapping[str, str], longest: int) -> None:
    rubrics: dict[str, Any] = {
        "of": "default",
        "options": list(titles),
        "format_func": lambda rubric: titles.get(rubric, rubric),
    }
    _FORM.widget(st.multiselect, "Maxims", "maxims", list(which.rubrics), _listed, **rubrics)
    ways = list(_DIRECTIONS)
    direction = ways.index(next(way for way in ways if _DIRECTIONS[way][1] == which.rises))
    choice: dict[str, Any] = {"of": "index", "options": ways, "format_func": lambda way: _DIRECTIONS[way][0]}
    _FORM.widget(
        st.selectbox, "Direction", "way", direction, lambda way: None if way == ways[0] else str(way), **choice
    )
    ends: dict[str, Any] = {"min_value": 0.0, "max_value": 1.0, "step": 0.05}
    _FORM.widget(st.slider, "Score moves by at least", "margin", which.margin, _number, **ends)
    if longest > 1:
        most: dict[str, Any] = {"min_value": 1, "max_value": longest}
        words = which.distance or longest
        _FORM.widget(
            st.slider, "Words changed at most", "words", words, lambda n: None if n == longest else str(n), **most
        )
    only = "Only successful contrasts"
    _FORM.widget(st.toggle, only, "failed", which.found, lambda successful: None if successful else "1")


def _filters(run: int, titles: Mapping[str, str], longest: int) -> ContrastFilters:
    """Return the filters of the address; what is not valid is left out."""
    parameters = st.query_params
    margin, words = parameters.get("margin", ""), parameters.get("words", "")
    reviewed: list[Any] = [decision for decision in parameters.get_all("reviewed") if decision in _DECISIONS]
    return ContrastFilters(
        run,
        tuple(rubric for rubric in parameters.get_all("maxims") if rubric in titles),
        _DIRECTIONS.get(parameters.get("way", ""), ("", None))[1],
        float(margin) if re.fullmatch(r"0\.\d{1,4}|1\.0|1", margin, re.ASCII) else 0.0,
        int(words) if re.fullmatch(r"[1-9]\d{0,6}", words, re.ASCII) and int(words) < longest else None,
        "failed" not in parameters,
        tuple(reviewed),
    )


def _listed(names: Any) -> Sequence[str] | None:
    return list(names) or None


def _number(margin: Any) -> str | None:
    return f"{margin:g}" if margin else None


def pair_table(store: RunStore, which: ContrastFilters, marks: Mapping[str, TrustMark]) -> list[SameEdit]:
    """Show one page of the list, a row an edit, which selects its contrast; return the page's edits."""
    edits = same_edits(contrast_rows(store, which, _MOST), _digests(database(), which.run, _state(store, which.run)))
    pages = max(1, -(-len(edits) // _PAGE))
    page = list_page(pages)
    page_edits = edits[_PAGE * (page - 1) : _PAGE * page]
    if not page_edits:
        st.info(_nothing(store, which))
        return []
    key = f"pairs-{page}-{hash(which)}"

    def clicked() -> None:
        clicked_rows = st.session_state[key]["selection"]["rows"]
        if clicked_rows:
            select_pair(page_edits[clicked_rows[0]].first.number)

    st.dataframe(
        _table(page_edits, marks),
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
    show_list_page("pairs-page", page, pages)
    return page_edits


def _table(edits: Sequence[SameEdit], marks: Mapping[str, TrustMark]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "before": [edit.first.before for edit in edits],
            "after": [edit.first.after for edit in edits],
            "words": [edit.first.distance for edit in edits],
            "review": [_joined(_DECISIONS[row.decision or "open"] for row in edit.rows) for edit in edits],
            "maxims": [_joined(cell(row.rubric) for row in edit.rows) for edit in edits],
            "trust": [_joined(marks[row.rubric].word for row in edit.rows) for edit in edits],
            "conversation": [f"{cell(edit.first.conversation)}, {edit.first.turn}" for edit in edits],
            "edited by": ["a person" if edit.by_person else "a search" for edit in edits],
        }
    )


def _nothing(store: RunStore, which: ContrastFilters) -> str:
    """Return why the list is empty."""
    hidden = "“Only successful contrasts” under “Filter” hides unsuccessful searches."
    if which != ContrastFilters(which.run):
        return f"No contrast matches the filters. Remove a filter; {hidden}"
    searches = contrast_count(store, ContrastFilters(which.run, found=False))
    subject = "the only search" if searches == 1 else f"none of {searches:,} searches"
    predicate = "found no edit" if searches == 1 else "found an edit"
    return (
        f"{subject[0].upper()}{subject[1:]} in this run {predicate} that moves a score far enough. Search for another "
        f"turn on the page “Conversation”, or edit a turn there in your own words. {hidden}"
    )


def selected_pair() -> int | None:
    """Return the number of the contrast in the address; None where there is none."""
    text = st.query_params.get("pair", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def select_pair(number: int | None) -> None:
    """Write the number of a contrast into the address."""
    if number is not None:
        address.write(pair=str(number))


def _joined(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _state(store: RunStore, run: int) -> str:
    everything = ContrastFilters(run, found=False)
    return f"{contrast_count(store, everything)} {newest_contrast(store, run)}"


@st.cache_data(max_entries=20, show_spinner=False)
def _digests(database: str, run: int, state: str) -> dict[int, tuple[str, str]]:
    return edit_digests(open_store(), run)
