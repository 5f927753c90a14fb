"""Places of marks in a report's pictures, in the units of an SVG view box."""

from collections.abc import Sequence
from dataclasses import dataclass

from convexplain.store import AnswerScore

WIDTH, HEIGHT = 360, 150
"""Of the field that holds a picture's marks."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a distribution: scores from `low` to `high`."""

    x: float
    y: float
    width: float
    height: float
    low: float
    high: float
    count: int
    below: bool


@dataclass(frozen=True, slots=True)
class Dot:
    """The scores at one place of the conversations; `named` says whether there is room for its number."""

    x: float
    y: float
    top: float
    bottom: float
    answer: AnswerScore
    named: bool


def bars(counts: Sequence[int], threshold: float) -> list[Bar]:
    """The bars of a histogram of [0, 1] in equal parts."""
    most = max(counts, default=0) or 1
    wide = WIDTH / max(len(counts), 1)
    return [
        Bar(
            round(i * wide + 1, 1),
            up(count / most),
            round(wide - 2, 1),
            round(HEIGHT * count / most, 1),
            i / len(counts),
            (i + 1) / len(counts),
            count,
            (i + 1) / len(counts) <= threshold,
        )
        for i, count in enumerate(counts)
    ]


def dots(answers: Sequence[AnswerScore]) -> list[Dot]:
    """The dots of a curve over the places in a conversation."""
    first, last = answers[0].answer, answers[-1].answer
    step = WIDTH / max(last - first, 1)
    every = -(-len(answers) // 10)
    return [
        Dot(
            round(step * (one.answer - first), 1),
            up(one.mean),
            up(one.mean if one.high is None else one.high),
            up(one.mean if one.low is None else one.low),
            one,
            i % every == 0,
        )
        for i, one in enumerate(answers)
    ]


def band(curve: Sequence[Dot]) -> str:
    """The outline of a curve's intervals, as an SVG polygon's points."""
    points = [(dot.x, dot.top) for dot in curve] + [(dot.x, dot.bottom) for dot in reversed(curve)]
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def up(share: float) -> float:
    """The height of a share in [0, 1]; SVG counts from the top."""
    return round(HEIGHT * (1 - share), 1)
