"""The parts of the overview, from the top of the page to its end."""

from dataclasses import replace
from typing import Any

import streamlit as st

from convexplain.dashboard.services.overview import day_groups, excerpts, length_classes
from convexplain.report.trust_marks import TrustMark
from convexplain.store import RunStore
from convexplain.store.alarms import run_alarms
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

from .charts import curve, histogram
from .filters import bot_name, clear, narrow, source_name
from .query_cache import cached_query
from .run_selection import RunSelection
from .safe_text import message
from .trust_note import trust_note
from .turn_table import cell, group_table, open_turn, pick_row, score_column

_PAGE = 25
_CURVE = 60  # turns in the curve
_WIDTHS = {"judge": 70, "bot": 90, "conversation": 110, "source": 150}
_MODES = {"low": "Lowest first", "none": "Unscored"}


def overview_figures(selection: RunSelection, scores: Distribution) -> None:
    """Show the trust in the judge and the numbers of the selected maxim, each a button that lists its turns."""
    maxim = selection.maxim
    trust_note(selection.mark)
    for alarm in run_alarms(selection.run):
        if alarm.rubric == maxim.rubric:
            message(replace(alarm, flags=selection.mark.flags).sentence, "soft")
    share = scores.below / scores.scored if scores.scored else 0.0
    mean = "–" if scores.mean is None else f"{scores.mean:.2f}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if selection.mark.flags:
            st.button(
                f"**{share:.1%}** below {maxim.threshold:g} · {scores.below:,} turns",
                on_click=_show,
                args=("low", (0.0, maxim.threshold)),
                type="primary" if scores.below else "secondary",
                disabled=not scores.below,
            )
        st.button(f"**{scores.scored:,}** scored · mean **{mean}**", on_click=_show, args=("low", None))
        st.button(
            f"**{scores.unscored:,}** unscored", on_click=_show, args=("none", None), disabled=not scores.unscored
        )
    if len(selection.maxims) > 1:
        with st.expander(f"All {len(selection.maxims)} maxims of the run, without filters"):
            _maxims(selection)


def score_charts(store: RunStore, which: JudgementFilters, mark: TrustMark) -> None:
    """Show the distribution of scores, before the filter on scores, and the mean score by the turn's index."""
    threshold = which.threshold if mark.flags else None
    scores = cached_query(store, which.run, distribution, replace(which, scores=None))
    left_column, right_column = st.columns(2, gap="medium")
    with left_column:
        st.subheader("Scores", anchor=False)
        if scores.scored:
            _follow_bar(histogram(scores, threshold, which.scores))
        else:
            st.info("None of these turns has a score. The list below gives the reasons.")
    with right_column:
        st.subheader("Along the conversation", anchor=False)
        by_turn = cached_query(store, which.run, score_groups, which, "turn")
        if len(by_turn) > 1:
            curve(by_turn[:_CURVE], "turn", "index of the turn", threshold)
        else:
            st.caption("All scored turns have the same index, so there is no curve.")


def group_charts(store: RunStore, which: JudgementFilters, mark: TrustMark) -> None:
    """Show the scores by source, bot, length or turn, and over time."""
    left_column, right_column = st.columns(2, gap="medium")
    with left_column:
        st.subheader("By group", anchor=False)
        names: dict[Grouping, str] = {"source": "Source", "bot": "Bot", "length": "Length", "turn": "Turn"}
        by = st.segmented_control(
            "By", list(names), format_func=lambda by: names[by], default="source", key="by", required=True,
            label_visibility="collapsed", persist_state="session",
        )  # fmt: skip
        _groups(cached_query(store, which.run, score_groups, which, by), by, mark)
    with right_column:
        st.subheader("Over time", anchor=False)
        dated = day_groups(cached_query(store, which.run, score_groups, which, "day"))
        if len(dated) > 1:
            threshold = which.threshold if mark.flags else None
            curve([group for group, _ in dated], "day", "day on which the conversation began", threshold)
        else:
            st.caption("The log gives no dates for these conversations, or they all began on one day.")


