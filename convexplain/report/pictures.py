"""Positions of marks in a report's pictures, in the units of an SVG view box."""

from collections.abc import Sequence
from dataclasses import dataclass

from convexplain.store import AnswerScore

WIDTH, HEIGHT = 360, 150
"""Size of the field that holds a picture's marks."""


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
    """A dot of a curve: the scores of the n-th answers; `labelled` is True if there is room for the number n."""

    x: float
    y: float
    top: float
    bottom: float
    answer: AnswerScore
    labelled: bool


def bars(counts: Sequence[int], threshold: float) -> list[Bar]:
    """Return the bars of a histogram of [0, 1] in equal parts."""
    most = max(counts, default=0) or 1
    width = WIDTH / max(len(counts), 1)
    return [
        Bar(
            round(i * width + 1, 1),
            up(count / most),
            round(width - 2, 1),
            round(HEIGHT * count / most, 1),
            i / len(counts),
            (i + 1) / len(counts),
            count,
            (i + 1) / len(counts) <= threshold,
        )
        for i, count in enumerate(counts)
    ]


def dots(answers: Sequence[AnswerScore]) -> list[Dot]:
    """Return the dots of a curve over the first, second, third … answers."""
    first, last = answers[0].answer, answers[-1].answer
    step = WIDTH / max(last - first, 1)
    interval = -(-len(answers) // 10)
    return [
        Dot(
            round(step * (answer.answer - first), 1),
            up(answer.mean),
            up(answer.mean if answer.high is None else answer.high),
            up(answer.mean if answer.low is None else answer.low),
            answer,
            i % interval == 0,
        )
        for i, answer in enumerate(answers)
    ]


def band(curve: Sequence[Dot]) -> str:
    """Return the outline of a curve's intervals, as the points of an SVG polygon."""
    points = [(dot.x, dot.top) for dot in curve] + [(dot.x, dot.bottom) for dot in reversed(curve)]
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def up(share: float) -> float:
    """Return the height of a share in [0, 1]; SVG counts from the top."""
    return round(HEIGHT * (1 - share), 1)
