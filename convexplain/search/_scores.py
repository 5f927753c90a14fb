"""What a search has been told so far."""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from .protocol import Edits, Score


class Scores(dict[Edits, float]):
    """g of every candidate that could be scored.

    Args:
        told: what is known already.
        size: how many edits a candidate counts as having.
    """

    def __init__(self, told: Mapping[Edits, float] | None = None, size: Callable[[Edits], int] = len) -> None:
        super().__init__(told or {})
        self.size = size

    def ask(self, candidates: Sequence[Edits]) -> Generator[Score, Any, list[float | None]]:
        """Asks for g of the candidates and keeps what is told."""
        told: list[float | None] = list((yield Score(tuple(candidates))))
        self.update((edits, g) for edits, g in zip(candidates, told, strict=True) if g is not None)
        return told

    def crossing(self, delta: float) -> Edits | None:
        """The crossing candidate with the fewest edits, of these the one with the highest score."""
        found = [(self.size(edits), -g, edits) for edits, g in self.items() if edits and g >= delta]
        return min(found)[2] if found else None
