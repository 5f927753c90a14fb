"""What a search asks for and is told: plain data between a search (`convexplain.search`) and what drives it.

A search sees a text as units 0 … n-1 and knows nothing of their words. It yields `Infill` and receives a fill for each
hole; it yields `Score` and receives g for each candidate. One that attributes yields `Value` and receives the value of
the text without each set of units. Duplicates cost nothing, and the driver ends a search whose budget is spent, so that
a search neither counts calls nor remembers candidates.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Edits: TypeAlias = tuple[tuple[int, str], ...]
"""Which units are replaced by what, in the order of the units."""


@dataclass(frozen=True, slots=True)
class Hole:
    """One unit of a text as edited so far, to be filled with something else.

    Attributes:
        unit: which one.
        edits: what is edited already; not this unit.
        avoid: fills of this hole that are not wanted again.
    """

    unit: int
    edits: Edits = ()
    avoid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Infill:
    """Asks for a fill for each hole; told a list of the same length, None where there is none."""

    holes: tuple[Hole, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """Asks for g of each candidate; told a list of the same length, None where no score could be had."""

    candidates: tuple[Edits, ...]


Search: TypeAlias = Generator[Infill | Score, Sequence[str | None] | Sequence[float | None], None]
"""A search that ends when it has nothing more to ask."""


@dataclass(frozen=True, slots=True)
class Value:
    """Asks for the value of the text without each of these sets of units; told a list of the same length.

    None is told where there is no value, and for what the budget did not reach. The empty set is the whole text.

    Attributes:
        removed: the sets.
        level: which division of the text the units are of, where there are several; 0 is the coarsest.
    """

    removed: tuple[frozenset[int], ...]
    level: int = 0


Attributing: TypeAlias = Generator[Value, Sequence[float | None], T]
"""A search that says at its end what it found, as a T."""

Scores: TypeAlias = tuple[float | None, ...]
"""For each unit by how much it raises the value; None where that could not be had."""


def with_edit(edits: Edits, unit: int, fill: str) -> Edits:
    """The edits and one more, in order."""
    return tuple(sorted([*(edit for edit in edits if edit[0] != unit), (unit, fill)]))


def without(edits: Edits, *units: int) -> Edits:
    """The edits with these units as they were."""
    return tuple(edit for edit in edits if edit[0] not in units)
