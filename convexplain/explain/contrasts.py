"""The smallest edit that changes a turn's score: one search over a judged turn. Models and judge are handed in."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from convexplain.analysis.pipeline import TurnJudge
from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.fidelity.edits import edit_distance, words
from convexplain.models.calls import Calls
from convexplain.models.infilling import Infiller, Masked
from convexplain.search import make_search
from convexplain.search.confirmation import Evaluate
from convexplain.search.driver import SearchOutcome, arun, drive
from convexplain.search.editable import editable
from convexplain.search.ledger import Outcome
from convexplain.search.placebo import Layout
from convexplain.search.protocol import Edits, Hole, Search
from convexplain.types import Attribution, Contrast, Conversation, Judgement, Question, Rubric

from .measurement import ANSWER, ASSUMED_NOISE, TurnMeasure, too_close
from .prior import prior_from
from .score_scale import ScoreScale
from .settings import ContrastSettings

NOISE_ASSUMED = f"delta {ASSUMED_NOISE} is an assumption: the noise floor of this judge was not measured"
NOTHING_TO_EDIT = "there is no word that may be edited"
FRESH_DRAWS = 3  # measurements that a contrast is tested with at least, where the judge draws samples
_LEAST = 1e-6  # a movement of nothing is no contrast
_ROUNDING = 1e-9
_FILLS = 3  # asked for at once for each hole


@dataclass(slots=True)
class ContrastFinder:
    """Looks for contrasts with one judge, one infiller and perhaps one responder.

    Attributes:
        judge: scores a turn.
        infiller: fills holes.
        responder: answers an edited context; None keeps the logged answer.
    """

    judge: TurnJudge
    infiller: Infiller
    responder: Calls | None = None

    async def find(
        self,
        conversation: Conversation,
        turn: int,
        rubric: Rubric,
        settings: ContrastSettings,
        noise: float | None = None,
    ) -> Contrast:
        """Look for the smallest edit that reaches the goal.

        Args:
            conversation: the conversation.
            turn: index of the judged turn.
            rubric: the maxim.
            settings: the settings.
            noise: the judge's noise floor on that rubric; `ASSUMED_NOISE` where it was never measured.

        Raises:
            UsageError: the turn is not there, or no turn of the assistant.
            UnavailableError: a model is gone.
        """
        if not 0 <= turn < len(conversation.turns) or conversation.turns[turn].role != "assistant":
            raise UsageError(f"turn={turn} is not valid: conversation {conversation.id!r} has no assistant turn there")
        began = time.monotonic()
        task = _ContrastTask(self, conversation.until(turn), turn, rubric, settings, noise)
        contrast = await task.run()
        return replace(contrast, seconds=time.monotonic() - began)


class _ContrastTask:
    """One search: what it may edit, and how a candidate is measured."""

    def __init__(
        self,
        finder: ContrastFinder,
        conversation: Conversation,
        turn: int,
        rubric: Rubric,
        settings: ContrastSettings,
        noise: float | None,
    ) -> None:
        self.finder = finder
        self.conversation = conversation
        self.turn = turn
        self.rubric = rubric
        self.settings = settings
        self.responder = None if settings.revise else finder.responder
        self.measure = TurnMeasure(finder.judge, self.responder)
        self.notes: list[str] = []
        self.noise = noise
        self.delta = settings.delta if settings.delta is not None else noise if noise is not None else ASSUMED_NOISE
        if settings.delta is None and noise is None:
            self.notes.append(NOISE_ASSUMED)
        if settings.prior is not None and not len(settings.prior):
            self.notes.append("no attribution of this turn is kept: nothing says where to look first")
        turns = settings.turns(conversation, turn)
        self.text = editable(conversation.turns, turns, split_k=settings.split_k)
        self.judgements: dict[Edits, Judgement] = {}
        self.fills: dict[Masked, list[str]] = {}
        self.scale = ScoreScale(settings.goal, rubric.threshold)
        self.response = conversation.turns[turn].content

    @property
    def question(self) -> Question:
        return "revise" if self.settings.revise else "regenerate" if self.responder else "rescore"

    async def run(self) -> Contrast:
        if not self.text.units:
            return self._contrast(None, "nothing to edit", NOTHING_TO_EDIT)
        self._search(self.delta)  # refuses bad settings before anything is asked
        start = await self._measured(())
        self.scale = replace(self.scale, before=self.judgements.get(()))
        self.response = start.response
        before = self.scale.before
        if before is None or before.score is None:
            return self._contrast(None, "not scored", f"the unchanged turn has no score: {start.note}")
        if note := self._too_close:
            return self._contrast(None, "too close", note)
        aim = self.scale.base + (self.delta if self.scale.upward else -self.delta)
        if not -_ROUNDING <= aim <= 1 + _ROUNDING:
            note = f"out of reach: the score would have to go from {before.score:.2f} to {aim:.2f}, and lies in [0, 1]"
            return self._contrast(None, "searched", note)
        # Scores are rounded: what reaches the aim exactly counts. But only from below is a threshold crossed so.
        delta = self.scale.g(aim) - _ROUNDING
        if not (self.scale.upward and self.settings.goal == "cross"):
            delta = max(delta, _LEAST)
        steps = drive(
            lambda: self._search(delta),
            delta=delta,
            budget=self.settings.budget,
            start=replace(start, score=self.scale.g(before.score)),
            minimise=self.settings.minimise,
            repeats=FRESH_DRAWS if before.evidence.kind == "samples" else 1,
            layout=Layout(self.text.size, self.text.span),
        )
        outcome = await arun(steps, self._fill, self._evaluate)
        note = "the infiller had nothing to put in" if outcome.stopped == "no fills" else ""
        return self._contrast(outcome, outcome.stopped, note)

    def _search(self, delta: float) -> Search:
        return make_search(
            self.settings.search,
            self.text,
            range(len(self.text.units)),
            delta=delta,
            budget=self.settings.budget,
            seed=self.settings.seed,
            prior=self._prior(),
            alpha=self.settings.alpha,
            sentences=True,
        )

    def _prior(self) -> Sequence[float] | None:
        prior = () if self.settings.prior is None else self.settings.prior
        attributions = [attribution for attribution in prior if isinstance(attribution, Attribution)]
        if attributions:
            return prior_from(attributions, self.text.units, self.scale.upward)
        return [weight for weight in prior if not isinstance(weight, Attribution)] or None

    @property
    def _too_close(self) -> str:
        """The reason why the turn's side of the threshold is not known; empty where it is, or a delta was given."""
        if self.settings.goal != "cross" or self.settings.delta is not None:
            return ""
        return too_close(self.scale.start, self.rubric.threshold, self.noise)

    async def _evaluate(self, request: Evaluate) -> list[Outcome]:
        measured = zip(request.candidates, request.draws, strict=True)
        outcomes = await asyncio.gather(*(self._measured(edits, again) for edits, again in measured))
        return [
            outcome if outcome.score is None else replace(outcome, score=self.scale.g(outcome.score))
            for outcome in outcomes
        ]

    async def _measured(self, edits: Edits, again: int = 0) -> Outcome:
        """The judge's score of a candidate, with the response that it scored."""
        conversation = replace(self.conversation, turns=self.text.edited(edits))
        measured = await self.measure.turn(conversation, self.turn, self.rubric, again)
        if measured.cut:
            self._note(f"a regenerated answer was cut after {ANSWER} tokens")
        if measured.judgement is not None and not again:
            self.judgements[edits] = measured.judgement
        return Outcome(measured.score, measured.response, measured.note)

    async def _fill(self, holes: Sequence[Hole]) -> list[str | None]:
        masked = [self.text.masked(hole) for hole in holes]
        plain = [replace(hole, avoid=()) for hole in masked]
        await self._ask_infiller(plain)
        fills = [self._first(self.fills[bare], hole) for bare, hole in zip(plain, masked, strict=True)]
        # Where all known fills are refused, the infiller perhaps thinks of another.
        await self._ask_infiller(
            [hole for hole, fill in zip(masked, fills, strict=True) if fill is None and hole.avoid]
        )
        return [fill or self._first(self.fills.get(hole, []), hole) for hole, fill in zip(masked, fills, strict=True)]

    async def _ask_infiller(self, masked: Iterable[Masked]) -> None:
        new = [hole for hole in dict.fromkeys(masked) if hole not in self.fills]
        if not new:
            return
        try:
            fills = await self.finder.infiller.infill(new, _FILLS)
        except UnavailableError:
            raise
        except ModelError as error:
            self._note(f"the infiller failed: {error}")
            fills = [[] for _ in new]
        if len(fills) != len(new):
            raise UsageError(f"infiller {self.finder.infiller.name}: {len(fills)} answers for {len(new)} holes")
        self.fills |= zip(new, fills, strict=True)

    @staticmethod
    def _first(fills: Sequence[str], masked: Masked) -> str | None:
        """The first fill that is neither the old words nor to be avoided."""
        refused = {text.strip().casefold() for text in (masked.old, *masked.avoid, "")}
        return next((fill.strip() for fill in fills if fill.strip().casefold() not in refused), None)

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _contrast(self, outcome: SearchOutcome | None, stopped: str, note: str = "") -> Contrast:
        edits = outcome.edits or () if outcome else ()
        before, after = self.scale.before, self.judgements.get(edits) if edits else None
        turns = list(self.text.edited(edits))
        response = self.response
        if outcome and outcome.outcome and edits:
            response = outcome.outcome.response
        turns[self.turn] = replace(turns[self.turn], content=response)
        again = outcome.proof.mean if outcome and outcome.proof else None
        return Contrast(
            conversation_id=self.conversation.id,
            turn=self.turn,
            rubric=self.rubric.id,
            question=self.question,
            goal=self.settings.goal,
            search=self.settings.search,
            found=bool(outcome and outcome.found),
            delta=self.delta,
            score_before=before.score if before else None,
            score_after=after.score if after else None,
            score_again=None if again is None else self.scale.score(again),
            edits=tuple(self.text.edit(unit, fill) for unit, fill in edits),
            turns=tuple(turns),
            response_before=self.response,
            response_after=response,
            calls=outcome.calls if outcome else 0,
            prompts=outcome.prompts if outcome else 0,
            infills=outcome.infills if outcome else 0,
            failed=outcome.failed if outcome else 0,
            trace=tuple((s.edits, self.scale.movement(s.score)) for s in outcome.trace) if outcome else (),
            edit_distance=self._edit_distance(edits),
            edit_rate=self._edit_rate(edits),
            stopped=stopped,
            seconds=0.0,
            judge=before.model if before else "",
            responder=self.responder.model.name if self.responder else None,
            infiller=self.finder.infiller.name,
            notes=(*self.notes, note) if note else tuple(self.notes),
            editable=tuple(sorted({unit.turn for unit in self.text.units})),
        )

    def _edit_distance(self, edits: Edits) -> int:
        return sum(
            edit_distance(before.content, after.content)
            for before, after in zip(self.text.turns, self.text.edited(edits), strict=True)
        )

    def _edit_rate(self, edits: Edits) -> float | None:
        edited_turns = {unit.turn for unit in self.text.units}
        count = sum(len(words(self.text.turns[i].content)) for i in edited_turns)
        return self._edit_distance(edits) / count if count else None
