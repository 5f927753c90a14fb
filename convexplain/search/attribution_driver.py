"""Runs any search that attributes: drops duplicates, counts calls and stops at the budget to the call."""

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from convexplain.errors import UsageError

from .protocol import Attributing, Value

T = TypeVar("T")
Key: TypeAlias = Callable[[int, frozenset[int]], Hashable]


@dataclass(frozen=True, slots=True)
class Valued(Generic[T]):
    """How a search ended.

    Attributes:
        found: what it says that it found.
        full: the value of the whole text; None where there is none.
        calls: sets that were evaluated, by level; that of the whole text is not counted.
        failed: those of them that have no value, by level.
    """

    found: T
    full: float | None
    calls: Counter[int]
    failed: Counter[int]


async def attributed(
    search: Attributing[T],
    value: Callable[[Value], Awaitable[Sequence[float | None]]],
    *,
    budget: int | None = None,
    key: Key = lambda level, removed: (level, removed),
) -> Valued[T]:
    """Drives a search.

    Args:
        search: the search.
        value: evaluates all sets of an ask at once; None or NaN where there is no value.
        budget: at most so many sets are evaluated; the others are answered by None. No limit unless given.
        key: two sets of the same key are one text.

    Raises:
        UsageError: the budget is less than 1.
    """
    driving = _driving(search, budget, key)
    answer: Sequence[float | None] | None = None
    while True:
        try:
            ask = driving.send(answer)  # type: ignore[arg-type]
        except StopIteration as end:
            found: Valued[T] = end.value
            return found
        answer = await value(ask)


def _driving(
    search: Attributing[T], budget: int | None, key: Key
) -> Generator[Value, Sequence[float | None], Valued[T]]:
    if budget is not None and budget < 1:
        raise UsageError(f"budget={budget} is not valid; it must be at least 1")
    whole = key(0, frozenset())
    known: dict[Hashable, float | None] = {}
    calls, failed = Counter[int](), Counter[int]()
    answer: Sequence[float | None] | None = None
    while True:
        try:
            ask = search.send(answer)  # type: ignore[arg-type]
        except StopIteration as end:
            return Valued(end.value, known.get(whole), calls, failed)
        keys = [whole if not some else key(ask.level, some) for some in ask.removed]
        new = {k: some for k, some in zip(keys, ask.removed, strict=True) if k not in known}
        free = [k for k in new if k == whole]
        paid = [k for k in new if k != whole]
        paid = paid if budget is None else paid[: budget - calls.total()]
        if free or paid:
            told = yield Value(tuple(new[k] for k in [*free, *paid]), ask.level)
            for k, value in zip([*free, *paid], told, strict=True):
                known[k] = value if value is not None and math.isfinite(value) else None
            calls[ask.level] += len(paid)
            failed[ask.level] += sum(known[k] is None for k in paid)
        answer = [known.get(k) for k in keys]
