"""The smallest edit that changes a turn's score: one search over a judged turn. Models and judge are handed in."""

import asyncio
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from convexplain.analysis.pipeline import TurnJudge
from convexplain.errors import UsageError
from convexplain.fidelity.edits import edit_distance, words
from convexplain.models.calls import Calls
from convexplain.models.editing import Editor
from convexplain.models.infilling import Infiller
from convexplain.search import CONTRAST_SEARCHES, make_search
from convexplain.search.confirmation import PROBES, Evaluate
from convexplain.search.driver import SearchOutcome, arun, drive
from convexplain.search.editable import Editable, editable
from convexplain.search.hunks import Hunks
from convexplain.search.ledger import Outcome
from convexplain.search.placebo import Layout
from convexplain.search.protocol import Edits, Hole, Search
from convexplain.search.similarity import edits_distance
from convexplain.types import Attribution, Contrast, Conversation, Judgement, Rubric, Unit

from .admission import Admission
from .hole_filling import HoleFilling
from .kept_maxims import Aim, KeptMaxim, MaximConstraints
from .measurement import ANSWER, ASSUMED_NOISE, TEMPERATURE, TurnMeasure, too_close
from .prior import prior_from
from .proposals import Proposals, editable_passages
from .score_scale import ScoreScale
from .screening import Screen
from .settings import ContrastSettings
from .trade_offs import TradeOffs

NOISE_ASSUMED = f"delta {ASSUMED_NOISE} is an assumption: the noise floor of this judge was not measured"
NOTHING_TO_EDIT = "there is no word that may be edited"
LOWERS_ON_AVERAGE = "the best edit lowers a maxim that is to be kept, on average over its measurements"
NOT_JUDGED = "the budget ended before every edit that went far enough was judged on the maxims to be kept"
FRESH_DRAWS = 3  # measurements that a contrast is tested with at least, where answers or judgements are sampled
KEEPS_FAULTS = "edits that went that far keep words with which the judge's reason finds fault"
_FAULTS_SHORT = 0.01  # how far short of the aim the score of such an edit counts
_LEAST = 1e-6  # a movement of nothing is no contrast
_ROUNDING = 1e-9


