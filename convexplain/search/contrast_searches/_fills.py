"""The fills that a search has, of which it asks for more as long as there are any."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..protocol import Edits, Hole, Infill


@dataclass(slots=True)
class Fills:
    """The fills of each unit so far, the newest last.

    Attributes:
        texts: the fills by unit.
        exhausted: units that there is no further fill for.
    """

    texts: dict[int, list[str]]
    exhausted: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, edits: Edits) -> "Fills":
        """Return the fills of a candidate."""
        return cls({unit: [fill] for unit, fill in edits})

    def more(self, units: Iterable[int]) -> Generator[Infill, Any, dict[int, str]]:
        """Ask for a further fill of each unit and return the new ones."""
        holes = tuple(Hole(unit, avoid=tuple(self.texts[unit])) for unit in units if unit not in self.exhausted)
        if not holes:
            return {}
        answer: Sequence[str | None] = yield Infill(holes)
        new: dict[int, str] = {}
        for hole, fill in zip(holes, answer, strict=True):
            if fill is None or fill in self.texts[hole.unit]:
                self.exhausted.add(hole.unit)
            else:
                self.texts[hole.unit].append(fill)
                new[hole.unit] = fill
        return new
