"""What would have changed a turn's score: one search over a judged turn. Models and judge are handed in."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypedDict

from convexplain.analysis.pipeline import TurnJudge
from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.fidelity.edits import edit_distance, words
from convexplain.models.calls import Calls
from convexplain.models.infilling import Infiller, Masked
from convexplain.search import CONTRAST_SEARCHES, make_search
from convexplain.search.driver import Evaluate, Outcome, SearchOutcome, arun, drive
from convexplain.search.editable import editable
from convexplain.search.protocol import Edits, Hole, Search
from convexplain.types import (
    Attribution,
    Contrast,
    Conversation,
    Goal,
    Judgement,
    Question,
    Rubric,
    log_odds,
    probability,
)

from .measurement import ANSWER, ASSUMED_NOISE, TurnMeasure, too_close
from .prior import prior_from

NOISE_ASSUMED = f"delta {ASSUMED_NOISE} is an assumption: the noise floor of this judge was not measured"
NOTHING_TO_EDIT = "there is no word that may be edited"
CONFIRM = 3  # crossing candidates that are measured anew where the judge draws samples
_LEAST = 1e-6  # a movement of nothing is no contrast
_ROUNDING = 1e-9
_FILLS = 3  # asked for at once for each hole

EditableTurns = Literal["assistant", "user", "all"] | Sequence[int]


class ContrastOptions(TypedDict, total=False):
    """Fields of `ContrastSettings`, as keyword arguments."""

    goal: Goal
    delta: float | None
    budget: int
    search: str
    revise: bool
    editable: EditableTurns
    split_k: int | None
    prior: Sequence[float] | Sequence[Attribution] | None
    minimise: bool
    seed: int
    alpha: float


@dataclass(frozen=True, slots=True)
class ContrastSettings:
    """How contrasts are looked for.

    Attributes:
        goal: `cross` the rubric's threshold, or `improve` or `worsen` the score.
        delta: by how much; None with `cross` takes the judge's noise floor.
        budget: edited contexts that are sent to responder or judge at most.
        search: a name of `CONTRAST_SEARCHES`.
        revise: edit the judged turn itself instead of those before it.
        editable: which turns may be edited otherwise: the earlier turns of the assistant, of the user, or all of these;
            or the indices of turns.
        split_k: words in a unit; None = 1, and more in very long texts.
        prior: how likely each unit matters, up to a factor; or the turn's attributions, which say where to look first.
        minimise: after a crossing, look for one with fewer edits.
        seed: the same seed gives the same result.
        alpha: share of earlier candidates among the seeds of `cell_budget`.
    """

    goal: Goal = "cross"
    delta: float | None = None
    budget: int = 50
    search: str = "guided"
    revise: bool = False
    editable: EditableTurns = "assistant"
    split_k: int | None = None
    prior: Sequence[float] | Sequence[Attribution] | None = None
    minimise: bool = True
    seed: int = 0
    alpha: float = 0.5

    def __post_init__(self) -> None:
        if self.goal not in ("cross", "improve", "worsen"):
            raise UsageError(f"goal={self.goal!r} is not valid; valid are: cross, improve, worsen")
        if self.goal != "cross" and not self.delta:
            raise UsageError(f"goal={self.goal!r} needs a delta: by how much the score is to change, in (0, 1]")
        if self.delta is not None and not 0 <= self.delta <= 1:
            raise UsageError(f"delta={self.delta} is not valid; it must be in [0, 1]")
        CONTRAST_SEARCHES.get(self.search)
        if not 0 <= self.alpha <= 1:
            raise UsageError(f"alpha={self.alpha} is not valid; it must be in [0, 1]")
        if self.seed < 0:
            raise UsageError(f"seed={self.seed} is not valid; it must be at least 0")
        if self.budget < 1:
            raise UsageError(f"budget={self.budget} is not valid; it must be at least 1")

    def turns(self, conversation: Conversation, turn: int) -> list[int]:
        """The indices of the turns that may be edited.

        Raises:
            UsageError: `editable` names a turn that is not before the judged one.
        """
        if self.revise:
            return [turn]
        if isinstance(self.editable, str):
            roles = {"assistant": ("assistant",), "user": ("user",), "all": ("assistant", "user")}.get(self.editable)
            if roles is None:
                raise UsageError(
                    f"editable={self.editable!r} is not valid; valid are: assistant, user, all, or indices"
                )
            return [i for i, before in enumerate(conversation.turns[:turn]) if before.role in roles]
        if wrong := [i for i in self.editable if not 0 <= i < turn]:
            raise UsageError(f"editable={wrong} is not valid; the turns before turn {turn} are 0 to {turn - 1}")
        return sorted(set(self.editable))


@dataclass(slots=True)
class ContrastFinder:
    """Looks for contrasts with one judge, one infiller and perhaps one responder.

    Attributes:
        judge: scores a turn.
        infiller: fills holes.
        responder: answers an edited context anew; None keeps the logged answer.
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
        """Looks for the smallest edit that reaches the goal.

        Args:
            conversation: the conversation.
            turn: index of the judged turn.
            rubric: the maxim.
            settings: how to look.
            noise: the judge's noise floor on that rubric; `ASSUMED_NOISE` where it was never measured.

        Raises:
            UsageError: the turn is not there, or no turn of the assistant.
            UnavailableError: a model is gone.
        """
        if not 0 <= turn < len(conversation.turns) or conversation.turns[turn].role != "assistant":
            raise UsageError(f"turn={turn} is not valid: conversation {conversation.id!r} has no assistant turn there")
        began = time.monotonic()
        work = _Work(self, replace(conversation, turns=conversation.turns[: turn + 1]), turn, rubric, settings, noise)
        contrast = await work.run()
        return replace(contrast, seconds=time.monotonic() - began)


