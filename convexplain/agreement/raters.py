"""How far people agree with each other, which is how far a judge can be expected to agree with them."""

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
    """All ratings of some turns.

    Attributes:
        scores: one a rating.
        rows: which turn it is of.
        raters: who; -1 = not known.
        turns: how many turns there are.
    """

    scores: Floats
    rows: NDArray[np.intp]
    raters: NDArray[np.intp]
    turns: int


def ratings_of(places: Sequence[Sequence[Rating]]) -> Ratings:
    """The ratings of turns, as arrays."""
    names: dict[str, int] = {}
    found = [
        (rating.score, row, -1 if rating.rater is None else names.setdefault(rating.rater, len(names)))
        for row, ratings in enumerate(places)
        for rating in ratings
    ]
    scores, rows, raters = zip(*found, strict=True) if found else ((), (), ())
    return Ratings(
        np.array(scores, dtype=np.float64), np.array(rows, dtype=np.intp), np.array(raters, dtype=np.intp), len(places)
    )


def alpha(ratings: Ratings) -> Statistic:
    """Krippendorff's alpha with the interval metric: 1 - observed / expected squared difference; 1 = all say the same.

    At most 1, 0 = as by chance, below 0 = people contradict each other. Turns with fewer than two ratings do not count.
    Undefined where no turn has two, or all ratings are equal. A turn that is drawn twice counts as two turns.
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
    """The human ceiling: Spearman's correlation of one rater with the mean of the others, averaged over raters.

    In [-1, 1]. A rater counts where there are at least three turns that others rated too. Undefined where no rater's
    correlation is.
    """
    parts: list[tuple[NDArray[np.intp], Statistic]] = []
    counts = np.bincount(ratings.rows, minlength=ratings.turns)
    sums = np.bincount(ratings.rows, weights=ratings.scores, minlength=ratings.turns)
    for rater in range(int(ratings.raters.max(initial=-1)) + 1):
        mine = (ratings.raters == rater) & (counts[ratings.rows] > 1)
        rows, scores = ratings.rows[mine], ratings.scores[mine]
        if len(rows) >= MIN_ROWS:
            parts.append((rows, spearman(scores, _others(sums[rows], scores, counts[rows]))))

    def statistic(weights: Floats) -> Floats:
        if not parts:
            return np.full(len(weights), np.nan)
        found = np.stack([part(weights[:, rows]) for rows, part in parts])
        known = np.isfinite(found)
        return ratio(np.where(known, found, 0).sum(axis=0), known.sum(axis=0).astype(np.float64))

    return statistic


def _others(sums: Floats, mine: Floats, counts: NDArray[np.intp]) -> Floats:
    """The mean of the other ratings, rounded so that equal means are equal numbers."""
    found: Floats = np.round((sums - mine) / (counts - 1), 12)
    return found
