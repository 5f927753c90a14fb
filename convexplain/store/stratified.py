"""Estimates from a stratified sample without replacement: means over groups, with 95 % intervals.

Source: W. G. Cochran, Sampling Techniques, 3rd ed. 1977, chapters 2, 5 and 5A. The mean of a group is a ratio of two
estimated totals; its variance is that of the linearised ratio, with the finite population correction of each stratum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

_QUANTILE = 0.975  # of a two-sided 95 % interval


@dataclass(frozen=True, slots=True)
class StratumCell:
    """The scores of one stratum's sample that belong to a group.

    Attributes:
        stratum: the stratum's number.
        population: how many turns the stratum has.
        scored: how many sampled turns of the stratum have a score, in the group or not; those without one count as
            missing by chance.
        n: how many of these belong to the group.
        total, squares: the sums of their scores and of these squared; the scores lie in [0, 1].
        below: how many of them are below the threshold.
    """

    stratum: int
    population: int
    scored: int
    n: int
    total: float
    squares: float
    below: int = 0


@dataclass(frozen=True, slots=True)
class SampleEstimate:
    """An estimate of a mean over a population, in [0, 1]; the interval is None where one turn alone is behind it."""

    mean: float
    interval: tuple[float, float] | None


def sample_mean(cells: Sequence[StratumCell]) -> SampleEstimate | None:
    """Return the estimated mean score of a group; None where no sampled turn of it has a score."""
    return _estimate([(cell, cell.total, cell.squares) for cell in cells])


def sample_share(cells: Sequence[StratumCell]) -> SampleEstimate | None:
    """Return the estimated share of a group that is below the threshold; None where it has no score."""
    return _estimate([(cell, float(cell.below), float(cell.below)) for cell in cells])


def _estimate(parts: Sequence[tuple[StratumCell, float, float]]) -> SampleEstimate | None:
    strata: dict[int, tuple[int, int, int, float, float]] = {}
    for cell, total, squares in parts:
        _, _, n, before, squares_before = strata.get(cell.stratum, (0, 0, 0, 0.0, 0.0))
        sums = (n + cell.n, before + total, squares_before + squares)
        strata[cell.stratum] = (cell.population, cell.scored, *sums)
    n = sum(size for _, _, size, _, _ in strata.values())
    if not n:
        return None
    weights = {stratum: max(1.0, population / scored) for stratum, (population, scored, *_) in strata.items()}
    size = sum(weights[stratum] * count for stratum, (_, _, count, _, _) in strata.items())
    mean = sum(weights[stratum] * total for stratum, (_, _, _, total, _) in strata.items()) / size
    mean = min(1.0, max(0.0, mean))
    variance = 0.0
    for stratum, (population, scored, count, total, squares) in strata.items():
        residual = total - mean * count
        spread = max(0.0, squares - 2 * mean * total + mean * mean * count - residual * residual / scored)
        freedom = scored / (scored - 1) if scored > 1 else 1.0
        unseen = max(0.0, 1 - scored / population)
        variance += unseen * freedom * (weights[stratum] / size) ** 2 * spread
    strata_hit = sum(count > 0 for _, _, count, _, _ in strata.values())
    return SampleEstimate(mean, _interval(mean, variance, n, n - strata_hit, n / size))


def _interval(mean: float, variance: float, n: int, freedom: int, seen: float) -> tuple[float, float] | None:
    """Return Wilson's interval for the number of independent turns that has this variance (Korn and Graubard 1998).

    It stays within [0, 1], and has a width where all scores are equal: then the sample alone cannot exclude others.

    Args:
        mean: the estimate.
        variance: its variance.
        n: sampled turns behind it.
        freedom: degrees of freedom of Student's t.
        seen: the share of the population that was sampled; with all of it the mean is exact.
    """
    if seen >= 1:
        return mean, mean
    if freedom < 1:
        return None
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # takes long to import

    t = float(stdtrit(freedom, _QUANTILE))
    spread = mean * (1 - mean)
    effective = spread / variance if variance > 0 and spread > 0 else n / (1 - seen)
    pull = t * t / effective
    centre = (mean + pull / 2) / (1 + pull)
    half = t / (1 + pull) * sqrt(spread / effective + pull / (4 * effective))
    return max(0.0, centre - half), min(1.0, centre + half)
