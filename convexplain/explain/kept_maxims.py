"""The maxims that an edit must not lower: their scores of the candidates of one search, and the falls that refuse one.

The search sees one number for each candidate, g of the maxim that is to change. A candidate that reaches delta is
judged on the kept maxims too. Where one of them falls by more than the judge's noise, the search is told that the
candidate falls short of its aim by as much as that maxim fell too far: nothing that lowers a kept maxim is a contrast,
and the search still sees which of its candidates lower it less.
"""

import asyncio
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from convexplain.analysis.pipeline import TurnJudge
from convexplain.search.confirmation import Evaluate
from convexplain.search.ledger import Outcome
from convexplain.search.protocol import Edits
from convexplain.types import Conversation, Rubric

from .measurement import ASSUMED_NOISE

_LEAST = 1e-6  # what a refused candidate is below delta at least
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class KeptMaxim:
    """A maxim whose score an edit must not lower.

    Attributes:
        rubric: the maxim.
        noise: the judge's noise floor on it; a smaller fall is none.
    """

    rubric: Rubric
    noise: float = ASSUMED_NOISE


@dataclass(slots=True)
class CandidateRecord:
    """The scores of a candidate.

    Attributes:
        response: the response that was judged first.
        scores: a rubric's id to the scores of all draws on it, in [0, 1].
    """

    response: str
    scores: dict[str, list[float]] = field(default_factory=dict)

    def mean(self, rubric: str) -> float | None:
        """Return the mean score on a rubric; None where there is none."""
        scores = self.scores.get(rubric)
        return statistics.fmean(scores) if scores else None


@dataclass(frozen=True, slots=True)
class Aim:
    """The aim of a search, as `MaximConstraints` sees it.

    Attributes:
        delta: g from which on a candidate reaches it.
        short_by: returns g of a score that is short of the aim by a number in [0, 1].
        size: how many words a candidate changes.
    """

    delta: float
    short_by: Callable[[float], float]
    size: Callable[[Edits], int]


