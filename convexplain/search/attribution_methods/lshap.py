"""L-SHAP: Shapley values in which each unit meets its neighbours only (Chen et al. 2019; MExGen)."""

import itertools
import math
import statistics
from collections.abc import Iterator

from ..protocol import MethodOutcome, Value, ValueSearch
from ..registry import AttributionMethod
from ._limits import check_at_least

_SMALLER = ((2, 2), (2, 1), (1, 1), (0, 0))  # radius and others removed, the dearest first; the last is leave one out


def lshap(
    n: int, *, radius: int | None = 2, max_removed: int | None = 2, budget: int | None = None
) -> ValueSearch[MethodOutcome]:
    """Average the loss of value by removing a unit, over how many neighbours are removed already and over which ones.

    Exact where the value is a sum over the units, for every n: sizes that a unit at the edge of a short text has not
    neighbours enough for are left out of its average. With the full radius and no cap these are the Shapley values,
    at 2^n evaluations. Otherwise the number of evaluations grows as n: 9 n - 22 by default, besides the whole text.

    Args:
        n: how many units there are.
        radius: units on either side that are a unit's neighbours; None = all units.
        max_removed: neighbours that are removed at once at most; None = all of them.
        budget: with it, radius and max_removed are made smaller until no more sets than that have to be evaluated.

    Raises:
        UsageError: an option is negative.
    """
    check_at_least(0, radius=radius, max_removed=max_removed)
    radius = n if radius is None else radius
    max_removed = n if max_removed is None else max_removed
    if budget is not None:
        radius, max_removed = _affordable(n, radius, max_removed, budget)
    coalitions = [list(_coalitions(unit, n, radius, max_removed)) for unit in range(n)]
    sets = dict.fromkeys([frozenset[int]()])
    for unit, neighbours in enumerate(coalitions):
        sets |= dict.fromkeys(removed for gone in neighbours for removed in (gone, gone | {unit}))
    ordered = sorted(sets, key=len)
    values = dict(zip(ordered, (yield Value(tuple(ordered))), strict=True))
    if values[frozenset()] is None:
        return MethodOutcome((None,) * n)
    return MethodOutcome(tuple(_average(unit, coalitions[unit], values) for unit in range(n)))


def evaluations(n: int, radius: int, max_removed: int) -> int:
    """Return how many sets L-SHAP evaluates, the empty one not counted."""
    return len(
        {
            gone | extra
            for unit in range(n)
            for gone in _coalitions(unit, n, radius, max_removed)
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
    """An upper bound of the number of sets, which need not be counted one by one where it is far too large."""
    neighbours = min(2 * radius, max(0, n - 1))
    return 2 * n * sum(math.comb(neighbours, size) for size in range(min(max_removed, neighbours) + 1))


def _coalitions(unit: int, n: int, radius: int, max_removed: int) -> Iterator[frozenset[int]]:
    """The sets of neighbours that are gone when the unit is removed."""
    neighbours = [i for i in range(max(0, unit - radius), min(n, unit + radius + 1)) if i != unit]
    for size in range(min(max_removed, len(neighbours)) + 1):
        yield from map(frozenset, itertools.combinations(neighbours, size))


def _average(unit: int, coalitions: list[frozenset[int]], values: dict[frozenset[int], float | None]) -> float | None:
    by_size: dict[int, list[float]] = {}
    for gone in coalitions:
        before, after = values[gone], values[gone | {unit}]
        if before is not None and after is not None:
            by_size.setdefault(len(gone), []).append(before - after)
    return statistics.fmean(map(statistics.fmean, by_size.values())) if by_size else None


LSHAP = AttributionMethod("lshap", "L-SHAP: Shapley values among neighbouring units.", lshap)
