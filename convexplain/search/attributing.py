"""Attribution over any value: `loo`, `clime`, `lshap` and `joint`, each with an `a…` twin that takes coroutines."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from convexplain.errors import UsageError

from . import _clime, _joint, _loo, _lshap
from ._refine import Method
from .attribution_driver import attributed
from .driver import at_once
from .protocol import Attributing, Scores, Value

METHODS = ("clime", "lshap", "loo", "joint")

Units: TypeAlias = int | Sequence[Any]
ValueFn: TypeAlias = Callable[[list[frozenset[int]]], Sequence[float | None]]
AValueFn: TypeAlias = Callable[[list[frozenset[int]]], Awaitable[Sequence[float | None]]]


@dataclass(frozen=True, slots=True)
class Attributed:
    """What a value hangs on.

    Attributes:
        scores: one a unit, on the scale of the value; positive = the unit raises it; None where that could not be had.
        full: the value of the whole text; None where there is none, and then no unit has a score.
        calls: distinct sets that were evaluated, the whole text not counted.
        failed: those of them that have no value.
        chosen: `joint` only: the units that together move the value most, in order.
        drop: `joint` only: by how much, toward `side`.
    """

    scores: Scores
    full: float | None
    calls: int
    failed: int
    chosen: tuple[int, ...] = ()
    drop: float | None = None


def loo(units: Units, *, value: ValueFn, budget: int | None = None) -> Attributed:
    """Leave one out: what the value loses when a unit is removed.

    Args:
        units: the units, or how many there are.
        value: from sets of removed units to the value of the text without each; None or NaN where there is none.
        budget: so many sets are evaluated at most, the empty one not counted.

    Raises:
        UsageError: an argument cannot be meant, or `value` returns the wrong number of values.
    """
    return at_once(aloo(units, value=_later(value), budget=budget))


async def aloo(units: Units, *, value: AValueFn, budget: int | None = None) -> Attributed:
    """As `loo`, with a coroutine."""
    return await _linear(_loo.loo(_count(units)), value, budget)


def clime(
    units: Units,
    *,
    value: ValueFn,
    seed: int = 0,
    max_removed: int = 2,
    per_unit: int = _clime.PER_UNIT,
    num_nonzeros: int | None = None,
    budget: int | None = None,
) -> Attributed:
    """C-LIME (MExGen): a linear fit to the values of the text without one or two of its units.

    Args:
        units: the units, or how many there are.
        value: as in `loo`.
        seed: the same seed gives the same result.
        max_removed: so many units are removed at once at most.
        per_unit: evaluations a unit at most.
        num_nonzeros: only so many units have a score other than 0; all unless given.
        budget: as in `loo`.

    Raises:
        UsageError: as `loo`.
    """
    return at_once(
        aclime(
            units,
            value=_later(value),
            seed=seed,
            max_removed=max_removed,
            per_unit=per_unit,
            num_nonzeros=num_nonzeros,
            budget=budget,
        )
    )


async def aclime(
    units: Units,
    *,
    value: AValueFn,
    seed: int = 0,
    max_removed: int = 2,
    per_unit: int = _clime.PER_UNIT,
    num_nonzeros: int | None = None,
    budget: int | None = None,
) -> Attributed:
    """As `clime`, with a coroutine."""
    _at_least(1, max_removed=max_removed, per_unit=per_unit, num_nonzeros=num_nonzeros)
    search = _clime.clime(
        _count(units),
        rng=_rng(seed),
        max_removed=max_removed,
        per_unit=per_unit,
        num_nonzeros=num_nonzeros,
        budget=budget,
    )
    return await _linear(search, value, budget)


def lshap(
    units: Units,
    *,
    value: ValueFn,
    radius: int | None = 2,
    max_removed: int | None = 2,
    budget: int | None = None,
) -> Attributed:
    """L-SHAP (Chen et al. 2019; MExGen): Shapley values among neighbours.

    Args:
        units: the units, or how many there are.
        value: as in `loo`.
        radius: so many units on either side are a unit's neighbours; None = all: with `max_removed=None` the Shapley
            values, at 2^n evaluations.
        max_removed: so many neighbours are gone at once at most; None = all.
        budget: as in `loo`; radius and max_removed are made smaller until it is enough.

    Raises:
        UsageError: as `loo`.
    """
    return at_once(alshap(units, value=_later(value), radius=radius, max_removed=max_removed, budget=budget))


async def alshap(
    units: Units,
    *,
    value: AValueFn,
    radius: int | None = 2,
    max_removed: int | None = 2,
    budget: int | None = None,
) -> Attributed:
    """As `lshap`, with a coroutine."""
    _at_least(0, radius=radius, max_removed=max_removed)
    search = _lshap.lshap(_count(units), radius=radius, max_removed=max_removed, budget=budget)
    return await _linear(search, value, budget)


def joint(
    units: Units,
    *,
    value: ValueFn,
    k: int = 3,
    seed: int = 0,
    side: int = 1,
    start: Sequence[float] | None = None,
    budget: int | None = None,
) -> Attributed:
    """Joint attribution (XPrompt, Chang et al. 2024): the k units whose removal together moves the value most.

    Args:
        units: the units, or how many there are.
        value: as in `loo`.
        k: so many units are removed together.
        seed: the same seed gives the same result.
        side: 1 looks for the largest fall of the value, -1 for the largest rise.
        start: what each unit does, where that is known already; saves the evaluations that find it out.
        budget: as in `loo`; 10 a unit unless given.

    Returns:
        The set in `chosen`, what it does in `drop`; `scores` are what each unit does by itself, by a linear fit.

    Raises:
        UsageError: as `loo`.
    """
    return at_once(ajoint(units, value=_later(value), k=k, seed=seed, side=side, start=start, budget=budget))


async def ajoint(
    units: Units,
    *,
    value: AValueFn,
    k: int = 3,
    seed: int = 0,
    side: int = 1,
    start: Sequence[float] | None = None,
    budget: int | None = None,
) -> Attributed:
    """As `joint`, with a coroutine."""
    n = _count(units)
    _at_least(1, k=k)
    if side not in (1, -1):
        raise UsageError(f"side={side} is not valid; it must be 1 or -1")
    if start is not None and len(start) != n:
        raise UsageError(f"start has {len(start)} values; it must have one for each of the {n} units")
    search = _joint.joint(n, k=k, rng=_rng(seed), side=side, start=start, budget=budget)
    found = await attributed(search, partial(_valued, value), budget=budget)
    calls, failed = sum(found.calls.values()), sum(found.failed.values())
    return Attributed(found.found.scores, found.full, calls, failed, found.found.chosen, found.found.drop)


def make_method(
    name: str, *, seed: int = 0, side: int = 1, k: int = 3, guide: Sequence[Sequence[float]] | None = None
) -> Callable[[int, Sequence[int], int], Attributing[Method]]:
    """The method of that name as `refine` takes it.

    Args:
        name: out of `METHODS`.
        seed, side, k: as in `joint`.
        guide: for each level what each unit does, where that is known already; `joint` starts from it.

    Raises:
        UsageError: there is no such method.
    """
    if name not in METHODS:
        raise UsageError(f"method={name!r} is not valid; valid are: {', '.join(METHODS)}")

    def searching(level: int, units: Sequence[int], budget: int) -> Attributing[Method]:
        n = len(units)
        if name == "joint":
            start = None if guide is None else [guide[level][unit] for unit in units]
            found = yield from _joint.joint(n, k=k, rng=_rng(seed), side=side, budget=budget, start=start)
            return found.scores, found.chosen, found.drop
        linear = {
            "loo": lambda: _loo.loo(n),
            "clime": lambda: _clime.clime(n, rng=_rng(seed), budget=budget),
            "lshap": lambda: _lshap.lshap(n, budget=budget),
        }
        return (yield from linear[name]()), (), None

    return searching


async def _linear(search: Attributing[Scores], value: AValueFn, budget: int | None) -> Attributed:
    found = await attributed(search, partial(_valued, value), budget=budget)
    return Attributed(found.found, found.full, sum(found.calls.values()), sum(found.failed.values()))


async def _valued(value: AValueFn, ask: Value) -> list[float | None]:
    values = await value(list(ask.removed))
    try:
        found = list(values)
    except TypeError:
        raise UsageError(f"value returned a {type(values).__name__}; it must return a list") from None
    if len(found) != len(ask.removed):
        raise UsageError(f"value returned {len(found)} values for {len(ask.removed)} sets")
    return found


def _later(value: ValueFn) -> AValueFn:
    async def valued(sets: list[frozenset[int]]) -> Sequence[float | None]:
        return value(sets)

    return valued


def _count(units: Units) -> int:
    n = units if isinstance(units, int) else len(units)
    if n < 0:
        raise UsageError(f"units={n} is not valid; it must be at least 0")
    return n


def _at_least(least: int, **values: int | None) -> None:
    for name, number in values.items():
        if number is not None and number < least:
            raise UsageError(f"{name}={number} is not valid; it must be at least {least}")


def _rng(seed: int) -> np.random.Generator:
    if seed < 0:
        raise UsageError(f"seed={seed} is not valid; it must be at least 0")
    return np.random.default_rng(seed)
