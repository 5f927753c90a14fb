"""Charts of scores; words beside them repeat what their colours show."""

from collections.abc import Callable, Sequence

import altair as alt
import pandas as pd
import streamlit as st

from convexplain.report.trust_marks import COLOURS
from convexplain.store.overview import Distribution, ScoreGroup

_ACCENT, _LOW, _GREY = COLOURS["good"], COLOURS["low"], COLOURS["grey"]
_SIDES = {"below the threshold": _LOW, "at or above it": _ACCENT}
_ANY = {"all scores": _GREY}  # where scores are not held against the threshold
_HEIGHT = 230


def histogram(
    scores: Distribution,
    threshold: float | None,
    selected: tuple[float, float] | None,
    key: str,
    select: Callable[[tuple[float, float]], None],
) -> None:
    """Draw the distribution of scores, pale outside the selected ones.

    Args:
        scores: the distribution.
        threshold: scores below it have another colour; None makes all of them grey.
        selected: the least score that is selected, and the one that selected scores are below; None for all.
        key: of the chart, for Streamlit.
        select: is called with the interval of a clicked bar.
    """

    def clicked() -> None:
        if bars := st.session_state[key]["selection"].get("bar"):
            select((bars[0]["from"], bars[0]["to"]))

    sides = _ANY if threshold is None else _SIDES
    low, high = selected or (0.0, 1.0)
    bins = len(scores.counts)
    rows = [
        {
            "from": i / bins,
            "to": (i + 1) / bins,
            "turns": count,
            "side": list(sides)[0 if threshold is None or (i + 0.5) / bins < threshold else 1],
            "strength": 1.0 if low <= (i + 0.5) / bins < high else 0.3,
        }
        for i, count in enumerate(scores.counts)
    ]
    pick = alt.selection_point(name="bar", fields=["from", "to"], empty=False)
    chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar(cursor="pointer", binSpacing=1)
        .encode(
            opacity=alt.Opacity("strength:Q", scale=None),
            x=alt.X("from:Q", bin="binned", title="score", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=5)),
            x2="to:Q",
            y=alt.Y("turns:Q", title="turns", axis=alt.Axis(tickCount=4, format="~s")),
            color=alt.Color(
                "side:N",
                scale=alt.Scale(domain=list(sides), range=list(sides.values())),
                legend=None if threshold is None else alt.Legend(orient="top", title=None),
            ),
            tooltip=[
                alt.Tooltip("from:Q", format=".2f"),
                alt.Tooltip("to:Q", format=".2f"),
                alt.Tooltip("turns:Q", format=","),
            ],
        )
        .add_params(pick)
        .properties(height=_HEIGHT)
    )
    st.altair_chart(chart, key=key, on_select=clicked, selection_mode="bar", alt="Distribution of the scores")


def curve(groups: Sequence[ScoreGroup], x: str, title: str, threshold: float | None) -> None:
    """Draw mean scores with their 95 % intervals over turns (`x` is "turn") or days ("day").

    Without a threshold (None) the curve is grey, and no line marks one.
    """
    colour = _GREY if threshold is None else _ACCENT
    rows = []
    for group in groups:
        low, high = group.interval or (group.mean, group.mean)
        rows.append({x: group.key, "mean": group.mean, "low": low, "high": high, "turns": group.n})
    kind = "T" if x == "day" else "Q"
    axis = (
        alt.Axis(tickMinStep=1, format="d", grid=False)
        if x == "turn"
        else alt.Axis(format="%d %b", grid=False, tickCount=6, labelOverlap="greedy", labelSeparation=8)
    )
    base = alt.Chart(pd.DataFrame(rows)).encode(x=alt.X(f"{x}:{kind}", title=title, axis=axis))
    score = alt.Y("mean:Q", title="mean score", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=5))
    tooltip = [
        alt.Tooltip("day:T", format="%Y-%m-%d") if x == "day" else alt.Tooltip("turn:Q"),
        *(alt.Tooltip(f"{name}:Q", format=".2f") for name in ("mean", "low", "high")),
        alt.Tooltip("turns:Q", format=","),
    ]
    lines = pd.DataFrame({"at": [] if threshold is None else [threshold]}, dtype=float)
    chart = alt.layer(
        base.mark_area(opacity=0.22, color=colour).encode(y=alt.Y("low:Q", title="mean score"), y2="high:Q"),
        alt.Chart(lines).mark_rule(strokeDash=[4, 3], color=_LOW, size=1.5).encode(y="at:Q"),
        base.mark_line(color=colour, point=alt.OverlayMarkDef(size=22, color=colour)).encode(y=score, tooltip=tooltip),
    ).properties(height=_HEIGHT)
    st.altair_chart(chart, alt=f"Mean score by {x}")


def shifts(counts: Sequence[int], low: float, high: float, *, coloured: bool) -> None:
    """Draw the distribution of the shifts between two runs; grey where the scores of a run only sort."""
    colours = [_LOW, _ACCENT] if coloured else [_GREY, _GREY]
    width = (high - low) / len(counts)
    rows = [
        {
            "from": low + i * width,
            "to": low + (i + 1) * width,
            "turns": count,
            "side": "lower" if low + (i + 0.5) * width < 0 else "higher",
        }
        for i, count in enumerate(counts)
    ]
    chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar(binSpacing=1)
        .encode(
            x=alt.X("from:Q", bin="binned", title="shift of the score", axis=alt.Axis(tickCount=9)),
            x2="to:Q",
            y=alt.Y("turns:Q", title="turns", axis=alt.Axis(tickCount=4, format="~s")),
            color=alt.Color(
                "side:N",
                scale=alt.Scale(domain=["lower", "higher"], range=colours),
                legend=alt.Legend(orient="top", title=None) if coloured else None,
            ),
            tooltip=[
                alt.Tooltip("from:Q", format="+.2f"),
                alt.Tooltip("to:Q", format="+.2f"),
                alt.Tooltip("turns:Q", format=","),
            ],
        )
        .properties(height=_HEIGHT)
    )
    st.altair_chart(chart, alt="Distribution of the shifts")
