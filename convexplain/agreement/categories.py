"""Agreement on categories: Cohen's kappa, plain and weighted, on levels of scores, and the counts at the threshold."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bootstrap import Floats, Statistic, ratio

_MOST_LEVELS = 10
_DEFAULT_LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of turns that judge and people call good or bad; bad = below the threshold.

    Attributes:
        both_good, both_bad: judge and people agree.
        judge_bad: only the judge calls them bad.
        people_bad: only people call them bad.
    """

    both_good: int
    both_bad: int
    judge_bad: int
    people_bad: int


def confusion(scores: Floats, humans: Floats, threshold: float, cut: float | None = None) -> Confusion:
    """Return the counts of good and bad turns.

    Args:
        scores, humans: the judge's scores, and people's means.
        threshold: people call turns below it bad.
        cut: the judge calls turns below it bad; None = the same threshold.
    """
    judge, people = scores < (threshold if cut is None else cut), humans < threshold
    return Confusion(
        int((~judge & ~people).sum()),
        int((judge & people).sum()),
        int((judge & ~people).sum()),
        int((~judge & people).sum()),
    )


def levels(values: Iterable[float]) -> tuple[float, ...]:
    """Return the levels on which people rate: the values that occur if they are two to ten, else five from 0 to 1."""
    distinct = tuple(sorted(set(values)))
    return distinct if 2 <= len(distinct) <= _MOST_LEVELS else _DEFAULT_LEVELS


def nearest_level(values: Floats, steps: tuple[float, ...]) -> Floats:
    """Return each value's nearest level; in the middle between two the upper one."""
    scale = np.array(steps)
    rounded: Floats = scale[np.searchsorted((scale[1:] + scale[:-1]) / 2, values, side="right")]
    return rounded


def kappa(first: Floats, second: Floats) -> Statistic:
    """Return Cohen's kappa: how much more often two raters agree than by chance; at most 1, 0 = as by chance.

    Undefined where both give every row the same one level.

    Args:
        first, second: the level (any number) of each row, by each rater.
    """
    same = first == second
    scale = np.union1d(first, second)

    def statistic(weights: Floats) -> Floats:
        total = weights.sum(axis=1)
        agreed = weights[:, same].sum(axis=1)
        # Counts of pairs by chance, not shares: whole numbers, so that full agreement is recognised exactly.
        chance = sum(
            (weights[:, first == level].sum(axis=1) * weights[:, second == level].sum(axis=1) for level in scale),
            start=np.zeros(len(weights)),
        )
        return ratio(agreed * total - chance, total * total - chance)

    return statistic


def weighted_kappa(first: Floats, second: Floats) -> Statistic:
    """Return kappa with weights: a disagreement counts by the squared distance of the levels; at most 1.

    On two levels it is `kappa`. Undefined where both give every row the same one level.
    """

    def statistic(weights: Floats) -> Floats:
        total = weights.sum(axis=1)
        means = [(weights * values).sum(axis=1) / total for values in (first, second)]
        squares = [(weights * values * values).sum(axis=1) / total for values in (first, second)]
        observed = (weights * (first - second) ** 2).sum(axis=1) / total
        chance = squares[0] + squares[1] - 2 * means[0] * means[1]
        return 1 - ratio(observed, chance, _TINY)

    return statistic


def share(among: NDArray[np.bool_], matches: NDArray[np.bool_]) -> Statistic:
    """Return the share of `matches` in the rows `among`, in [0, 1]; undefined where there are no such rows."""

    def statistic(weights: Floats) -> Floats:
        return ratio(weights[:, among & matches].sum(axis=1), weights[:, among].sum(axis=1))

    return statistic
