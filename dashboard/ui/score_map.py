"""The score map of a conversation: its judged turns and maxims as a heat map."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from convexplain.dashboard.services.conversation import ConversationView
from convexplain.report.trust_marks import COLOURS, TrustMark
from convexplain.text.visible import one_line

_MOST = 300  # judged turns in the map
_ROW, _AROUND = 24, 106  # pixels of a maxim, and of axis and legend


def score_map(view: ConversationView, selected: int, rubric: str) -> tuple[int, str] | None:
    """Draw the map; return the turn and the rubric of the clicked cell."""
    titles = {maxim.id: one_line(maxim.title)[:40] for maxim in view.rubrics}
    pick = alt.selection_point(name="cell", fields=["turn", "rubric"], empty=False)
    chart = _heat_map(_cells(view, titles, selected, rubric), list(titles.values()), pick)
    event: Any = st.altair_chart(
        chart,
        key=f"score-map-{view.run}-{view.number}",
        on_select="rerun",
        selection_mode="cell",
        alt="Scores of all turns",
    )
    if not all(mark.flags for mark in view.marks.values()):
        st.caption("Grey rows: the scores of these maxims are not held against a threshold.")
    clicked = event["selection"].get("cell") if event and event.get("selection") else None
    return (int(clicked[0]["turn"]), str(clicked[0]["rubric"])) if clicked else None


def _cells(view: ConversationView, titles: Mapping[str, str], selected: int, rubric: str) -> list[dict[str, Any]]:
    """Return a cell for each maxim of each judged turn; of a long conversation for those around the selected turn."""
    turns = view.judged
    position = turns.index(selected) if selected in turns else 0
    first = max(0, min(position - _MOST // 2, len(turns) - _MOST))
    drawn = set(turns[first : first + _MOST])
    thresholds = {maxim.id: maxim.threshold for maxim in view.rubrics}
    return [
        {
            "turn": turn,
            "maxim": titles[name],
            "rubric": name,
            "score": judgement.score,
            "label": "unscored" if judgement.score is None else f"{judgement.score:.2f}",
            "mark": _mark(judgement.score, thresholds[name], view.marks[name]),
            "coloured": view.marks[name].flags,
            "trust": view.marks[name].word,
            "here": turn == selected and name == rubric,
        }
        for (turn, name), judgement in view.judgements.items()
        if turn in drawn and name in titles
    ]


def _heat_map(
    cells: Sequence[Mapping[str, Any]], titles: Sequence[str], pick: alt.Parameter
) -> alt.LayerChart | alt.FacetChart:
    """Return the chart: turns from left to right, maxims from top to bottom."""
    base = alt.Chart(pd.DataFrame(cells)).encode(
        x=alt.X("turn:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("maxim:N", title=None, sort=titles, axis=alt.Axis(labelLimit=150, labelOverlap=False)),
    )
    colour = alt.Color(
        "score:Q",
        title="score",
        scale=alt.Scale(
            domain=[0, 0.5, 1], range=[COLOURS["low"], "#c3c7cb", COLOURS["good"]], clamp=True, interpolate="rgb"
        ),
        legend=alt.Legend(orient="top", gradientLength=140, gradientThickness=9, titleOrient="left", tickCount=3),
    )
    tooltip = [
        alt.Tooltip(f"{name}:N", title=title)
        for name, title in (("turn", "turn"), ("maxim", "maxim"), ("label", "score"), ("trust", "trust"))
    ]
    heat = base.mark_rect(cursor="pointer", cornerRadius=2).encode(
        color=alt.condition("datum.coloured", colour, alt.value(COLOURS["grey"])),
        tooltip=tooltip,
        stroke=alt.condition("datum.here", alt.value("#888"), alt.value(None)),
        strokeWidth=alt.condition("datum.here", alt.value(3), alt.value(0)),
    )
    marks = base.mark_text(fontSize=11, color="#1d2329", cursor="pointer").encode(text="mark:N", tooltip=tooltip)
    return alt.layer(heat.add_params(pick), marks).properties(height=_ROW * len(titles) + _AROUND)


def _mark(score: float | None, threshold: float, mark: TrustMark) -> str:
    if score is None:
        return "?"
    return "▼" if mark.is_low(score, threshold) else ""
