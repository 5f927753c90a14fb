"""Verdicts on changes of mean scores: better, worse, or that nobody can tell."""

from collections.abc import Sequence
from math import erfc, sqrt
from typing import Literal

Verdict = Literal["better", "worse", "cannot tell"]

_LEVEL = 0.05
_HALF_WIDTHS = 1.95996  # standard errors from a difference to an end of its 95 % interval; rounded down: 0 is inside

Change = tuple[float, tuple[float, float] | None]
"""The difference of two mean scores, and its 95 % interval; None where there is none."""


def verdicts(changes: Sequence[Change]) -> list[Verdict]:
    """Return the verdict on each of several changes that are judged together.

    A change counts as better or worse where chance explains it with a probability of at most 5 % over all of them
    (Holm's procedure, on the p-values that belong to the intervals by the normal distribution).

    Args:
        changes: positive where scores rose. A change without an interval, or of 0, cannot be told.
    """
    ranked = sorted((p_value(*change), i) for i, change in enumerate(changes))
    judged: list[Verdict] = ["cannot tell"] * len(changes)
    for rank, (p, i) in enumerate(ranked):
        if p * (len(changes) - rank) > _LEVEL:
            break
        judged[i] = "better" if changes[i][0] > 0 else "worse"
    return judged


def p_value(shift: float, interval: tuple[float, float] | None) -> float:
    """Return the two-sided p-value of a difference by its 95 % interval; 1 where it has none or is 0.

    The end on the side of 0 counts, however far the other one is: p is at most 0.05 where the interval excludes 0.
    """
    if interval is None or shift == 0:
        return 1.0
    half = shift - interval[0] if shift > 0 else interval[1] - shift
    return erfc(_HALF_WIDTHS * (abs(shift) / half) / sqrt(2)) if half > 0 else 0.0
