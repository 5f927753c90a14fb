"""Attribution of any value to units, by the method's name and with coroutines; `functions` has the plain ones."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypedDict, Unpack

from convexplain.errors import UsageError
from convexplain.types import Interaction

from .attribution_driver import run_attribution
from .driver import at_once
from .protocol import Scores, Value
from .registry import ATTRIBUTION_METHODS, generator_of

Units: TypeAlias = int | Sequence[Any]
ValueFn: TypeAlias = Callable[[list[frozenset[int]]], Sequence[float | None]]
AValueFn: TypeAlias = Callable[[list[frozenset[int]]], Awaitable[Sequence[float | None]]]


class AttributeOptions(TypedDict, total=False):
    """The options of the attribution methods, besides the units and the value; each method has some of them."""

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
class AttributionResult:
    """An attribution of a value to units.

    Attributes:
        scores: one for each unit, on the scale of the value; positive = the unit raises it; None where that could not
            be had.
        full: the value of the whole text; None where there is none, and then no unit has a score.
        calls: distinct sets that were evaluated, the whole text not counted.
        failed: those of them that have no value.
        chosen: `joint` only: the units that together move the value most, in order.
        drop: `joint` only: by how much, toward `side`.
        interactions: `surrogate` only: pairs of units that do more or less together than the sum of the two, at most
            five, the largest first.
    """

    scores: Scores
    full: float | None
    calls: int
    failed: int
    chosen: tuple[int, ...] = ()
    drop: float | None = None
    interactions: tuple[Interaction, ...] = ()


async def aattribute(
    method: str, units: Units, *, value: AValueFn, **options: Unpack[AttributeOptions]
) -> AttributionResult:
    """Attribute a value to units with the method of that name, with a coroutine.

    Args:
        method: a name of `ATTRIBUTION_METHODS`.
        units: the units, or how many there are.
        value: as of `loo`, but it is awaited.
        options: the options of the method: those of the function of that name.

    Returns:
        A score for each unit.

    Raises:
        UsageError: as the function, or there is no such method, or it has no such option.
    """
    record = ATTRIBUTION_METHODS.get(method)
    if unknown := [name for name in options if name not in record.options]:
        raise UsageError(f"{unknown[0]} is not known to {method}; valid are: {', '.join(record.options)}")
    facts: dict[str, Any] = {**options, "rng": generator_of(options.get("seed", 0))}
    search = record.start(_count(units), facts)
    end = await run_attribution(search, partial(_values, value), budget=options.get("budget"))
    outcome = end.outcome
    return AttributionResult(
        outcome.scores,
        end.full,
        end.calls.total(),
        end.failed.total(),
        outcome.chosen,
        outcome.drop,
        outcome.interactions,
    )


def attribute(method: str, units: Units, value: ValueFn, **options: Unpack[AttributeOptions]) -> AttributionResult:
    """Attribute as `aattribute` does, with a plain function."""

    async def value_async(sets: list[frozenset[int]]) -> Sequence[float | None]:
        return value(sets)

    return at_once(aattribute(method, units, value=value_async, **options))


async def _values(value: AValueFn, request: Value) -> list[float | None]:
    answer = await value(list(request.removed))
    try:
        values = list(answer)
    except TypeError:
        raise UsageError(f"value returned a {type(answer).__name__}; it must return a list") from None
    if len(values) != len(request.removed):
        raise UsageError(f"value returned {len(values)} values for {len(request.removed)} sets")
    return values


def _count(units: Units) -> int:
    n = units if isinstance(units, int) else len(units)
    if n < 0:
        raise UsageError(f"units={n} is not valid; it must be at least 0")
    return n
