"""Confidence intervals by drawing whole dialogues: turns of one dialogue are alike, and so are their labels."""

from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from convexplain.fidelity import Estimate

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""From weights (draws x rows, how often each row was drawn) to one value a draw, NaN where it is not defined."""

DRAWS = 1000
MIN_DIALOGUES = 5
"""Fewest dialogues for an interval: with fewer the draws hardly differ, and the interval would be too narrow."""
_BATCH = 2_000_000  # weights at a time: 16 MB
_QUANTILES = (0.025, 0.975)


class Draws:
    """Draws of dialogues with replacement; all estimates of one object use the same draws.

    Args:
        groups: the dialogue of each row.
        seed: the same seed gives the same draws.
        n: the number of draws.
    """

    def __init__(self, groups: Sequence[Hashable], seed: int = 0, n: int = DRAWS) -> None:
        codes: dict[Hashable, int] = {}
        self._codes = np.array([codes.setdefault(group, len(codes)) for group in groups], dtype=np.intp)
        self.groups = len(codes)
        self.rows = len(groups)
        self._n = n
        self._counts = np.empty((n, self.groups), dtype=np.uint16)  # no dialogue is drawn 65,536 times
        rng = np.random.default_rng(seed)
        for counts in self._counts:
            counts[:] = np.bincount(rng.integers(0, max(self.groups, 1), size=self.groups), minlength=self.groups)

    def weights(self) -> Iterator[Floats]:
        """Yield, for some draws at a time, how often each row is drawn (draws x rows)."""
        step = max(1, _BATCH // max(self.rows, 1))
        for start in range(0, self._n, step):
            yield self._counts[start : start + step, self._codes].astype(np.float64)

    def estimate(self, statistic: Statistic, reason: str | None = None) -> Estimate:
        """Return a statistic of all rows, with the interval that holds 95 % of its values on the draws.

        Draws on which it is undefined are left out. There is no interval with fewer than MIN_DIALOGUES dialogues, or if
        the statistic is undefined on most draws.

        Args:
            statistic: the statistic.
            reason: the reason for the reader if it is undefined.
        """
        value = float(statistic(np.ones((1, self.rows)))[0]) if self.rows else float("nan")
        if not np.isfinite(value):
            return Estimate(None, None, None, self.rows, reason or "it is not defined on these turns")
        if self.groups < MIN_DIALOGUES:
            count = "all turns are of one dialogue" if self.groups == 1 else f"{self.groups} dialogues are too few"
            return Estimate(value, None, None, self.rows, f"no interval: {count}")
        values = np.concatenate([statistic(weights) for weights in self.weights()])
        defined = values[np.isfinite(values)]
        if len(defined) * 2 < self._n:
            return Estimate(value, None, None, self.rows, "no interval: it is undefined on most draws")
        low, high = np.quantile(defined, _QUANTILES)
        return Estimate(value, float(low), float(high), self.rows)


def ratio(above: Floats, below: Floats, least: float = 0.0) -> Floats:
    """Return `above / below`, NaN where `below` is not above `least`."""
    quotients = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=quotients, where=below > least)
    return quotients