@dataclass(slots=True)
class MaximConstraints:
    """Judges the candidates of one search on the kept maxims.

    Attributes:
        judge: scores a turn.
        turn: index of the judged turn.
        maxims: the kept maxims, with one at least.
        conversation: returns the conversation that is judged, of a candidate with its response.
        note: receives remarks for readers.
        records: the scores of each candidate; `()` is the unchanged turn.
        conflicts: a kept maxim's id to the candidates that reached the aim and lowered it.
        unjudged: candidates that reached the aim when no budget was left for the kept maxims.
    """

    judge: TurnJudge
    turn: int
    maxims: Sequence[KeptMaxim]
    conversation: Callable[[Edits, str], Conversation]
    note: Callable[[str], None]
    records: dict[Edits, CandidateRecord] = field(default_factory=dict)
    conflicts: dict[str, set[Edits]] = field(default_factory=dict)
    unjudged: set[Edits] = field(default_factory=set)

    @property
    def rubrics(self) -> tuple[Rubric, ...]:
        """The rubrics of the kept maxims."""
        return tuple(maxim.rubric for maxim in self.maxims)

    @property
    def price(self) -> int:
        """The calls of a candidate that reaches the aim."""
        return 1 + len(self.maxims)

    def add(self, edits: Edits, response: str, rubric: str, score: float) -> None:
        """Remember a score of a candidate, in [0, 1]."""
        self.records.setdefault(edits, CandidateRecord(response)).scores.setdefault(rubric, []).append(score)

    async def measure(self, edits: Edits, response: str, again: int = 0) -> dict[str, float] | str:
        """Judge a candidate on the kept maxims and remember the scores.

        Args:
            edits: the candidate.
            response: its response.
            again: how often it was judged before.

        Returns:
            The score on each kept maxim; or, where one has none, the reason in words.

        Raises:
            UnavailableError: the judge's model is gone.
        """
        conversation = self.conversation(edits, response)
        judgements = await asyncio.gather(
            *(self.judge.judge_turn(conversation, self.turn, maxim.rubric, again) for maxim in self.maxims)
        )
        scores: dict[str, float] = {}
        for maxim, judgement in zip(self.maxims, judgements, strict=True):
            if judgement.score is None:
                return f"{maxim.rubric.id} could not be scored: {judgement.reason or 'the judge gave no score'}"
            scores[maxim.rubric.id] = judgement.score
        for rubric, score in scores.items():
            self.add(edits, response, rubric, score)
        return scores

    async def begin(self, responses: Sequence[str]) -> str:
        """Judge the unchanged turn, once for each draw of its response; return why it has no score, empty if it has."""
        scores = [await self.measure((), response, again) for again, response in enumerate(responses)]
        return "" if self.judged(()) else next(reason for reason in scores if isinstance(reason, str))

    def mean(self, edits: Edits, rubric: str) -> float | None:
        """Return the mean score of a candidate on a rubric; None where there is none."""
        record = self.records.get(edits)
        return None if record is None else record.mean(rubric)

    def judged(self, edits: Edits) -> bool:
        """Return True where the candidate has a score on each kept maxim."""
        record = self.records.get(edits)
        return record is not None and all(maxim.rubric.id in record.scores for maxim in self.maxims)

    def hold(self, edits: Edits) -> bool:
        """Return True where no kept maxim is lower than before, on average over all draws, by more than noise."""
        return all(self._fall(maxim, self.mean(edits, maxim.rubric.id)) <= _ROUNDING for maxim in self.maxims)

    def before_and_after(self, edits: Edits) -> dict[str, tuple[float | None, float | None]]:
        """Return for each kept maxim the mean scores before and after the edits; None where there is none."""
        ids = [rubric.id for rubric in self.rubrics]
        return {rubric: (self.mean((), rubric), self.mean(edits, rubric) if edits else None) for rubric in ids}

    async def apply(self, request: Evaluate, outcomes: Sequence[Outcome], aim: Aim) -> list[Outcome]:
        """Return the outcomes; those of candidates that reach the aim and lower a kept maxim below delta.

        A candidate without a score on a kept maxim has no outcome; one that there is no budget for does not count.

        Args:
            request: the candidates, and the calls that may be made for the kept maxims.
            outcomes: their measurements, with g as the score.
            aim: what is to be reached.
        """
        reaching = [i for i, outcome in enumerate(outcomes) if self._is_judged_now(request, i, outcome, aim)]
        reaching.sort(key=lambda i: aim.size(request.candidates[i]))
        most = len(reaching) if request.spare is None else max(0, request.spare // len(self.maxims))
        measured = await asyncio.gather(
            *(
                self.measure(request.candidates[i], outcomes[i].response, request.draws[i])
                for i in reaching[:most]
            )
        )  # fmt: skip
        constrained = list(outcomes)
        for i, scores in zip(reaching, measured, strict=False):
            constrained[i] = self._constrained(request.candidates[i], outcomes[i], scores, aim)
        for i in reaching[most:]:
            self.unjudged.add(request.candidates[i])
            constrained[i] = replace(outcomes[i], score=min(outcomes[i].score or 0.0, aim.delta - _LEAST))
        return constrained

    def _is_judged_now(self, request: Evaluate, place: int, outcome: Outcome, aim: Aim) -> bool:
        """Return True for candidates that reach the aim, and for further draws of those that did so before."""
        edits = request.candidates[place]
        again = request.draws[place] > 0 and self.judged(edits)
        return bool(edits) and outcome.score is not None and (again or outcome.score >= aim.delta)

    def _constrained(self, edits: Edits, outcome: Outcome, scores: dict[str, float] | str, aim: Aim) -> Outcome:
        outcome = replace(outcome, calls=self.price)
        if isinstance(scores, str):
            self.note(f"an edit does not count, as {scores}")
            return replace(outcome, score=None, note=scores)
        falls = {maxim.rubric.id: self._fall(maxim, scores[maxim.rubric.id]) for maxim in self.maxims}
        lowered = {rubric: fall for rubric, fall in falls.items() if fall > _ROUNDING}
        if not lowered or outcome.score is None:
            return outcome
        if outcome.score >= aim.delta:
            for rubric in lowered:
                self.conflicts.setdefault(rubric, set()).add(edits)
        short = aim.short_by(min(1.0, max(lowered.values())))
        return replace(outcome, score=min(outcome.score, short, aim.delta - _LEAST))

    def _fall(self, maxim: KeptMaxim, after: float | None) -> float:
        """Return by how much a score is lower than before beyond the noise; at most 0 where it is not."""
        before = self.mean((), maxim.rubric.id)
        return 1.0 if before is None or after is None else before - after - maxim.noise
