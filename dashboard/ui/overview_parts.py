"""The parts of the overview, from the top of the page to its end."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from convexplain.dashboard.services.overview import days, excerpts, lengths
from convexplain.store import RunStore
from convexplain.store.judgement_filters import JudgementFilters
from convexplain.store.overview import (
    Distribution,
    Grouping,
    MaximCount,
    ScoreGroup,
    distribution,
    score_groups,
    turn_rows,
)
from convexplain.text.visible import one_line

from .cached import kept
from .charts import curve, histogram
from .filters import bot_name, clear, narrow, source_name
from .plain import message
from .reading import Reading
from .turn_table import cell, group_table, open_turn, pick_row

_PAGE = 25
_CURVE = 60  # turns that the curve shows
_WIDTHS = {"judge": 70, "bot": 90, "conversation": 110, "source": 150}
_MODES = {"low": "Lowest first", "none": "Unscored"}


def figures(reading: Reading, found: Distribution) -> None:
    """The numbers of the maxim that is looked at, each leading to its turns, and those of the other maxims."""
    maxim = reading.maxim
    share = found.below / found.scored if found.scored else 0.0
    mean = "–" if found.mean is None else f"{found.mean:.2f}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"**{share:.1%}** below {maxim.threshold:g} · {found.below:,} turns",
            on_click=_show,
            args=("low", (0.0, maxim.threshold)),
            type="primary" if found.below else "secondary",
            disabled=not found.below,
        )
        st.button(f"**{found.scored:,}** scored · mean **{mean}**", on_click=_show, args=("low", None))
        st.button(f"**{found.unscored:,}** unscored", on_click=_show, args=("none", None), disabled=not found.unscored)
    if len(reading.maxims) > 1:
        with st.expander(f"All {len(reading.maxims)} maxims of the run, without filters"):
            _maxims(reading)


def score_charts(store: RunStore, which: JudgementFilters) -> None:
    """The distribution, whatever scores are chosen of it, and how scores go along conversations."""
    found = kept(store, which.run, distribution, replace(which, scores=None))
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader("Scores", anchor=False)
        if found.scored:
            _picked(histogram(found, which.threshold, which.scores))
        else:
            st.info("None of these turns has a score. The list below says why.")
    with right:
        st.subheader("Along the conversation", anchor=False)
        by_turn = kept(store, which.run, score_groups, which, "turn")
        if len(by_turn) > 1:
            curve(by_turn[:_CURVE], "turn", "index of the turn", which.threshold)
        else:
            st.caption("All scored turns have the same index; there is no curve to draw.")


def where_charts(store: RunStore, which: JudgementFilters) -> None:
    """By source, bot, length or turn; and over time."""
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader("Where", anchor=False)
        names: dict[Grouping, str] = {"source": "Source", "bot": "Bot", "length": "Length", "turn": "Turn"}
        by = st.segmented_control(
            "By", list(names), format_func=lambda one: names[one], default="source", key="by", required=True,
            label_visibility="collapsed", persist_state="session",
        )  # fmt: skip
        _groups(kept(store, which.run, score_groups, which, by), by)
    with right:
        st.subheader("Over time", anchor=False)
        dated = days(kept(store, which.run, score_groups, which, "day"))
        if len(dated) > 1:
            curve([group for group, _ in dated], "day", "day on which the conversation began", which.threshold)
        else:
            st.caption("The log does not say when these conversations began, or all began on one day.")


def turn_list(store: RunStore, which: JudgementFilters, found: Distribution, maxim: MaximCount) -> None:
    """The turns themselves, a page at a time; a click on one opens its conversation."""
    st.subheader("Turns", anchor=False)
    if st.session_state.get("mode") not in _MODES:
        st.session_state["mode"] = "low" if found.scored else "none"
    left, right = st.columns([2, 3], vertical_alignment="center")
    mode = left.segmented_control(
        "Which",
        list(_MODES),
        format_func=lambda one: _MODES[one],
        key="mode",
        required=True,
        label_visibility="collapsed",
    )
    unscored = mode == "none"
    total = found.unscored if unscored else found.scored
    pages = max(1, -(-total // _PAGE))
    with right.container(horizontal=True, horizontal_alignment="right"):
        page = st.pagination(pages, key=f"page-{hash((which, mode))}") if pages > 1 else 1
    listed = turn_rows(store, which, _PAGE, _PAGE * (page - 1), unscored=unscored)
    if not listed:
        st.caption("There is none.")
        return
    st.caption("Click the box before a turn to open its conversation there.")
    texts = excerpts(store, listed)
    columns: dict[str, list[Any]] = {
        "score": [row.score for row in listed],
        "turn": [row.turn for row in listed],
        "what was said": texts,
        "judge": [cell(row.reason) if unscored else one_line(row.label or "") for row in listed],
        "explained": [_explained(row.attributed, row.contrasted) for row in listed],
        "bot": [bot_name(row.bot or "") for row in listed],
        "conversation": [cell(row.conversation) for row in listed],
        "source": [cell(source_name(row.source)) for row in listed],
    }
    kinds = {
        "score": st.column_config.ProgressColumn(format="%.2f", min_value=0, max_value=1, width=90),
        "turn": st.column_config.NumberColumn(width=45),
        "what was said": st.column_config.TextColumn(width=400),
        **{name: st.column_config.TextColumn(width=width) for name, width in _WIDTHS.items()},
    }
    if unscored:
        del columns["score"]
    picked = pick_row(f"turns-{page}-{hash((which, mode))}", columns, kinds)
    if picked is not None:
        row = listed[picked]
        open_turn(which.run, row.conversation, row.number, row.turn, maxim.rubric)


def _groups(found: list[ScoreGroup], by: Grouping) -> None:
    shown: list[tuple[str, ScoreGroup, Callable[[], None]]]
    if by == "length":
        shown = [(one.key, one, lambda span=span: narrow("length", span)) for one, span in lengths(found)]  # type: ignore[misc]
    elif by == "turn":
        shown = [(str(one.key), one, lambda one=one: narrow("turns", (one.key, one.key))) for one in found]  # type: ignore[misc]
    else:
        name = bot_name if by == "bot" else source_name
        worst = sorted(found, key=lambda one: -one.share)
        shown = [(name(str(one.key)), one, lambda one=one: narrow(f"{by}s", [one.key])) for one in worst]  # type: ignore[misc]
    if not shown:
        st.caption("There is none.")
        return
    group_table(
        f"group-{by}",
        {"source": "source", "bot": "bot", "length": "turns in it", "turn": "turn"}[by],
        [(label, one.n, one.mean, one.share) for label, one, _ in shown],
        lambda i: shown[i][2](),
    )


def _maxims(reading: Reading) -> None:
    shown = [
        (maxim.title, maxim.scored, maxim.mean or 0.0, maxim.below / maxim.scored if maxim.scored else 0.0)
        for maxim in reading.maxims
    ]

    def chosen(i: int) -> None:
        st.session_state["rubric-chosen"] = st.query_params["rubric"] = reading.maxims[i].rubric

    group_table("maxims", "maxim", shown, chosen)
    missing = [maxim for maxim in reading.maxims if maxim.unscored]
    if missing:
        message("Unscored: " + ", ".join(f"{one.title} {one.unscored:,}" for one in missing), "soft")


def _picked(scores: tuple[float, float] | None) -> None:
    """A bar that is clicked sets the filter of the scores once."""
    if scores is not None and st.session_state.get("bar-seen") != scores:
        st.session_state["bar-seen"] = scores
        narrow("scores", scores)
        st.rerun()
    if scores is None:
        st.session_state.pop("bar-seen", None)


def _show(mode: str, scores: tuple[float, float] | None) -> None:
    st.session_state["mode"] = mode
    if scores is None:
        clear("scores")
    else:
        narrow("scores", scores)


def _explained(attributed: bool, contrasted: bool) -> str:
    return " + ".join(name for name, there in (("attribution", attributed), ("contrast", contrasted)) if there)
