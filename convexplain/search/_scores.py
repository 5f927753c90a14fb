"""What a search has been told so far."""

from collections.abc import Generator, Sequence
from typing import Any

from ..asks import Edits, Score


class Scores(dict[Edits, float]):
    """g of every candidate that could be scored."""

    def ask(self, candidates: Sequence[Edits]) -> Generator[Score, Any, list[float | None]]:
        """Asks for g of the candidates and keeps what is told."""
        told: list[float | None] = list((yield Score(tuple(candidates))))
        self.update((edits, g) for edits, g in zip(candidates, told, strict=True) if g is not None)
        return told

    def crossing(self, delta: float) -> Edits | None:
        """The crossing candidate with the fewest edits, of these the one with the highest score."""
        found = [(len(edits), -g, edits) for edits, g in self.items() if edits and g >= delta]
        return min(found)[2] if found else None
