"""Intervals by drawing whole dialogues: turns of one dialogue are alike, and so are their labels."""

from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from convexplain.fidelity import Estimate

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""From weights (draws x rows, how often each row was drawn) to one value a draw, NaN where it is not defined."""

DRAWS = 1000
FEWEST = 5
"""Dialogues that an interval needs: draws of fewer are too few different ones, and say a number is surer than it is."""
_AT_ONCE = 2_000_000  # weights at a time: 16 MB
_ENDS = (0.025, 0.975)


class Draws:
    """Draws of dialogues with replacement, the same for whatever is estimated from them.

    Args:
        groups: the dialogue of each row.
        seed: the same seed gives the same draws.
        n: how many draws.
    """

    def __init__(self, groups: Sequence[Hashable], seed: int = 0, n: int = DRAWS) -> None:
        codes: dict[Hashable, int] = {}
        self._codes = np.array([codes.setdefault(group, len(codes)) for group in groups], dtype=np.intp)
        self.groups = len(codes)
        self.rows = len(groups)
        self._n = n
        self._counts = np.empty((n, self.groups), dtype=np.uint16)  # none is drawn as often as 65,536 times
        rng = np.random.default_rng(seed)
        for counts in self._counts:
            counts[:] = np.bincount(rng.integers(0, max(self.groups, 1), size=self.groups), minlength=self.groups)

    def weights(self) -> Iterator[Floats]:
        """How often each row is drawn, some draws at a time."""
        step = max(1, _AT_ONCE // max(self.rows, 1))
        for start in range(0, self._n, step):
            yield self._counts[start : start + step, self._codes].astype(np.float64)

    def estimate(self, statistic: Statistic, reason: str | None = None) -> Estimate:
        """The value on all rows, with the interval that holds 95 % of the values on the draws.

        Draws on which it is not defined are left out. There is no interval where there are fewer than FEWEST dialogues,
        or where most draws leave it undefined.

        Args:
            statistic: what is estimated.
            reason: why it may be undefined, for whoever reads the result.
        """
        value = float(statistic(np.ones((1, self.rows)))[0]) if self.rows else float("nan")
        if not np.isfinite(value):
            return Estimate(None, None, None, self.rows, reason or "it is not defined on these turns")
        if self.groups < FEWEST:
            few = "all turns are of one dialogue" if self.groups == 1 else f"{self.groups} dialogues are too few"
            return Estimate(value, None, None, self.rows, f"no interval: {few}")
        drawn = np.concatenate([statistic(some) for some in self.weights()])
        known = drawn[np.isfinite(drawn)]
        if len(known) * 2 < self._n:
            return Estimate(value, None, None, self.rows, "no interval: it is undefined on most draws")
        low, high = np.quantile(known, _ENDS)
        return Estimate(value, float(low), float(high), self.rows)


def ratio(above: Floats, below: Floats, least: float = 0.0) -> Floats:
    """`above / below`, NaN where `below` is not above `least`."""
    found = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=found, where=below > least)
    return found
