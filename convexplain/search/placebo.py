"""The placebo of a contrast: edits about as large elsewhere; and where units stand."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .protocol import Edits

_SMALLEST, _LARGEST = 0.5, 2.0  # times the size of the contrast

Span: TypeAlias = tuple[int, int, int]
"""A turn, and where a unit starts and ends in it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of the units of a text.

    Attributes:
        size: how many edits a candidate counts as having.
        span: the place of a unit; all in one turn, one after another, unless given.
        distance: how far a candidate is from the original text, where that is not its size.
    """

    size: Callable[[Edits], int] = len
    span: Callable[[int], Span] = lambda unit: (0, unit, unit + 1)
    distance: Callable[[Edits], float] | None = None

    def apart(self, unit: int, edited: Iterable[int]) -> bool:
        """Return True where a unit shares no place with those that are edited."""
        turn, start, end = self.span(unit)
        places = map(self.span, edited)
        return not any(turn == place[0] and start < place[2] and place[1] < end for place in places)


@dataclass(frozen=True, slots=True)
class Placebo:
    """The count of edits elsewhere that cross too.

    Attributes:
        draws: placebos that were measured.
        crossed: how many of them reach delta; the fewer, the more the contrast's own place matters.
    """

    draws: int
    crossed: int


def placebo_edits(
    edits: Edits, fills: Mapping[int, str], layout: Layout, draws: int, rng: np.random.Generator
) -> list[Edits]:
    """Return at most so many different sets of edits elsewhere, half to twice as large.

    For each unit one of the most similar size is taken, where there is one: of the same turn, or else of another one.

    Args:
        edits: those of the contrast.
        fills: an edit of each unit that there is one for.
        layout: the place and the size of each unit.
        draws: sets to return at most.
        rng: the source of chance.
    """
    edited = [unit for unit, _ in edits]
    elsewhere = [unit for unit in sorted(fills) if layout.apart(unit, edited)]
    total = layout.size(edits)
    sets: dict[Edits, None] = {}
    for _ in range(4 * draws):
        chosen: list[int] = []
        for edit in edits:
            turn, size = layout.span(edit[0])[0], layout.size((edit,))
            apart = [unit for unit in elsewhere if layout.apart(unit, chosen)]
            same = [unit for unit in apart if layout.span(unit)[0] == turn] or apart
            near = {unit: abs(layout.size(((unit, fills[unit]),)) - size) for unit in same}
            alike = [unit for unit in same if near[unit] == min(near.values())]
            if alike:
                chosen.append(alike[int(rng.integers(len(alike)))])
        placebo = tuple((unit, fills[unit]) for unit in sorted(chosen))
        if placebo and _SMALLEST * total <= layout.size(placebo) <= _LARGEST * total:
            sets[placebo] = None
    return list(sets)[:draws]
