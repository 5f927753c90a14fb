"""Verdicts on changes of mean scores: better, worse, or that nobody can tell."""

from collections.abc import Sequence
from typing import Literal

Verdict = Literal["better", "worse", "cannot tell"]

_LEVEL = 0.05
_ROUNDED_DOWN = 1 - 2e-6  # of the distance to an end of an interval: an end of 0 is inside

Change = tuple[float, tuple[float, float] | None, int]
"""The difference of two mean scores, its 95 % interval (None where there is none), and its number of conversations."""


def verdicts(changes: Sequence[Change]) -> list[Verdict]:
    """Return the verdict on each of several changes that are judged together.

    A change counts as better or worse where chance explains it with a probability of at most 5 % over all of them
    (Holm's procedure, on the p-values that belong to the intervals by Student's t).

    Args:
        changes: positive where scores rose. A change without an interval, or of 0, cannot be told. The number of
            conversations is that on which it rests; of two samples that of the smaller one.
    """
    ranked = sorted((p_value(*change), i) for i, change in enumerate(changes))
    judged: list[Verdict] = ["cannot tell"] * len(changes)
    for rank, (p, i) in enumerate(ranked):
        if p * (len(changes) - rank) > _LEVEL:
            break
        judged[i] = "better" if changes[i][0] > 0 else "worse"
    return judged


def p_value(shift: float, interval: tuple[float, float] | None, conversations: int) -> float:
    """Return the two-sided p-value of a difference by its 95 % interval; 1 where it has none or is 0.

    The end on the side of 0 counts, however far the other one is: p is at most 0.05 where the interval excludes 0. The
    tails are those of Student's t, which is wide where there are few conversations: of three maxims with five
    conversations each, one has to lie 1.4 half widths from 0, by the normal distribution only 1.2.

    Args:
        shift: the difference.
        interval: its 95 % interval.
        conversations: how many it rests on, 2 or more where it has an interval.
    """
    from scipy.stats import t  # type: ignore[import-untyped]  # slow to import

    if interval is None or shift == 0:
        return 1.0
    half = shift - interval[0] if shift > 0 else interval[1] - shift
    if half <= 0:
        return 0.0
    freedom = max(1, conversations - 1)
    return 2 * float(t.sf(_ROUNDED_DOWN * float(t.ppf(0.975, freedom)) * abs(shift) / half, freedom))
