"""Runs any search that attributes: drops duplicates, counts calls and stops at the budget to the call."""

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from convexplain.errors import UsageError

from .protocol import Value, ValueSearch

T = TypeVar("T")
Key: TypeAlias = Callable[[int, frozenset[int]], Hashable]


@dataclass(frozen=True, slots=True)
class AttributionRun(Generic[T]):
    """The end of a search that attributes.

    Attributes:
        outcome: the search's own outcome.
        full: the value of the whole text; None where there is none.
        calls: sets that were evaluated, by level; that of the whole text is not counted.
        failed: those of them that have no value, by level.
        values: the values of all sets that were evaluated, by their keys; None where there is none.
    """

    outcome: T
    full: float | None
    calls: Counter[int]
    failed: Counter[int]
    values: Mapping[Hashable, float | None]


async def run_attribution(
    search: ValueSearch[T],
    value: Callable[[Value], Awaitable[Sequence[float | None]]],
    *,
    budget: int | None = None,
    key: Key = lambda level, removed: (level, removed),
) -> AttributionRun[T]:
    """Run a search to its end.

    Args:
        search: the search.
        value: evaluates all sets of a request at once; None or NaN where there is no value.
        budget: sets that are evaluated at most; further ones are answered by None. No limit unless given.
        key: two sets of the same key are one text.

    Raises:
        UsageError: the budget is less than 1.
    """
    steps = _steps(search, budget, key)
    answer: Sequence[float | None] | None = None
    while True:
        try:
            request = steps.send(answer)  # type: ignore[arg-type]
        except StopIteration as end:
            run: AttributionRun[T] = end.value
            return run
        answer = await value(request)


def _steps(
    search: ValueSearch[T], budget: int | None, key: Key
) -> Generator[Value, Sequence[float | None], AttributionRun[T]]:
    if budget is not None and budget < 1:
        raise UsageError(f"budget={budget} is not valid; it must be at least 1")
    full = key(0, frozenset())
    values: dict[Hashable, float | None] = {}
    calls, failed = Counter[int](), Counter[int]()
    answer: Sequence[float | None] | None = None
    while True:
        try:
            request = search.send(answer)  # type: ignore[arg-type]
        except StopIteration as end:
            return AttributionRun(end.value, values.get(full), calls, failed, values)
        keys = [key(request.level, removed) if removed else full for removed in request.removed]
        new = {k: removed for k, removed in zip(keys, request.removed, strict=True) if k not in values}
        free = [k for k in new if k == full]
        paid = [k for k in new if k != full]
        paid = paid if budget is None else paid[: budget - calls.total()]
        if free or paid:
            measured = yield Value(tuple(new[k] for k in [*free, *paid]), request.level)
            for k, value in zip([*free, *paid], measured, strict=True):
                values[k] = value if value is not None and math.isfinite(value) else None
            calls[request.level] += len(paid)
            failed[request.level] += sum(values[k] is None for k in paid)
        answer = [values.get(k) for k in keys]
