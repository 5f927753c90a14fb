"""Trade-offs between the maxim that is to change and those that are kept: the measured edits that nothing dominates."""

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from convexplain.search.editable import Editable
from convexplain.search.hunks import Hunks
from convexplain.search.protocol import Edits
from convexplain.types import Contrast, ParetoPoint

from .kept_maxims import MaximConstraints
from .pareto import MOST_POINTS, front_layers, pareto_front

_DECIMALS = 2  # scores are compared as they are shown
_SMALLEST = 10**-_DECIMALS
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class TradeOffs:
    """The edits of one search, weighed on the maxim that is to change, on those that are kept, and by their words.

    Attributes:
        constraints: what was measured.
        text: the text that is edited.
        goal: the id of the rubric that is to change.
        upward: its score is to rise.
        least: by how much an edit has to move that score, in [0, 1]; less may be the judge's noise.
        words: returns the number of words that edits change.
        admit: says which edits read well; None where any text will do.
    """

    constraints: MaximConstraints
    text: Editable | Hunks
    goal: str
    upward: bool
    least: float
    words: Callable[[Edits], int]
    admit: Callable[[Sequence[Edits]], Awaitable[Sequence[bool]]] | None = None

    async def added_to(self, contrast: Contrast, edits: Edits, *, always: bool) -> Contrast:
        """Return a contrast with its scores on the kept maxims and, where edits conflict, the front.

        Args:
            contrast: the end of the search.
            edits: its edits.
            always: list the front also where a contrast was found or nothing conflicts.

        Raises:
            UnavailableError: the judge's model is gone.
        """
        conflicts = {rubric: len(lowering) for rubric, lowering in self.constraints.conflicts.items()}
        front, judgements = list[Edits](), 0
        if always or (conflicts and not contrast.found):
            front, judgements = await self.front()
        return replace(
            contrast,
            kept_scores=self.constraints.before_and_after(edits),
            conflicts=conflicts,
            pareto=tuple(map(self._point, front)),
            calls=contrast.calls + judgements,
        )

    async def front(self) -> tuple[list[Edits], int]:
        """Return the edits that no measured one dominates, and the number of judgements that were made for that.

        An edit dominates another one where its score on the goal, its scores on the kept maxims (compared with two
        decimals) and its number of changed words are all as good or better, and one of them is better. Edits that do
        not move the goal's score by more than noise in its direction are left out. At most `MOST_POINTS` edits that
        have no scores on the kept maxims are judged on these.

        Returns:
            The edits, that which moves the goal furthest first, and the number of judgements.

        Raises:
            UnavailableError: the judge's model is gone.
        """
        records, ids = self.constraints.records, [maxim.rubric.id for maxim in self.constraints.maxims]
        side = 1 if self.upward else -1
        progress = {edits: side * score for edits in records if (score := self._score(edits, self.goal)) is not None}
        aim = progress.get((), 0.0) + max(self.least, _SMALLEST)
        better = [edits for edits in progress if edits and progress[edits] >= aim - _ROUNDING]
        admitted = [True for _ in better] if self.admit is None else await self.admit(better)
        readable = [edits for edits, reads in zip(better, admitted, strict=True) if reads]
        unjudged = [edits for edits in readable if not self.constraints.judged(edits)]
        places = front_layers([(progress[edits], -self.words(edits)) for edits in unjudged], MOST_POINTS)
        chosen = [unjudged[i] for i in places]
        await asyncio.gather(*(self.constraints.measure(edits, records[edits].response) for edits in chosen))
        points = {
            edits: (progress[edits], *(self._score(edits, rubric) or 0.0 for rubric in ids), -self.words(edits))
            for edits in readable
            if self.constraints.judged(edits)
        }
        judged = sorted(points, key=lambda edits: [-count for count in points[edits]])
        front = [judged[i] for i in pareto_front([points[edits] for edits in judged])]
        return front, len(chosen) * len(ids)

    def _score(self, edits: Edits, rubric: str) -> float | None:
        mean = self.constraints.mean(edits, rubric)
        return None if mean is None else round(mean, _DECIMALS)

    def _point(self, edits: Edits) -> ParetoPoint:
        record = self.constraints.records[edits]
        edited = enumerate(self.text.edited(edits))
        texts = tuple((i, turn.content) for i, turn in edited if turn.content != self.text.turns[i].content)
        scores = {rubric: statistics.fmean(draws) for rubric, draws in record.scores.items()}
        return ParetoPoint(texts, scores, self.words(edits), record.response)
