"""Units of texts, and edits of them."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["turn", "sentence", "phrase", "word"]
LEVELS: tuple[Level, ...] = ("turn", "sentence", "phrase", "word")


@dataclass(frozen=True, slots=True)
class Unit:
    """A span of one turn's text, `turns[turn].content[start:end]`, in code points.

    The units of one level tile the text: their spans joined give it back exactly.
    """

    turn: int
    start: int
    end: int
    level: Level

    def of(self, text: str) -> str:
        """Return the unit's characters in the content of its turn."""
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Edit:
    """One unit replaced by another text."""

    unit: Unit
    before: str
    after: str