@dataclass(slots=True)
class ContrastFinder:
    """Looks for contrasts with one judge, and perhaps one responder.

    Attributes:
        judge: scores a turn.
        infiller: fills holes, for searches that edit single words; None where there is none.
        responder: answers an edited context; None keeps the logged answer.
        editors: propose texts, for searches over proposals.
        screen: says which edited texts read well.
        notes: remarks on these models, for every contrast.
    """

    judge: TurnJudge
    infiller: Infiller | None = None
    responder: Calls | None = None
    editors: Sequence[Editor] = ()
    screen: Screen = field(default_factory=Screen)
    notes: Sequence[str] = ()

    async def find(
        self,
        conversation: Conversation,
        turn: int,
        rubric: Rubric,
        settings: ContrastSettings,
        noise: float | None = None,
        reason: str = "",
        maxims: Sequence[KeptMaxim] = (),
        faults: Sequence[str] = (),
    ) -> Contrast:
        """Look for the smallest edit that reaches the goal.

        Args:
            conversation: the conversation.
            turn: index of the judged turn.
            rubric: the maxim.
            settings: the settings.
            noise: the judge's noise floor on that rubric; `ASSUMED_NOISE` where it was never measured.
            reason: the judge's reason for the turn's score in words, which editors are told.
            maxims: those that the edit must not lower; the ones that `settings.keep` names.
            faults: words of the turn with which the reason finds fault; an edit of the turn that is to lift its score
                may keep none of them.

        Raises:
            UsageError: the turn is not there, or no turn of the assistant; or the settings do not fit the models.
            UnavailableError: a model is gone.
        """
        if not 0 <= turn < len(conversation.turns) or conversation.turns[turn].role != "assistant":
            raise UsageError(f"turn={turn} is not valid: conversation {conversation.id!r} has no assistant turn there")
        began = time.monotonic()
        settings = settings.with_question(self.responder is not None).for_rubric(rubric)
        if settings.proposes and not self.editors:
            raise UsageError(f"search={settings.search!r} needs editors, which propose texts; there are none")
        if not settings.proposes and self.infiller is None:
            raise UsageError(f"search={settings.search!r} needs an infiller, which fills holes; there is none")
        task = _ContrastTask(
            self, rubric.judged(conversation, turn), turn, rubric, settings, noise, reason, maxims, faults
        )
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
        reason: str,
        maxims: Sequence[KeptMaxim],
        faults: Sequence[str],
    ) -> None:
        self.finder = finder
        self.conversation = conversation
        self.turn = turn
        self.rubric = rubric
        self.settings = settings
        self.reason = reason
        self.responder = finder.responder
        self.measure = TurnMeasure(finder.judge, self.responder, TEMPERATURE if self.responder else 0.0)
        self.notes = list(finder.notes)
        self.noise = noise
        self.delta = settings.delta if settings.delta is not None else noise if noise is not None else ASSUMED_NOISE
        if settings.prior is not None and not len(settings.prior):
            self.notes.append("no attribution of this turn is kept: nothing says where to look first")
        turns = settings.turns(conversation, turn, rubric)
        self.text: Editable | Hunks
        self.units: tuple[Unit, ...]  # what the search sees: words, or passages
        if settings.proposes:
            self.units = editable_passages(conversation.turns, turns)
            self.text = Hunks(conversation.turns)
        else:
            self.text = editable(conversation.turns, turns, split_k=settings.split_k)
            self.units = self.text.units
        self.editable = tuple(sorted({unit.turn for unit in self.units}))
        distance = edits_distance(
            settings.similarity, lambda edits: "\n".join(self.text.edited(edits)[i].content for i in self.editable)
        )
        self.layout = Layout(self.text.size, self.text.span, distance)
        self.holes = None if finder.infiller is None else HoleFilling(finder.infiller, self._note)
        self.proposals: Proposals | None = None
        self.judgements: dict[Edits, Judgement] = {}
        self.admission = Admission(finder.screen, conversation.turns, rubric, True, self._note)
        # Where earlier turns are edited, the reply keeps its faults whatever is done.
        self.faults = tuple(faults) if settings.question == "revise" else ()
        self.unchanged: list[Outcome] = []  # the draws of the unchanged turn
        self.emptied = 0  # candidates that leave nothing to judge: no failures of the judge
        self.scale = ScoreScale(settings.goal, rubric.threshold)
        self.response = conversation.turns[turn].content
        self.constraints: MaximConstraints | None = None
        if maxims:
            self.constraints = MaximConstraints(finder.judge, turn, maxims, self._judged_conversation, self._note)
        self.aim = Aim(self.delta, self._short_by, self._edit_distance)

    async def run(self) -> Contrast:
        if not self.units:
            return self._contrast(None, "nothing to edit", NOTHING_TO_EDIT)
        self._search(self.delta)  # refuses bad settings before anything is asked
        start = await self._measured(())
        self.response = start.response
        before = self.judgements.get(())
        if before is None or before.score is None:
            return self._contrast(None, "not scored", f"the unchanged turn has no score: {start.note}")
        sampled = self.responder is not None or before.evidence.kind == "samples"
        scores = [before.score, *(await self._probe() if sampled else ())]
        varies = max(scores) - min(scores) > _ROUNDING
        in_log_odds = before.evidence.kind == "label_probability" and self.responder is None
        self.scale = replace(self.scale, start=statistics.fmean(scores), in_log_odds=in_log_odds)
        self._set_delta(scores if varies and self.responder else [])
        if note := self._too_close:
            return self._contrast(None, "too close", note)
        aim = self.scale.base + (self.delta if self.scale.upward else -self.delta)
        if not -_ROUNDING <= aim <= 1 + _ROUNDING:
            note = (
                f"out of reach: the score would have to go from {self.scale.start:.2f} to {aim:.2f}, and lies in [0, 1]"
            )
            return self._contrast(None, "searched", note)
        # Scores are rounded: what reaches the aim exactly counts. But only from below is a threshold crossed so.
        delta = self.scale.g(aim) - _ROUNDING
        if not (self.scale.upward and self.settings.goal == "cross"):
            delta = max(delta, _LEAST)
        self.admission.upward = self.scale.upward
        self.aim = replace(self.aim, delta=delta)
        unchanged = [self.response, *(outcome.response for outcome in self.unchanged)]
        if self.constraints and (unscored := await self.constraints.begin(unchanged)):
            return self._contrast(None, "not scored", unscored)
        outcome = await self._drive(delta, replace(start, score=self.scale.g(before.score)), sampled)
        stopped: str = outcome.stopped
        if outcome.found and self._works_anywhere(outcome):
            outcome, stopped = replace(outcome, found=False), "anywhere"
        if self.constraints:
            return await self._weighed(outcome, stopped, self.constraints)
        return self._contrast(outcome, stopped, "" if outcome.found else self.admission.refusals)

    def _works_anywhere(self, outcome: SearchOutcome) -> bool:
        """Return whether edits elsewhere cross as often as not: then this edit does not say what the score depends on.

        An edit of the reply itself that lifts its score is one wherever the reply is edited, and so is a text that was
        asked for by `improve` or `worsen`. Searches after the papers report the placebo rate only.
        """
        if outcome.placebo is None or not self.settings.proposes or self.settings.any_text:
            return False
        if self.settings.goal != "cross":
            return False
        if self.settings.question == "revise" and self.scale.upward:
            return False
        return 0 < outcome.placebo.draws <= 2 * outcome.placebo.crossed

    async def _weighed(self, outcome: SearchOutcome, stopped: str, constraints: MaximConstraints) -> Contrast:
        """Return the contrast where it lowers no kept maxim; and edits that trade one maxim for another."""
        note = "" if outcome.found else self.admission.refusals
        if outcome.found and outcome.edits and not constraints.hold(outcome.edits):
            outcome, stopped, note = replace(outcome, found=False), "searched", LOWERS_ON_AVERAGE
        if not outcome.found and constraints.unjudged:
            self._note(NOT_JUDGED)
        contrast = self._contrast(outcome, stopped, note)
        admit = None if self.settings.any_text else self._admit
        least = ASSUMED_NOISE if self.noise is None else self.noise
        goal = (self.rubric.id, self.scale.upward, least)
        weighed = TradeOffs(constraints, self.text, *goal, self._edit_distance, admit)
        return await weighed.added_to(contrast, outcome.edits or (), always=self.settings.pareto)

    def _judged_conversation(self, edits: Edits, response: str) -> Conversation:
        turns = list(self.text.edited(edits))
        turns[self.turn] = replace(turns[self.turn], content=response)
        return replace(self.conversation, turns=tuple(turns))

    def _short_by(self, fall: float) -> float:
        """Return g of a score that is short of the aim by so much."""
        sign = 1 if self.scale.upward else -1
        return self.scale.g(min(1.0, max(0.0, self.scale.base + sign * (self.delta - fall))))

    async def _drive(self, delta: float, start: Outcome, sampled: bool) -> SearchOutcome:
        if isinstance(self.text, Hunks):
            self.proposals = Proposals(
                self.text, self.units, self.finder.editors, self.turn, self.rubric, self.scale.upward, self.reason,
                self._note, self.constraints.rubrics if self.constraints else (),
            )  # fmt: skip
        steps = drive(
            lambda: self._search(delta),
            delta=delta,
            budget=self.settings.budget,
            start=start,
            minimise=self.settings.minimise,
            repeats=FRESH_DRAWS if sampled else 1,
            placebo=self.settings.placebo,
            passages=len(self.units) if self.settings.proposes else 0,
            rng=np.random.default_rng(self.settings.seed),
            layout=self.layout,
            screens=not self.settings.any_text,
            price=self.constraints.price if self.constraints else 1,
        )
        propose = None if self.proposals is None else self.proposals.propose
        screen = None if self.settings.any_text else self._admit
        return await arun(steps, self._fill, self._evaluate, propose, screen)

    def _search(self, delta: float) -> Search:
        if isinstance(self.text, Hunks):
            facts = {"delta": delta, "budget": self.settings.budget, "prior": self._prior(), "layout": self.layout}
            rng = np.random.default_rng(self.settings.seed)
            return CONTRAST_SEARCHES.get(self.settings.search).start(len(self.units), {**facts, "rng": rng})
        return make_search(
            self.settings.search,
            self.text,
            range(len(self.units)),
            delta=delta,
            budget=self.settings.budget,
            seed=self.settings.seed,
            prior=self._prior(),
            alpha=self.settings.alpha,
            radius=self.settings.radius,
            distance=self.layout.distance,
            sentences=True,
        )

    def _prior(self) -> Sequence[float] | None:
        prior = () if self.settings.prior is None else self.settings.prior
        attributions = [attribution for attribution in prior if isinstance(attribution, Attribution)]
        if attributions:
            return prior_from(attributions, self.units, self.scale.upward)
        if self.settings.proposes:
            return None
        return [weight for weight in prior if not isinstance(weight, Attribution)] or None

    async def _probe(self) -> list[float]:
        """The scores of the unchanged turn, measured again; the search's own probe gets the same measurements."""
        count = max(0, min(PROBES, self.settings.budget - 1))
        self.unchanged = list(await asyncio.gather(*(self._measured((), again) for again in range(1, count + 1))))
        return [outcome.score for outcome in self.unchanged if outcome.score is not None]

    def _set_delta(self, scores: Sequence[float]) -> None:
        """Take delta from what is known of the noise, where none was given.

        Where answers are sampled, the spread of the unchanged turn's scores says how far responder and judge move
        together by chance: delta is what remains of it in a mean over half the budget, about as many measurements as
        there are for tests. That needs no assumption.
        """
        if self.settings.delta is not None:
            return
        draws = max(len(scores), self.settings.budget / 2)
        joint = statistics.stdev(scores) / math.sqrt(draws) if scores else 0.0
        if self.noise is None and joint <= _ROUNDING:
            self._note(NOISE_ASSUMED)
            return
        self.delta = min(1.0, max(self.noise or 0.0, joint))

    @property
    def _too_close(self) -> str:
        """The reason why the turn's side of the threshold is not known; empty where it is, or a delta was given."""
        if self.settings.goal != "cross" or self.settings.delta is not None:
            return ""
        return too_close(self.scale.start, self.rubric.threshold, self.noise)

    async def _evaluate(self, request: Evaluate) -> list[Outcome]:
        measured = zip(request.candidates, request.draws, strict=True)
        outcomes = await asyncio.gather(*(self._measured(edits, again) for edits, again in measured))
        scaled = [
            outcome if outcome.score is None else replace(outcome, score=self.scale.g(outcome.score))
            for outcome in outcomes
        ]
        scaled = [
            self._short_with_faults(edits, outcome) for edits, outcome in zip(request.candidates, scaled, strict=True)
        ]
        return scaled if self.constraints is None else await self.constraints.apply(request, scaled, self.aim)

    def _short_with_faults(self, edits: Edits, outcome: Outcome) -> Outcome:
        """Return the outcome of an edit; short of the aim where the reply keeps words that the reason finds fault with.

        Such an edit is no better reply, whatever its score is. Put together with others it may lead to one.
        """
        if outcome.score is None or not self.scale.upward or not edits:
            return outcome
        reply = outcome.response.casefold()
        if outcome.score < self.aim.delta or not any(fault.casefold() in reply for fault in self.faults):
            return outcome
        self._note(KEEPS_FAULTS)
        return replace(outcome, score=self._short_by(_FAULTS_SHORT))

    async def _measured(self, edits: Edits, again: int = 0) -> Outcome:
        """The judge's score of a candidate, with the response that it scored."""
        if not edits and 0 < again <= len(self.unchanged):
            return self.unchanged[again - 1]
        conversation = replace(self.conversation, turns=self.text.edited(edits))
        measured = await self.measure.turn(conversation, self.turn, self.rubric, again)
        if self.responder is None and measured.judgement is None:
            self.emptied += 1
        if measured.cut:
            self._note(f"a regenerated answer was cut after {ANSWER} tokens")
        if measured.judgement is not None and not again:
            self.judgements[edits] = measured.judgement
        if self.constraints and measured.score is not None:
            self.constraints.add(edits, measured.response, self.rubric.id, measured.score)
        return Outcome(measured.score, measured.response, measured.note)

    async def _fill(self, holes: Sequence[Hole]) -> list[str | None]:
        if self.holes is None or not isinstance(self.text, Editable):
            raise UsageError(f"search={self.settings.search!r} asks for fills of holes; there is no infiller")
        return await self.holes.fill([self.text.masked(hole) for hole in holes])

    async def _admit(self, candidates: Sequence[Edits]) -> list[bool]:
        return await self.admission.admit(candidates, [self.text.edited(edits) for edits in candidates])

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _contrast(self, outcome: SearchOutcome | None, stopped: str, note: str = "") -> Contrast:
        edits = outcome.edits or () if outcome else ()
        before, after = self.judgements.get(()), self.judgements.get(edits) if edits else None
        turns = list(self.text.edited(edits))
        response = self.response
        if outcome and outcome.outcome and edits:
            response = outcome.outcome.response
        turns[self.turn] = replace(turns[self.turn], content=response)
        proof = outcome.proof if outcome else None
        placebo = outcome.placebo if outcome else None
        screening = self.admission.screenings.get(edits)
        return Contrast(
            conversation_id=self.conversation.id,
            turn=self.turn,
            rubric=self.rubric.id,
            question=self.settings.question or "revise",
            goal=self.settings.goal,
            search=self.settings.search,
            found=bool(outcome and outcome.found),
            delta=self.delta,
            score_before=self.scale.start if before and before.score is not None else None,
            score_after=after.score if after else None,
            score_again=self.scale.score(proof.mean) if proof else None,
            edits=tuple(self.text.edit(unit, fill) for unit, fill in edits),
            turns=tuple(turns),
            response_before=self.response,
            response_after=response,
            calls=outcome.calls if outcome else 0,
            prompts=outcome.prompts if outcome else 0,
            infills=outcome.infills if outcome else 0,
            failed=outcome.failed - self.emptied if outcome else 0,
            trace=tuple((s.edits, self.scale.movement(s.score)) for s in outcome.trace) if outcome else (),
            edit_distance=self._edit_distance(edits),
            edit_rate=self._edit_rate(edits),
            stopped=stopped,
            seconds=0.0,
            judge=before.model if before else "",
            responder=self.responder.model.name if self.responder else None,
            infiller=self._proposers,
            notes=(*self.notes, note) if note else tuple(self.notes),
            editable=self.editable,
            fresh_draws=proof.draws if proof else 0,
            fresh_held=proof.held if proof else 0,
            placebo_draws=placebo.draws if placebo else 0,
            placebo_crossed=placebo.crossed if placebo else 0,
            naturalness=screening.naturalness if screening else None,
        )

    @property
    def _proposers(self) -> str:
        """The names of what proposes other words."""
        if self.settings.proposes:
            return ", ".join(editor.name for editor in self.finder.editors)
        return self.finder.infiller.name if self.finder.infiller else ""

    def _edit_distance(self, edits: Edits) -> int:
        return sum(
            edit_distance(before.content, after.content)
            for before, after in zip(self.text.turns, self.text.edited(edits), strict=True)
        )

    def _edit_rate(self, edits: Edits) -> float | None:
        count = sum(len(words(self.text.turns[i].content)) for i in self.editable)
        return self._edit_distance(edits) / count if count else None
