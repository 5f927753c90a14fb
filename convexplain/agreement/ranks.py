"""Measures of order: Spearman, Kendall and the area under the ROC curve, on drawn rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .bootstrap import Floats, Statistic, ratio

MIN_ROWS = 3
_ROUNDING = 1e-9  # a side that the covariates explain is not above it


def spearman(scores: Floats, humans: Floats) -> Statistic:
    """Return Spearman's rank correlation, in [-1, 1]; 1 = the same order. Equal values share their mean rank.

    Undefined where one side is constant or there are fewer than three rows.
    """
    score_ranks, human_ranks = _Ranks(scores), _Ranks(humans)
    few = len(scores) < MIN_ROWS

    def statistic(weights: Floats) -> Floats:
        if few:
            return np.full(len(weights), np.nan)
        x, y = score_ranks.centred(weights), human_ranks.centred(weights)
        products = (weights * x * y).sum(axis=1)
        return ratio(products, np.sqrt((weights * x * x).sum(axis=1) * (weights * y * y).sum(axis=1)))

    return statistic


def partial_spearman(scores: Floats, humans: Floats, covariates: Sequence[Floats]) -> Statistic:
    """Return the partial rank correlation, in [-1, 1]: of the residuals of linear regressions on the covariates' ranks.

    Undefined as `spearman` is, and where the covariates explain one side fully.
    """
    ranks = [_Ranks(values) for values in (scores, humans, *covariates)]
    few = len(scores) < MIN_ROWS + len(covariates)

    def correlation(weights: Floats) -> float:
        drawn = weights > 0
        root = np.sqrt(weights[drawn])
        x, y, *columns = (side.centred(weights[None])[0][drawn] * root for side in ranks)
        design = np.column_stack([root, *columns])
        a, b = (side - design @ np.linalg.lstsq(design, side, rcond=None)[0] for side in (x, y))
        return float(ratio((a * b).sum(), np.sqrt((a**2).sum() * (b**2).sum()), _ROUNDING))

    return lambda weights: np.array([np.nan if few else correlation(row) for row in weights])


def kendall(scores: Floats, humans: Floats) -> Statistic:
    """Return Kendall's tau-b, in [-1, 1]; 1 = the same order. Pairs with equal values on one side lower it.

    Undefined as `spearman` is.
    """
    from scipy.stats import kendalltau  # type: ignore[import-untyped]  # takes most of a second to import

    def tau(weights: Floats) -> float:
        rows = np.repeat(np.arange(len(scores)), weights.astype(np.intp))
        x, y = scores[rows], humans[rows]
        if len(rows) < MIN_ROWS or np.ptp(x) == 0 or np.ptp(y) == 0:
            return float("nan")
        return float(kendalltau(x, y, method="asymptotic").statistic)

    return lambda weights: np.array([tau(row) for row in weights])


def auc(scores: Floats, positive: NDArray[np.bool_]) -> Statistic:
    """Return the chance that a positive row scores higher than a negative one, ties counting half.

    In [0, 1]: 1 = all positive rows score higher, 0.5 = chance. Undefined where all rows are positive, or none is.
    """
    ties = _Ties(scores)

    def statistic(weights: Floats) -> Floats:
        good, bad = ties.totals(weights * positive), ties.totals(weights * ~positive)
        below = np.cumsum(bad, axis=1) - bad
        return ratio((good * (below + bad / 2)).sum(axis=1), good.sum(axis=1) * bad.sum(axis=1))

    return statistic


def positive_rows(humans: Floats, threshold: float) -> tuple[NDArray[np.bool_], str]:
    """Return the rows that people call good, and the rule by which they are good.

    The rule is the rubric's threshold (good = at least that) where good and bad rows exist. Otherwise it is the median:
    good = at least the median, or above it where nothing lies below.
    """
    positive = humans >= threshold
    if len(humans) == 0 or 0 < positive.sum() < len(humans):
        return positive, f"people's mean at least {threshold:g} (the threshold)"
    median = float(np.median(humans))
    if (humans < median).any():
        return humans >= median, f"people's mean at least {median:.3g} (the median; one side of the threshold is empty)"
    return humans > median, f"people's mean above {median:.3g} (the median; one side of the threshold is empty)"


class _Ties:
    """Rows grouped by equal values."""

    def __init__(self, values: Floats) -> None:
        self._order = np.argsort(values, kind="stable")
        ordered = values[self._order]
        new = np.r_[True, ordered[1:] != ordered[:-1]] if len(values) else np.zeros(0, dtype=bool)
        self._starts = np.flatnonzero(new)
        self.places = np.empty(len(values), dtype=np.intp)
        self.places[self._order] = np.cumsum(new) - 1

    def totals(self, weights: Floats) -> Floats:
        """Return for each draw the weight of each value, in the order of the values."""
        if not len(self._starts):
            return np.zeros((len(weights), 0))
        return np.add.reduceat(weights[:, self._order], self._starts, axis=1)


class _Ranks:
    """Mean ranks among the drawn rows, less the mean of all ranks; the numbers are exact."""

    def __init__(self, values: Floats) -> None:
        self._ties = _Ties(values)

    def centred(self, weights: Floats) -> Floats:
        """Return the centred ranks (draws x rows); those of a constant are zeros."""
        totals = self._ties.totals(weights)
        below = np.cumsum(totals, axis=1) - totals
        ranks = below + (totals + 1) / 2
        centred: Floats = ranks[:, self._ties.places] - (weights.sum(axis=1, keepdims=True) + 1) / 2
        return centred
