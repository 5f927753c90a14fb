"""Attribution over any value: `loo`, `clime`, `lshap` and `joint`; `aattribute` is all of them, for coroutines."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypedDict, Unpack

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


class AttributeOptions(TypedDict, total=False):
    """What the functions take besides the units and the value, each its own parameters."""

    seed: int
    max_removed: int | None
    per_unit: int
    num_nonzeros: int | None
    radius: int | None
    k: int
    side: int
    start: Sequence[float] | None
    budget: int | None


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
    return _attribute("loo", units, value, budget=budget)


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
    return _attribute(
        "clime",
        units,
        value,
        seed=seed,
        max_removed=max_removed,
        per_unit=per_unit,
        num_nonzeros=num_nonzeros,
        budget=budget,
    )


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
    return _attribute("lshap", units, value, radius=radius, max_removed=max_removed, budget=budget)


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
    return _attribute("joint", units, value, k=k, seed=seed, side=side, start=start, budget=budget)


async def aattribute(method: str, units: Units, *, value: AValueFn, **options: Unpack[AttributeOptions]) -> Attributed:
    """Attribute as the function of that name does, with a coroutine.

    Args:
        method: a name out of `METHODS`.
        units: the units, or how many there are.
        value: as of `loo`, but it is awaited.
        options: the parameters of the function of that name.

    Returns:
        What each unit does to the value.

    Raises:
        UsageError: as the function, or there is no such method, or it has no such parameter.
    """
    _check(method)
    valid = [name for name in inspect.signature(_FUNCTIONS[method]).parameters if name not in ("units", "value")]
    if unknown := [name for name in options if name not in valid]:
        raise UsageError(f"{unknown[0]} is not known to {method}; valid are: {', '.join(valid)}")
    search = _SEARCHES[method](_count(units), **options)
    driven = await attributed(search, partial(_valued, value), budget=options.get("budget"))
    scores, chosen, drop = driven.found
    return Attributed(scores, driven.full, driven.calls.total(), driven.failed.total(), chosen, drop)


def _attribute(method: str, units: Units, value: ValueFn, **options: Unpack[AttributeOptions]) -> Attributed:
    async def valued(sets: list[frozenset[int]]) -> Sequence[float | None]:
        return value(sets)

    return at_once(aattribute(method, units, value=valued, **options))


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
    _check(name)

    def searching(level: int, units: Sequence[int], budget: int) -> Attributing[Method]:
        options: AttributeOptions = {"budget": budget}
        if name in ("clime", "joint"):
            options["seed"] = seed
        if name == "joint":
            start = None if guide is None else [guide[level][unit] for unit in units]
            options |= {"k": k, "side": side, "start": start}
        return _SEARCHES[name](len(units), **options)

    return searching


def _check(method: str) -> None:
    if method not in METHODS:
        raise UsageError(f"method={method!r} is not valid; valid are: {', '.join(METHODS)}")


def _search_loo(n: int, **_: Any) -> Attributing[Method]:
    return (yield from _loo.loo(n)), (), None


def _search_clime(n: int, *, seed: int = 0, budget: int | None = None, **options: Any) -> Attributing[Method]:
    _at_least(1, **options)
    return (yield from _clime.clime(n, rng=_rng(seed), budget=budget, **options)), (), None


def _search_lshap(n: int, *, budget: int | None = None, **options: Any) -> Attributing[Method]:
    _at_least(0, **options)
    return (yield from _lshap.lshap(n, budget=budget, **options)), (), None


def _search_joint(n: int, *, k: int = 3, seed: int = 0, side: int = 1, **options: Any) -> Attributing[Method]:
    _at_least(1, k=k)
    if side not in (1, -1):
        raise UsageError(f"side={side} is not valid; it must be 1 or -1")
    if (start := options.get("start")) is not None and len(start) != n:
        raise UsageError(f"start has {len(start)} values; it must have one for each of the {n} units")
    jointly = yield from _joint.joint(n, k=k, rng=_rng(seed), side=side, **options)
    return jointly.scores, jointly.chosen, jointly.drop


_FUNCTIONS: dict[str, Callable[..., Attributed]] = {"clime": clime, "lshap": lshap, "loo": loo, "joint": joint}
_SEARCHES: dict[str, Callable[..., Attributing[Method]]] = {
    "clime": _search_clime,
    "lshap": _search_lshap,
    "loo": _search_loo,
    "joint": _search_joint,
}


async def _valued(value: AValueFn, ask: Value) -> list[float | None]:
    values = await value(list(ask.removed))
    try:
        found = list(values)
    except TypeError:
        raise UsageError(f"value returned a {type(values).__name__}; it must return a list") from None
    if len(found) != len(ask.removed):
        raise UsageError(f"value returned {len(found)} values for {len(ask.removed)} sets")
    return found


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
