"""Perturbation curves: how far a value falls as what an attribution puts first is removed. Pure functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convexplain.errors import UsageError

HALF = 0.5  # of the words: how far the curve of the AUPC goes (MExGen)


@dataclass(frozen=True, slots=True)
class Curve:
    """The fall of the value as a function of the share of the text that is removed.

    Attributes:
        shares: of the words that were removed, rising from 0, in [0, 1].
        drops: by how much the value has fallen, counted toward the side that is explained; 0 at the beginning.
    """

    shares: tuple[float, ...]
    drops: tuple[float, ...]


def ranked(scores: Sequence[float | None], side: int = 1) -> list[int]:
    """Return the units, those first that speak most for the side; units without a score last, in the text's order."""
    worth = [-math.inf if score is None else side * score for score in scores]
    return sorted(range(len(scores)), key=lambda unit: -worth[unit])


def cumulative(order: Sequence[int], sizes: Sequence[int], until: float = 1.0) -> list[frozenset[int]]:
    """Return the first unit of an order, the first two, and so on, until a share of the text is removed.

    Args:
        order: all units, the most important first.
        sizes: words of each unit.
        until: share of all words, in (0, 1].
    """
    total, gone = max(1, sum(sizes)), 0
    sets: list[frozenset[int]] = []
    for i, unit in enumerate(order):
        if gone >= until * total:
            break
        gone += sizes[unit]
        sets.append(frozenset(order[: i + 1]))
    return sets


def curve(
    sets: Sequence[frozenset[int]], sizes: Sequence[int], full: float, values: Sequence[float | None], side: int = 1
) -> Curve:
    """Return the curve through the values without each of the sets; sets without a value are passed over."""
    total = max(1, sum(sizes))
    points = [(removed, value) for removed, value in zip(sets, values, strict=True) if value is not None]
    shares = [sum(sizes[unit] for unit in removed) / total for removed, _ in points]
    return Curve((0.0, *shares), (0.0, *(side * (full - value) for _, value in points)))


def area(falls: Curve, until: float = 1.0) -> float | None:
    """Return the mean height of the curve up to a share of the words: the AUPC, divided by that share.

    Higher is better.

    Between two points the curve is a straight line. None where it does not reach that far.

    Raises:
        UsageError: not 0 < until <= 1.
    """
    if not 0 < until <= 1:
        raise UsageError(f"until={until} is not valid; it must be in (0, 1]")
    shares, drops = np.array(falls.shares), np.array(falls.drops)
    if shares[-1] < until - 1e-9:
        return None
    inside = shares < until
    x = np.append(shares[inside], until)
    y = np.append(drops[inside], np.interp(until, shares, drops))
    return float(np.trapezoid(y, x) / until)
