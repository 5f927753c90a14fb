"""A conversation at a glance: its judged turns and maxims as a heat map."""

from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from convexplain.dashboard.services.conversation import Talk
from convexplain.text.visible import one_line

_MOST = 300  # judged turns in the strip
_ROW, _AROUND = 24, 106  # pixels of a maxim, and of axis and legend


def strip(talk: Talk, chosen: int, rubric: str) -> tuple[int, str] | None:
    """Draws the strip; returns the turn and the rubric of the cell that was clicked."""
    turns = talk.judged
    here = turns.index(chosen) if chosen in turns else 0
    first = max(0, min(here - _MOST // 2, len(turns) - _MOST))
    shown = set(turns[first : first + _MOST])
    titles = {one.id: one_line(one.title)[:40] for one in talk.rubrics}
    thresholds = {one.id: one.threshold for one in talk.rubrics}
    cells = [
        {
            "turn": turn,
            "maxim": titles[name],
            "rubric": name,
            "score": judged.score,
            "said": "unscored" if judged.score is None else f"{judged.score:.2f}",
            "mark": _mark(judged.score, thresholds[name]),
            "here": turn == chosen and name == rubric,
        }
        for (turn, name), judged in talk.judgements.items()
        if turn in shown and name in titles
    ]
    pick = alt.selection_point(name="cell", fields=["turn", "rubric"], empty=False)
    base = alt.Chart(pd.DataFrame(cells)).encode(
        x=alt.X("turn:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("maxim:N", title=None, sort=list(titles.values()), axis=alt.Axis(labelLimit=150, labelOverlap=False)),
    )
    colour = alt.Color(
        "score:Q",
        title="score",
        scale=alt.Scale(domain=[0, 0.5, 1], range=["#cf6a2c", "#c3c7cb", "#3d8fc4"], clamp=True, interpolate="rgb"),
        legend=alt.Legend(orient="top", gradientLength=140, gradientThickness=9, titleOrient="left", tickCount=3),
    )
    tooltip = [alt.Tooltip(f"{name}:N", title=name) for name in ("turn", "maxim")] + [
        alt.Tooltip("said:N", title="score")
    ]
    heat = base.mark_rect(cursor="pointer", cornerRadius=2).encode(
        color=colour,
        tooltip=tooltip,
        stroke=alt.condition("datum.here", alt.value("#888"), alt.value(None)),
        strokeWidth=alt.condition("datum.here", alt.value(3), alt.value(0)),
    )
    marks = base.mark_text(fontSize=11, color="#1d2329", cursor="pointer").encode(text="mark:N", tooltip=tooltip)
    chart = alt.layer(heat.add_params(pick), marks).properties(height=_ROW * len(titles) + _AROUND)
    said: Any = st.altair_chart(
        chart,
        key=f"strip-{talk.run}-{talk.number}",
        on_select="rerun",
        selection_mode="cell",
        alt="Scores of all turns",
    )
    picked = said["selection"].get("cell") if said and said.get("selection") else None
    return (int(picked[0]["turn"]), str(picked[0]["rubric"])) if picked else None


def _mark(score: float | None, threshold: float) -> str:
    if score is None:
        return "?"
    return "▼" if score < threshold else ""
