"""Agreement on sides and levels: Cohen's kappa, plain and weighted, and the confusion at the threshold."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bootstrap import Floats, Statistic, ratio

_MOST_LEVELS = 10
_FINE = (0.0, 0.25, 0.5, 0.75, 1.0)
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Confusion:
    """How many turns judge and people put on which side of the threshold; bad = below it.

    Attributes:
        both_good, both_bad: they agree.
        judge_bad: only the judge calls them bad.
        people_bad: only people do.
    """

    both_good: int
    both_bad: int
    judge_bad: int
    people_bad: int


def confusion(scores: Floats, humans: Floats, threshold: float, cut: float | None = None) -> Confusion:
    """The four counts.

    Args:
        scores, humans: the judge's, and people's means.
        threshold: people call turns bad below it.
        cut: the judge does; None = below the same.
    """
    judge, people = scores < (threshold if cut is None else cut), humans < threshold
    return Confusion(
        int((~judge & ~people).sum()),
        int((judge & people).sum()),
        int((judge & ~people).sum()),
        int((~judge & people).sum()),
    )


def levels(values: Iterable[float]) -> tuple[float, ...]:
    """The levels on which people rate: the values that occur if they are two to ten, else five from 0 to 1."""
    found = tuple(sorted(set(values)))
    return found if 2 <= len(found) <= _MOST_LEVELS else _FINE


def nearest(values: Floats, steps: tuple[float, ...]) -> Floats:
    """Each value's nearest level; from the middle between two the upper one."""
    known = np.array(steps)
    found: Floats = known[np.searchsorted((known[1:] + known[:-1]) / 2, values, side="right")]
    return found


def kappa(one: Floats, other: Floats) -> Statistic:
    """Cohen's kappa: how much more often both say the same than by chance; at most 1, 0 = as by chance.

    Undefined where both always say the one same thing.

    Args:
        one, other: which level (any number) each row has.
    """
    same = one == other
    found = np.union1d(one, other)

    def statistic(weights: Floats) -> Floats:
        total = weights.sum(axis=1)
        agreed = weights[:, same].sum(axis=1)
        # Counts of pairs by chance, not shares: they are whole numbers, so that "always" is told exactly.
        chance = sum(
            (weights[:, one == level].sum(axis=1) * weights[:, other == level].sum(axis=1) for level in found),
            start=np.zeros(len(weights)),
        )
        return ratio(agreed * total - chance, total * total - chance)

    return statistic


def weighted_kappa(one: Floats, other: Floats) -> Statistic:
    """Kappa with weights: a disagreement counts by the squared distance of the levels' values; at most 1.

    On two levels it is `kappa`. Undefined where both always say the one same thing.
    """

    def statistic(weights: Floats) -> Floats:
        total = weights.sum(axis=1)
        means = [(weights * values).sum(axis=1) / total for values in (one, other)]
        squares = [(weights * values * values).sum(axis=1) / total for values in (one, other)]
        apart = (weights * (one - other) ** 2).sum(axis=1) / total
        chance = squares[0] + squares[1] - 2 * means[0] * means[1]
        return 1 - ratio(apart, chance, _TINY)

    return statistic


def share(among: NDArray[np.bool_], which: NDArray[np.bool_]) -> Statistic:
    """The share of `which` among the rows that are `among`; undefined where there are none."""

    def statistic(weights: Floats) -> Floats:
        return ratio(weights[:, among & which].sum(axis=1), weights[:, among].sum(axis=1))

    return statistic
