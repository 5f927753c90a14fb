"""Agreement among people, which limits the agreement that a judge can reach with them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convexplain.types import Rating

from .bootstrap import Floats, Statistic, ratio
from .ranks import MIN_ROWS, spearman

_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Ratings:
    """All ratings of some turns, as arrays with one element a rating.

    Attributes:
        scores: the scores.
        rows: the indices of the turns.
        raters: the raters' numbers; -1 = without a name.
        turns: the number of turns.
    """

    scores: Floats
    rows: NDArray[np.intp]
    raters: NDArray[np.intp]
    turns: int


def rating_arrays(places: Sequence[Sequence[Rating]]) -> Ratings:
    """Return the ratings of turns as arrays."""
    names: dict[str, int] = {}
    columns = [
        (rating.score, row, -1 if rating.rater is None else names.setdefault(rating.rater, len(names)))
        for row, ratings in enumerate(places)
        for rating in ratings
    ]
    scores, rows, raters = zip(*columns, strict=True) if columns else ((), (), ())
    return Ratings(
        np.array(scores, dtype=np.float64), np.array(rows, dtype=np.intp), np.array(raters, dtype=np.intp), len(places)
    )


def alpha(ratings: Ratings) -> Statistic:
    """Return Krippendorff's alpha with the interval metric: 1 - observed / expected squared difference.

    At most 1 (all ratings of a turn are equal), 0 = as by chance, below 0 = people contradict each other. Turns with
    fewer than two ratings do not count. Undefined if no turn has two, or if all ratings are equal. A turn that is drawn
    twice counts as two turns.
    """
    counts, sums, squares = (
        np.bincount(ratings.rows, weights=values, minlength=ratings.turns)
        for values in (np.ones_like(ratings.scores), ratings.scores, ratings.scores**2)
    )
    several = counts >= 2
    m, s, q = counts[several], sums[several], squares[several]
    # Over ordered pairs of one turn's ratings the squared differences add up to 2 (m Σx² - (Σx)²).
    within = 2 * (m * q - s * s) / (m - 1)

    def statistic(weights: Floats) -> Floats:
        drawn = weights[:, several]
        n, total, square = drawn @ m, drawn @ s, drawn @ q
        observed = ratio(drawn @ within, n)
        expected = ratio(2 * (n * square - total * total), n * (n - 1))
        return 1 - ratio(observed, expected, _TINY)

    return statistic


def ceiling(ratings: Ratings) -> Statistic:
    """Return the human ceiling: Spearman's correlation of a rater with the mean of the others, averaged over raters.

    In [-1, 1]. A rater counts who shares at least three turns with other raters. Undefined if it is undefined for every
    rater.
    """
    parts: list[tuple[NDArray[np.intp], Statistic]] = []
    counts = np.bincount(ratings.rows, minlength=ratings.turns)
    sums = np.bincount(ratings.rows, weights=ratings.scores, minlength=ratings.turns)
    for rater in range(int(ratings.raters.max(initial=-1)) + 1):
        shared = (ratings.raters == rater) & (counts[ratings.rows] > 1)
        rows, scores = ratings.rows[shared], ratings.scores[shared]
        if len(rows) >= MIN_ROWS:
            parts.append((rows, spearman(scores, _mean_of_others(sums[rows], scores, counts[rows]))))

    def statistic(weights: Floats) -> Floats:
        if not parts:
            return np.full(len(weights), np.nan)
        correlations = np.stack([part(weights[:, rows]) for rows, part in parts])
        defined = np.isfinite(correlations)
        return ratio(np.where(defined, correlations, 0).sum(axis=0), defined.sum(axis=0).astype(np.float64))

    return statistic


def _mean_of_others(sums: Floats, scores: Floats, counts: NDArray[np.intp]) -> Floats:
    """Return the mean of the other ratings, rounded so that equal means are equal numbers."""
    means: Floats = np.round((sums - scores) / (counts - 1), 12)
    return means
