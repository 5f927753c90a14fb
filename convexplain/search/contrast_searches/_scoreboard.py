"""The scores that a search has received so far."""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from ..protocol import Edits, Score


class Scoreboard(dict[Edits, float]):
    """g of every candidate that could be scored.

    Args:
        scores: those that are there to begin with.
        size: how many edits a candidate counts as having.
        distance: how far a candidate is from the original text; its size unless given.
    """

    def __init__(
        self,
        scores: Mapping[Edits, float] | None = None,
        size: Callable[[Edits], int] = len,
        distance: Callable[[Edits], float] | None = None,
    ) -> None:
        super().__init__(scores or {})
        self.size = size
        self.distance = distance or size
        self.counts_edits = distance is None

    def ask(self, candidates: Sequence[Edits]) -> Generator[Score, Any, list[float | None]]:
        """Ask for g of the candidates and keep the answers."""
        answer: list[float | None] = list((yield Score(tuple(candidates))))
        self.update((edits, g) for edits, g in zip(candidates, answer, strict=True) if g is not None)
        return answer

    def crossing(self, delta: float) -> Edits | None:
        """Return the crossing candidate nearest to the original text, of these the one with the highest score."""
        ranked = [(self.distance(edits), -g, edits) for edits, g in self.items() if edits and g >= delta]
        return min(ranked)[2] if ranked else None
