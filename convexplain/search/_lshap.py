"""L-SHAP: Shapley values in which each unit meets its neighbours only (Chen et al. 2019; MExGen)."""

import itertools
import math
import statistics
from collections.abc import Iterator

from .protocol import Attributing, Scores, Value

_SMALLER = ((2, 2), (2, 1), (1, 1), (0, 0))  # radius and others removed, the dearest first; the last is leave one out


def lshap(
    n: int, *, radius: int | None = 2, max_removed: int | None = 2, budget: int | None = None
) -> Attributing[Scores]:
    """What removing a unit takes away, averaged over how many of its neighbours are gone already, then over which ones.

    Exact where the value is a sum over the units, for every n: sizes that a unit at the edge of a short text has not
    neighbours enough for are left out of its average. With the full radius and no cap these are the Shapley values,
    at 2^n evaluations. Otherwise the number of evaluations grows as n: 9 n - 22 by default, besides the whole text.

    Args:
        n: how many units there are.
        radius: so many units on either side are a unit's neighbours; None = all units.
        max_removed: so many neighbours at most are gone at once; None = all of them.
        budget: with it, radius and max_removed are made smaller until no more sets than that have to be evaluated.
    """
    radius = n if radius is None else radius
    max_removed = n if max_removed is None else max_removed
    if budget is not None:
        radius, max_removed = _affordable(n, radius, max_removed, budget)
    gone = [list(_gone(unit, n, radius, max_removed)) for unit in range(n)]
    sets = dict.fromkeys([frozenset[int]()])
    for unit, some in enumerate(gone):
        sets |= dict.fromkeys(s for others in some for s in (others, others | {unit}))
    ordered = sorted(sets, key=len)
    values = dict(zip(ordered, (yield Value(tuple(ordered))), strict=True))
    if values[frozenset()] is None:
        return (None,) * n
    return tuple(_average(unit, gone[unit], values) for unit in range(n))


def evaluations(n: int, radius: int, max_removed: int) -> int:
    """How many sets L-SHAP evaluates, the empty one not counted."""
    return len(
        {
            others | extra
            for unit in range(n)
            for others in _gone(unit, n, radius, max_removed)
            for extra in (frozenset[int](), frozenset([unit]))
        }
    ) - (1 if n else 0)


def _affordable(n: int, radius: int, max_removed: int, budget: int) -> tuple[int, int]:
    for smaller in ((radius, max_removed), *_SMALLER):
        within = min(radius, smaller[0]), min(max_removed, smaller[1])
        if _bound(n, *within) <= 50 * budget and evaluations(n, *within) <= budget:
            return within
    return _SMALLER[-1]


def _bound(n: int, radius: int, max_removed: int) -> int:
    """At most so many sets; counting them one by one is not thought of where that is far too many."""
    neighbours = min(2 * radius, max(0, n - 1))
    return 2 * n * sum(math.comb(neighbours, size) for size in range(min(max_removed, neighbours) + 1))


def _gone(unit: int, n: int, radius: int, max_removed: int) -> Iterator[frozenset[int]]:
    """The sets of neighbours that are gone when the unit is removed."""
    neighbours = [i for i in range(max(0, unit - radius), min(n, unit + radius + 1)) if i != unit]
    for size in range(min(max_removed, len(neighbours)) + 1):
        yield from map(frozenset, itertools.combinations(neighbours, size))


def _average(unit: int, gone: list[frozenset[int]], values: dict[frozenset[int], float | None]) -> float | None:
    by_size: dict[int, list[float]] = {}
    for others in gone:
        before, after = values[others], values[others | {unit}]
        if before is not None and after is not None:
            by_size.setdefault(len(others), []).append(before - after)
    return statistics.fmean(map(statistics.fmean, by_size.values())) if by_size else None
