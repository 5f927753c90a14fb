"""Verdicts on changes of mean scores: better, worse, or that nobody can tell."""

from collections.abc import Sequence
from math import erfc, sqrt
from typing import Literal

Verdict = Literal["better", "worse", "cannot tell"]

_LEVEL = 0.05
_HALF_WIDTHS = 1.96  # standard errors from the middle of a 95 % interval to its end

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
    """Return the two-sided p-value of a difference by its 95 % interval; 1 where it has none or is 0."""
    if interval is None or shift == 0:
        return 1.0
    error = (interval[1] - interval[0]) / (2 * _HALF_WIDTHS)
    return erfc(abs(shift) / error / sqrt(2)) if error > 0 else 0.0
