"""The requests of a search and the answers to them: plain data between a search and its driver.

A search sees a text as units 0 … n-1 and knows nothing of their words. It yields `Infill` and receives a fill for each
hole; it yields `Score` and receives g for each candidate. One over the proposals of editors sees passages 0 … n-1: it
yields `Propose` and receives new candidates for each passage, and `ReadsWell` to hear which of them do. One that
attributes yields `Value` and receives the value of the text without each set of units. Duplicates cost nothing, and the
driver ends a search whose budget is spent, so that a search neither counts calls nor remembers candidates.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from convexplain.types import Interaction

T = TypeVar("T")

Edits: TypeAlias = tuple[tuple[int, str], ...]
"""The numbers of the replaced units with their replacements, in the order of the units."""


@dataclass(frozen=True, slots=True)
class Hole:
    """One unit of a text as edited so far, to be filled with another text.

    Attributes:
        unit: the unit's number.
        edits: the edits so far; not of this unit.
        avoid: fills of this hole that are refused.
    """

    unit: int
    edits: Edits = ()
    avoid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Infill:
    """A request for a fill of each hole; the answer has the same length, with None where there is no fill."""

    holes: tuple[Hole, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """A request for g of each candidate; the answer has the same length, with None where there is no score."""

    candidates: tuple[Edits, ...]


@dataclass(frozen=True, slots=True)
class Propose:
    """A request for new edits of each passage; the answer has the same length, with the new candidates of each.

    A passage for which nothing new comes has no further proposals.
    """

    passages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReadsWell:
    """A question about the texts of candidates; the answer has the same length, with True for those that read well.

    It costs no call.
    """

    candidates: tuple[Edits, ...]


Search: TypeAlias = Generator[Infill | Score | Propose | ReadsWell, Any, None]
"""A search that ends when it has no further request."""


@dataclass(frozen=True, slots=True)
class Value:
    """A request for the value of the text without each of these sets of units; the answer has the same length.

    The answer is None where there is no value, and for what the budget did not reach. The empty set is the whole text.

    Attributes:
        removed: the sets.
        level: the division of the text that the units are of, where there are several; 0 is the coarsest.
    """

    removed: tuple[frozenset[int], ...]
    level: int = 0


ValueSearch: TypeAlias = Generator[Value, Sequence[float | None], T]
"""A search over values that ends with a T."""

Scores: TypeAlias = tuple[float | None, ...]
"""For each unit by how much it raises the value; None where that could not be had."""


@dataclass(frozen=True, slots=True)
class MethodOutcome:
    """The end of an attribution method.

    Attributes:
        scores: one for each unit.
        chosen: the units that were removed together, in order, by a method that does that.
        drop: the loss of value without the chosen units, counted toward the side that is explained; None without any.
        interactions: pairs of units that do more or less together than the sum of the two, the largest first, by a
            method that measures that.
    """

    scores: Scores
    chosen: tuple[int, ...] = ()
    drop: float | None = None
    interactions: tuple[Interaction, ...] = ()


def with_edit(edits: Edits, unit: int, fill: str) -> Edits:
    """Return the edits with one more, in the order of the units."""
    return tuple(sorted([*(edit for edit in edits if edit[0] != unit), (unit, fill)]))


def without(edits: Edits, *units: int) -> Edits:
    """Return the edits with these units unedited."""
    return tuple(edit for edit in edits if edit[0] not in units)