class _Work:
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
        chosen = settings.turns(conversation, turn)
        self.text = editable(conversation.turns, chosen, split_k=settings.split_k)
        self.judged: dict[Edits, Judgement] = {}
        self.filled: dict[Masked, list[str]] = {}
        self.before: Judgement | None = None
        self.response = conversation.turns[turn].content

    @property
    def question(self) -> Question:
        return "revise" if self.settings.revise else "regenerate" if self.responder else "rescore"

    async def run(self) -> Contrast:
        if not self.text.units:
            return self._contrast(None, "nothing to edit", NOTHING_TO_EDIT)
        self._search(self.delta)  # refuses bad settings before anything is asked
        start = await self._measured(())
        self.before, self.response = self.judged.get(()), start.response
        if self.before is None or self.before.score is None:
            return self._contrast(None, "not scored", f"the unchanged turn has no score: {start.note}")
        if note := self._too_close:
            return self._contrast(None, "too close", note)
        aim = self._from + (self.delta if self._upward else -self.delta)
        if not -_ROUNDING <= aim <= 1 + _ROUNDING:
            note = f"out of reach: the score would have to go from {self._start:.2f} to {aim:.2f}, and lies in [0, 1]"
            return self._contrast(None, "searched", note)
        # Scores are rounded: what reaches the aim exactly counts. But only from below is a threshold crossed so.
        delta = self._g(aim) - _ROUNDING
        if not (self._upward and self.settings.goal == "cross"):
            delta = max(delta, _LEAST)
        chosen = self.settings
        sampled = self.before.evidence.kind == "samples"
        driving = drive(
            self._search(delta),
            delta=delta,
            budget=chosen.budget,
            start=replace(start, score=self._g(self.before.score)),
            minimise=chosen.minimise,
            confirm=CONFIRM if sampled else 0,
            size=self.text.size,
        )
        found = await arun(driving, self._fill, self._evaluate)
        note = "the infiller had nothing to put in" if found.stopped == "no fills" else ""
        return self._contrast(found, found.stopped, note)

    def _search(self, delta: float) -> Search:
        chosen, units = self.settings, range(len(self.text.units))
        return make_search(
            chosen.search,
            self.text,
            units,
            delta=delta,
            budget=chosen.budget,
            seed=chosen.seed,
            prior=self._prior(),
            alpha=chosen.alpha,
            sentences=True,
        )

    def _prior(self) -> Sequence[float] | None:
        given = () if self.settings.prior is None else self.settings.prior
        attributions = [one for one in given if isinstance(one, Attribution)]
        if attributions:
            return prior_from(attributions, self.text.units, self._upward)
        return [one for one in given if not isinstance(one, Attribution)] or None

    @property
    def _too_close(self) -> str:
        """Why the turn's side of the threshold cannot be told; empty where it can, or where a delta was given."""
        if self.settings.goal != "cross" or self.settings.delta is not None:
            return ""
        return too_close(self._start, self.rubric.threshold, self.noise)

    @property
    def _upward(self) -> bool:
        """Whether the score is to rise."""
        if self.settings.goal != "cross":
            return self.settings.goal == "improve"
        return self._start < self.rubric.threshold

    @property
    def _start(self) -> float:
        return 0.0 if self.before is None or self.before.score is None else self.before.score

    @property
    def _from(self) -> float:
        """What a score has to go beyond."""
        return self.rubric.threshold if self.settings.goal == "cross" else self._start

    def _scaled(self, score: float) -> float:
        """The score as the search sees it: its log-odds where it comes from label probabilities.

        Probabilities saturate near 0 and 1, where the search would learn nothing; what crosses is the same on both.
        """
        if self.before is None or self.before.evidence.kind != "label_probability":
            return score
        return log_odds(score)

    def _g(self, score: float) -> float:
        """How far a score is beyond what it has to go beyond, on the search's scale."""
        return (self._scaled(score) - self._scaled(self._from)) * (1 if self._upward else -1)

    def _score(self, g: float) -> float:
        """The judge's score that g was made of."""
        scaled = self._scaled(self._from) + (g if self._upward else -g)
        if self.before is None or self.before.evidence.kind != "label_probability":
            return scaled
        return probability(scaled)

    def _moved(self, g: float | None) -> float | None:
        """g on the scale of the scores."""
        return None if g is None else (self._score(g) - self._from) * (1 if self._upward else -1)

    async def _evaluate(self, ask: Evaluate) -> list[Outcome]:
        again = 1 if ask.fresh else 0
        measured = await asyncio.gather(*(self._measured(edits, again) for edits in ask.candidates))
        return [
            outcome if outcome.score is None else replace(outcome, score=self._g(outcome.score)) for outcome in measured
        ]

    async def _measured(self, edits: Edits, again: int = 0) -> Outcome:
        """The judge's score of a candidate, with the response that it scored."""
        changed = replace(self.conversation, turns=self.text.edited(edits))
        found = await self.measure.turn(changed, self.turn, self.rubric, again)
        if found.cut:
            self._note(f"a regenerated answer was cut after {ANSWER} tokens")
        if found.judgement is not None and not again:
            self.judged[edits] = found.judgement
        return Outcome(found.score, found.response, found.note)

    async def _fill(self, holes: Sequence[Hole]) -> list[str | None]:
        masked = [self.text.masked(hole) for hole in holes]
        plain = [replace(one, avoid=()) for one in masked]
        await self._ask_infiller(plain)
        fills = [self._first(self.filled[bare], one) for bare, one in zip(plain, masked, strict=True)]
        # Where all that is known is refused, the infiller perhaps thinks of something else.
        await self._ask_infiller([one for one, fill in zip(masked, fills, strict=True) if fill is None and one.avoid])
        return [fill or self._first(self.filled.get(one, []), one) for one, fill in zip(masked, fills, strict=True)]

    async def _ask_infiller(self, masked: Iterable[Masked]) -> None:
        new = [one for one in dict.fromkeys(masked) if one not in self.filled]
        if not new:
            return
        try:
            found = await self.finder.infiller.infill(new, _FILLS)
        except UnavailableError:
            raise
        except ModelError as error:
            self._note(f"the infiller failed: {error}")
            found = [[] for _ in new]
        if len(found) != len(new):
            raise UsageError(f"infiller {self.finder.infiller.name}: {len(found)} answers for {len(new)} holes")
        self.filled |= zip(new, found, strict=True)

    @staticmethod
    def _first(fills: Sequence[str], masked: Masked) -> str | None:
        """The first fill that says something else than the old words and what is to be avoided."""
        refused = {text.strip().casefold() for text in (masked.old, *masked.avoid, "")}
        return next((fill.strip() for fill in fills if fill.strip().casefold() not in refused), None)

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _contrast(self, found: SearchOutcome | None, stopped: str, note: str = "") -> Contrast:
        edits = found.edits or () if found else ()
        after = self.judged.get(edits) if edits else None
        turns = list(self.text.edited(edits))
        response = self.response
        if found and found.outcome and edits:
            response = found.outcome.response
        turns[self.turn] = replace(turns[self.turn], content=response)
        again = found.confirmation.score if found and found.confirmation else None
        return Contrast(
            conversation_id=self.conversation.id,
            turn=self.turn,
            rubric=self.rubric.id,
            question=self.question,
            goal=self.settings.goal,
            search=self.settings.search,
            found=bool(found and found.found),
            delta=self.delta,
            score_before=self.before.score if self.before else None,
            score_after=after.score if after else None,
            score_again=None if again is None else self._score(again),
            edits=tuple(self.text.edit(unit, fill) for unit, fill in edits),
            turns=tuple(turns),
            response_before=self.response,
            response_after=response,
            calls=found.calls if found else 0,
            prompts=found.prompts if found else 0,
            infills=found.infills if found else 0,
            failed=found.failed if found else 0,
            trace=tuple((step.edits, self._moved(step.score)) for step in found.trace) if found else (),
            edit_distance=self._edit_distance(edits),
            edit_rate=self._edit_rate(edits),
            stopped=stopped,
            seconds=0.0,
            judge=self.before.model if self.before else "",
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
        chosen = {unit.turn for unit in self.text.units}
        count = sum(len(words(self.text.turns[i].content)) for i in chosen)
        return self._edit_distance(edits) / count if count else None
