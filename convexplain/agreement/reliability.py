"""Whether scores can be read as probabilities: Brier score, calibration error and the reliability curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bootstrap import Floats, Statistic, ratio

BINS = 10
_LEAST = 10  # rows in a bin


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows whose scores are alike.

    Attributes:
        low, high: the lowest and the highest score in it.
        score, human: the mean score and the mean of people, in [0, 1].
        n: rows.
    """

    low: float
    high: float
    score: float
    human: float
    n: int


def brier(scores: Floats, humans: Floats) -> Statistic:
    """The mean squared difference between score and people's mean; in [0, 1], 0 = the same."""
    apart = (scores - humans) ** 2
    return lambda weights: ratio((weights * apart).sum(axis=1), weights.sum(axis=1))


def bias(scores: Floats, humans: Floats) -> Statistic:
    """The mean score less people's mean, in [-1, 1]; above 0 the judge is milder than people."""
    apart = scores - humans
    return lambda weights: ratio((weights * apart).sum(axis=1), weights.sum(axis=1))


def equal_mass(scores: Floats, bins: int | None = None) -> NDArray[np.intp]:
    """The bin of each row: rows by their scores, cut into bins of about as many rows each; equal scores stay together.

    Args:
        scores: the scores.
        bins: how many at most; None = ten, or fewer so that about ten rows are in each.
    """
    n = len(scores)
    most = bins or min(BINS, max(1, n // _LEAST))
    values, counts = np.unique(scores, return_counts=True)
    middles = np.cumsum(counts) - counts / 2  # a value's rows go where their middle falls
    codes = np.minimum((middles * most / max(n, 1)).astype(np.intp), most - 1)
    _, dense = np.unique(codes, return_inverse=True)
    found: NDArray[np.intp] = dense[np.searchsorted(values, scores)]
    return found


def ece(scores: Floats, humans: Floats, bins: int | None = None) -> Statistic:
    """The expected calibration error: how far mean score and people's mean lie apart in a bin, on average over rows.

    In [0, 1], 0 = scores are what people say on average. The bins are those of `equal_mass` on all rows, the same in
    every draw. It is never below 0 and chance alone makes it larger, more so with few rows and in its interval.
    """
    codes = equal_mass(scores, bins)
    members = np.zeros((len(scores), codes.max(initial=-1) + 1))
    members[np.arange(len(scores)), codes] = 1

    def statistic(weights: Floats) -> Floats:
        apart = np.abs((weights * (scores - humans)) @ members).sum(axis=1)
        return ratio(apart, weights.sum(axis=1))

    return statistic


def reliability(scores: Floats, humans: Floats, bins: int | None = None) -> tuple[Bin, ...]:
    """The reliability curve: for each bin of `equal_mass` what judge and people say on average."""
    codes = equal_mass(scores, bins)
    found = []
    for code in np.unique(codes):
        some = codes == code
        mine, theirs = scores[some], humans[some]
        found.append(
            Bin(float(mine.min()), float(mine.max()), float(mine.mean()), float(theirs.mean()), int(some.sum()))
        )
    return tuple(found)
