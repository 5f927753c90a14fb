"""Shares of turns (precision, recall, flagged) with intervals that hold for few turns, too."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from convexplain.fidelity import Estimate

from .bootstrap import MIN_DIALOGUES, Draws
from .categories import share

_TAIL = 0.025  # on each side of the interval


def exact_interval(successes: int, n: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share (Clopper and Pearson 1934), in [0, 1].

    Args:
        successes: how many of the n cases, 0 to n.
        n: at least 1.
    """
    from scipy.special import betaincinv  # type: ignore[import-untyped]  # slow to import

    low = float(betaincinv(successes, n - successes + 1, _TAIL)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - _TAIL)) if successes < n else 1.0
    return low, high


def share_estimate(
    draws: Draws, among: NDArray[np.bool_], matches: NDArray[np.bool_], reason: str | None = None
) -> Estimate:
    """Return the share of `matches` in the rows `among`; n counts the rows `among`.

    Its interval is the union of the exact one, which knows few turns, and that of drawn dialogues, which knows that
    turns of one dialogue are alike; so it always contains the share. With fewer than MIN_DIALOGUES dialogues there is
    none.

    Args:
        draws: the draws of all rows.
        among: the rows that count.
        matches: the rows whose share is estimated.
        reason: why the share may be undefined, for the reader.
    """
    n, successes = int(among.sum()), int((among & matches).sum())
    drawn = replace(draws.estimate(share(among, matches), reason), n=n)
    if drawn.value is None or draws.groups < MIN_DIALOGUES:
        return drawn
    low, high = exact_interval(successes, n)
    if drawn.low is not None and drawn.high is not None:
        low, high = min(low, drawn.low), max(high, drawn.high)
    return Estimate(drawn.value, low, high, n)
