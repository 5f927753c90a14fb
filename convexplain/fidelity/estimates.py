"""A proportion or a mean, with a 95 % confidence interval."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from convexplain.errors import UsageError

_CONFIDENCE = 0.95
_RESAMPLES = 9_999
_AT_ONCE = 1_000_000  # numbers drawn at a time: 16 MB


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value measured on a sample, with the bounds between which the value for all such cases lies.

    Attributes:
        value: the estimate; None when there was nothing to measure.
        low: lower bound of the 95 % confidence interval; None when the sample says nothing of it.
        high: upper bound, likewise.
        n: how many cases it was measured on.
        reason: why there is no value, or no interval, where that is not plain from n; else None.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None = None


def proportion(successes: int, n: int) -> Estimate:
    """Return the proportion of successes among n cases, with Wilson's score interval (good for small n, 0 and n too).

    With n = 0 there is neither a value nor an interval.

    Raises:
        UsageError: not 0 ≤ successes ≤ n.
    """
    if not 0 <= successes <= n:
        raise UsageError(f"successes={successes}: valid are 0 to n={n}")
    if n == 0:
        return Estimate(None, None, None, 0)
    from scipy.stats import binomtest  # type: ignore[import-untyped]  # takes most of a second to import

    interval = binomtest(successes, n).proportion_ci(_CONFIDENCE, method="wilson")
    return Estimate(successes / n, float(interval.low), float(interval.high), n)


def mean(values: Iterable[float], seed: int = 0) -> Estimate:
    """Return the mean, with the percentile bootstrap interval of 9,999 resamples.

    - No values: neither a value nor an interval.
    - One value: no interval, for one value says nothing of the spread.
    - All equal: the interval is that value. That is what a bootstrap gives, and it is too sure of itself at small n.

    Args:
        values: finite numbers; their order does not matter.
        seed: the same seed gives the same interval.

    Raises:
        UsageError: a value is not finite.
    """
    sample = sorted(values)
    for value in sample:
        if not math.isfinite(value):
            raise UsageError(f"values: {value} is among them; valid are finite numbers, what is missing is left out")
    if not sample:
        return Estimate(None, None, None, 0)
    if len(sample) == 1:
        return Estimate(float(sample[0]), None, None, 1)
    if sample[0] == sample[-1]:
        return Estimate(float(sample[0]), float(sample[0]), float(sample[0]), len(sample))
    from scipy.stats import bootstrap

    interval = bootstrap(
        (sample,),
        lambda draws, axis: draws.mean(axis=axis),
        n_resamples=_RESAMPLES,
        batch=max(1, _AT_ONCE // len(sample)),
        confidence_level=_CONFIDENCE,
        method="percentile",
        rng=seed,
    ).confidence_interval
    return Estimate(statistics.fmean(sample), float(interval.low), float(interval.high), len(sample))
