"""Reliability of scores as probabilities: Brier score, calibration error and the reliability curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bootstrap import Floats, Statistic, ratio

BINS = 10
_BIN_ROWS = 10  # about as many rows at least in a bin


@dataclass(frozen=True, slots=True)
class Bin:
    """A bin of rows with similar scores.

    Attributes:
        low, high: the lowest and the highest score in it.
        score, human: the mean score and the mean of people, in [0, 1].
        n: the number of rows.
    """

    low: float
    high: float
    score: float
    human: float
    n: int


def brier(scores: Floats, humans: Floats) -> Statistic:
    """Return the mean squared difference between score and people's mean; in [0, 1], 0 = the same."""
    errors = (scores - humans) ** 2
    return lambda weights: ratio((weights * errors).sum(axis=1), weights.sum(axis=1))


def bias(scores: Floats, humans: Floats) -> Statistic:
    """Return the mean score less people's mean, in [-1, 1]; above 0 the judge is milder than people."""
    differences = scores - humans
    return lambda weights: ratio((weights * differences).sum(axis=1), weights.sum(axis=1))


def equal_mass(scores: Floats, bins: int | None = None) -> NDArray[np.intp]:
    """Return the bin of each row. Bins hold about as many rows each, in the order of scores; equal scores share one.

    Args:
        scores: the scores.
        bins: the most bins; None = ten, or fewer so that each holds about ten rows.
    """
    n = len(scores)
    most = bins or min(BINS, max(1, n // _BIN_ROWS))
    values, counts = np.unique(scores, return_counts=True)
    middles = np.cumsum(counts) - counts / 2  # the rows of a value go into the bin of their middle
    codes = np.minimum((middles * most / max(n, 1)).astype(np.intp), most - 1)
    _, dense = np.unique(codes, return_inverse=True)
    row_bins: NDArray[np.intp] = dense[np.searchsorted(values, scores)]
    return row_bins


def ece(scores: Floats, humans: Floats, bins: int | None = None) -> Statistic:
    """Return the expected calibration error: the distance of mean score and people's mean in a bin, averaged over rows.

    In [0, 1], 0 = scores equal people's means on average. The bins are those of `equal_mass` on all rows, the same in
    every draw. Chance makes it larger, the more so the fewer rows there are, and in the draws of its interval.
    """
    codes = equal_mass(scores, bins)
    members = np.zeros((len(scores), codes.max(initial=-1) + 1))
    members[np.arange(len(scores)), codes] = 1

    def statistic(weights: Floats) -> Floats:
        distances = np.abs((weights * (scores - humans)) @ members).sum(axis=1)
        return ratio(distances, weights.sum(axis=1))

    return statistic


def reliability(scores: Floats, humans: Floats, bins: int | None = None) -> tuple[Bin, ...]:
    """Return the reliability curve: the means of judge and people in each bin of `equal_mass`."""
    codes = equal_mass(scores, bins)
    curve = []
    for code in np.unique(codes):
        rows = codes == code
        x, y = scores[rows], humans[rows]
        curve.append(Bin(float(x.min()), float(x.max()), float(x.mean()), float(y.mean()), int(rows.sum())))
    return tuple(curve)
