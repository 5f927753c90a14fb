"""The trust in the judge, and the distributions of a run's scores: always those of all judged turns."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from convexplain.dashboard.services.overview import day_groups, length_classes
from convexplain.report.trust_marks import TrustMark
from convexplain.store import RunStore
from convexplain.store.alarms import run_alarms
from convexplain.store.judgement_filters import JudgementFilters
from convexplain.store.overview import Grouping, ScoreGroup, distribution, score_groups
from convexplain.store.samples import run_sample
from convexplain.text.visible import one_line

from . import address
from .charts import curve, histogram
from .filters import bot_name, form_version, narrow, source_name
from .query_cache import cached_query
from .run_selection import RunSelection
from .safe_text import message
from .trust_note import trust_note
from .turn_table import group_table

_CURVE = 60  # turns in the curve
_GROUPINGS: dict[Grouping, str] = {"source": "Source", "bot": "Bot", "length": "Length", "turn": "Turn"}


def trust_notes(selection: RunSelection) -> None:
    """Show the trust in the judge on the selected maxim, and where its threshold comes from."""
    sample = run_sample(selection.run)
    if sample is not None:
        message(sample.sentence, "soft")
    trust_note(selection.mark, names=(one_line(selection.maxim.title),))
    for alarm in run_alarms(selection.run):
        if alarm.rubric == selection.maxim.rubric:
            message(replace(alarm, flags=selection.mark.flags).sentence, "soft")


def distributions(store: RunStore, selection: RunSelection, which: JudgementFilters, longest: int) -> None:
    """Show, folded, the scores of all judged turns on the maxim: a click narrows the list, never these charts."""
    opened = st.expander(
        f"All scores on {one_line(selection.maxim.title)}: distribution, groups, time",
        key="distributions",
        on_change="rerun",
    )
    if not opened.open:
        return
    with opened:
        all_turns = JudgementFilters(which.run, which.rubric, which.threshold)
        _score_charts(store, all_turns, which, selection.mark)
        _group_charts(store, all_turns, selection.mark, longest)


def _score_charts(store: RunStore, all_turns: JudgementFilters, which: JudgementFilters, mark: TrustMark) -> None:
    threshold = which.threshold if mark.flags else None
    scores = cached_query(store, which.run, distribution, all_turns)
    left_column, right_column = st.columns(2, gap="medium")
    with left_column:
        st.header("Scores", anchor=False)
        if scores.scored:
            histogram(scores, threshold, which.scores, f"histogram-{form_version()}", _list_scores)
        else:
            st.info("None of these turns has a score. The list below gives the reasons.")
    with right_column:
        st.header("Along the conversation", anchor=False)
        by_turn = cached_query(store, which.run, score_groups, all_turns, "turn")
        if len(by_turn) > 1:
            curve(by_turn[:_CURVE], "turn", "index of the turn", threshold)
        else:
            st.caption("All scored turns have the same index, so there is no curve.")


def _group_charts(store: RunStore, all_turns: JudgementFilters, mark: TrustMark, longest: int) -> None:
    left_column, right_column = st.columns(2, gap="medium")
    with left_column:
        st.header("By group", anchor=False)
        by = _grouping()
        _groups(cached_query(store, all_turns.run, score_groups, all_turns, by), by, mark, longest)
    with right_column:
        st.header("Over time", anchor=False)
        dated = day_groups(cached_query(store, all_turns.run, score_groups, all_turns, "day"))
        if len(dated) > 1:
            threshold = all_turns.threshold if mark.flags else None
            curve([group for group, _ in dated], "day", "day on which the conversation began", threshold)
        else:
            st.caption("The log gives no dates for these conversations, or they all began on one day.")


def _grouping() -> Grouping:
    chosen = st.query_params.get("by")
    current: Grouping = next((by for by in _GROUPINGS if by == chosen), "source")
    st.session_state["by"] = current

    def changed() -> None:
        by = st.session_state["by"]
        address.write(by=None if by == "source" else by)

    st.segmented_control(
        "By", list(_GROUPINGS), format_func=lambda by: _GROUPINGS[by], key="by", required=True,
        label_visibility="collapsed", on_change=changed,
    )  # fmt: skip
    return current


def _groups(counts: list[ScoreGroup], by: Grouping, mark: TrustMark, longest: int) -> None:
    table: list[tuple[str, ScoreGroup, Any]]  # a group's label, the group, and the value of the filter that selects it
    if by == "length":
        spans = [(str(group.key), group, span) for group, span in length_classes(counts)]
        name, table = "length", [(key, group, (low, min(high, longest))) for key, group, (low, high) in spans]
    elif by == "turn":
        name, table = "turns", [(str(group.key), group, (group.key, group.key)) for group in counts]
    else:
        label_of = bot_name if by == "bot" else source_name
        worst = sorted(counts, key=lambda group: (-group.share if mark.flags else 0, group.mean))
        name, table = f"{by}s", [(label_of(str(group.key)), group, [str(group.key)]) for group in worst]
    if not table:
        st.caption("There is no scored turn.")
        return
    group_table(
        f"group-{by}-{form_version()}",
        _GROUPINGS[by].lower(),
        [(label, group.n, group.mean, group.share if mark.flags else None) for label, group, _ in table],
        lambda i: narrow(**{name: table[i][2]}),
    )


def _list_scores(scores: Sequence[float]) -> None:
    narrow(scores=(scores[0], scores[1]))