def turn_list(
    store: RunStore, which: JudgementFilters, scores: Distribution, maxim: MaximCount, mark: TrustMark
) -> None:
    """Show one page of the turns; a click on a turn opens its conversation."""
    st.subheader("Turns", anchor=False)
    if st.session_state.get("mode") not in _MODES:
        st.session_state["mode"] = "low" if scores.scored else "none"
    left_column, right_column = st.columns([2, 3], vertical_alignment="center")
    mode = left_column.segmented_control(
        "Which",
        list(_MODES),
        format_func=lambda mode: _MODES[mode],
        key="mode",
        required=True,
        label_visibility="collapsed",
    )
    unscored = mode == "none"
    total = scores.unscored if unscored else scores.scored
    pages = max(1, -(-total // _PAGE))
    with right_column.container(horizontal=True, horizontal_alignment="right"):
        page = st.pagination(pages, key=f"page-{hash((which, mode))}") if pages > 1 else 1
    page_rows = turn_rows(store, which, _PAGE, _PAGE * (page - 1), unscored=unscored)
    if not page_rows:
        st.caption("There is no such turn.")
        return
    st.caption("Click the box at the left of a turn to open its conversation.")
    texts = excerpts(store, page_rows)
    columns: dict[str, list[Any]] = {
        "score": [row.score for row in page_rows],
        "turn": [row.turn for row in page_rows],
        "text": texts,
        "judge": [cell(row.reason) if unscored else one_line(row.label or "") for row in page_rows],
        "explained": [_explained(row.attributed, row.contrasted) for row in page_rows],
        "bot": [bot_name(row.bot or "") for row in page_rows],
        "conversation": [cell(row.conversation) for row in page_rows],
        "source": [cell(source_name(row.source)) for row in page_rows],
    }
    kinds: dict[str, Any] = {
        "score": score_column(mark),
        "turn": st.column_config.NumberColumn(width=45),
        "text": st.column_config.TextColumn(width=400),
        **{name: st.column_config.TextColumn(width=width) for name, width in _WIDTHS.items()},
    }
    if unscored:
        del columns["score"]
    clicked = pick_row(f"turns-{page}-{hash((which, mode))}", columns, kinds)
    if clicked is not None:
        row = page_rows[clicked]
        open_turn(which.run, row.conversation, row.number, row.turn, maxim.rubric)


def _groups(counts: list[ScoreGroup], by: Grouping, mark: TrustMark) -> None:
    table: list[tuple[str, ScoreGroup, Any]]  # a group's label, the group, and the value of the filter that selects it
    if by == "length":
        name, table = "length", [(str(group.key), group, span) for group, span in length_classes(counts)]
    elif by == "turn":
        name, table = "turns", [(str(group.key), group, (group.key, group.key)) for group in counts]
    else:
        label_of = bot_name if by == "bot" else source_name
        worst = sorted(counts, key=lambda group: (-group.share if mark.flags else 0, group.mean))
        name, table = f"{by}s", [(label_of(str(group.key)), group, [group.key]) for group in worst]
    if not table:
        st.caption("There is no scored turn.")
        return
    group_table(
        f"group-{by}",
        {"source": "source", "bot": "bot", "length": "length", "turn": "turn"}[by],
        [(label, group.n, group.mean, group.share if mark.flags else None) for label, group, _ in table],
        lambda i: narrow(name, table[i][2]),
    )


def _maxims(selection: RunSelection) -> None:
    marks = [selection.marks[maxim.rubric] for maxim in selection.maxims]
    table = [
        (maxim.title, maxim.scored, maxim.mean or 0.0, maxim.below / max(maxim.scored, 1) if mark.flags else None)
        for maxim, mark in zip(selection.maxims, marks, strict=True)
    ]

    def select(i: int) -> None:
        st.session_state["rubric-chosen"] = st.query_params["rubric"] = selection.maxims[i].rubric

    group_table("maxims", "maxim", table, select, [mark.word for mark in marks])
    unscored = [maxim for maxim in selection.maxims if maxim.unscored]
    if unscored:
        message("Unscored: " + ", ".join(f"{maxim.title} {maxim.unscored:,}" for maxim in unscored), "soft")


def _follow_bar(scores: tuple[float, float] | None) -> None:
    # A clicked bar sets the filter once; the chart returns it on every later run of the page.
    if scores is not None and st.session_state.get("last-bar") != scores:
        st.session_state["last-bar"] = scores
        narrow("scores", scores)
        st.rerun()
    if scores is None:
        st.session_state.pop("last-bar", None)


def _show(mode: str, scores: tuple[float, float] | None) -> None:
    st.session_state["mode"] = mode
    if scores is None:
        clear("scores")
    else:
        narrow("scores", scores)


def _explained(attributed: bool, contrasted: bool) -> str:
    return " + ".join(name for name, exists in (("attribution", attributed), ("contrast", contrasted)) if exists)
