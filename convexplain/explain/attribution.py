"""Multi-level attribution of a judged turn's score. Judge, responder and infiller are handed in."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from convexplain.errors import UsageError
from convexplain.models.infilling import Infiller
from convexplain.search import make_method
from convexplain.search.attribution_driver import AttributionRun, run_attribution
from convexplain.search.protocol import Value, ValueSearch
from convexplain.search.refinement import LevelScores, refine, refine_mixed
from convexplain.text.segmentation import Phrases
from convexplain.types import LEVELS, Attribution, Conversation, Rubric, Unit, score_of

from .measurement import ASSUMED_NOISE, TurnMeasure, too_close
from .scalarizers import JudgeValue, Scalarizer, ScoresSpans, TurnValues, WhiteBox
from .settings import AttributionSettings
from .targets import target_span
from .unit_levels import UnitLevels, unit_levels

_NOTHING = 1e-9
NO_TARGET_IN_NEW_REPLIES = (
    "a target is not valid with a responder whose replies are judged: each new reply is another text; leave the "
    "responder out, or attribute the log-probability of the target (scalarizer logprob)"
)
NOTHING_TO_ATTRIBUTE = "nothing to attribute to: no turn before it, and no part of the reply that can be left out"
NOISE_ASSUMED = f"the noise {ASSUMED_NOISE} is an assumption: the noise floor of this judge was not measured"


@dataclass(frozen=True, slots=True)
class Attributor:
    """Attributes judged turns with one judge and perhaps one responder.

    Attributes:
        measure: judge and responder.
        infiller: fills the places of removed units; used with `perturb="infill"` only.
        scalarizer: makes the value that is attributed instead of the judge's score, one for each turn.
        phrases: says where phrases begin, instead of the rules of `text.segmentation`.
    """

    measure: TurnMeasure
    infiller: Infiller | None = None
    scalarizer: Callable[[], Scalarizer] | None = None
    phrases: Phrases | None = None

    async def attribute(
        self,
        conversation: Conversation,
        turn: int,
        rubric: Rubric,
        settings: AttributionSettings,
        noise: float | None = None,
    ) -> list[Attribution]:
        """Attribute the judge's score of a turn: one attribution for each level, the coarsest first.

        The units are those of the turns before it and, where the logged reply is judged, of the turn itself. With a
        target, its span is judged in the place of the reply. On a rubric of conversations they are those of all turns.

        A level that the budget is not enough for is missing, and so is what is finer than it. Where nothing can be
        attributed, the first level says why in its notes.

        Args:
            conversation: the conversation.
            turn: index of the judged turn.
            rubric: the maxim.
            settings: the settings.
            noise: the judge's noise floor on that rubric; `ASSUMED_NOISE` where it was never measured.

        Raises:
            UsageError: the turn is not there, or no turn of the assistant; or it does not contain the target, or a
                responder or another scalarizer has no value of a target; or a conversation is judged, and there is a
                responder or a target.
            UnavailableError: a model is gone.
        """
        value = None if self.scalarizer is None else self.scalarizer()
        conversation = judged_part(conversation, turn, rubric if value is None else None)
        content = conversation.turns[turn].content
        if rubric.of_conversation and value is None:
            check_conversation(rubric, responder=self.measure.responder is not None, target=settings.target is not None)
        span = None if settings.target is None else target_span(content, settings.target)
        if value is not None:
            levels = await self._of_value(conversation, value, settings, span)
        else:
            levels = await self._of_score(conversation, rubric, settings, noise, span)
        responder = self.measure.responder.model.name if self.measure.responder else None
        target = "" if span is None else content[slice(*span)]
        return [replace(level, turn=turn, rubric=rubric.id, responder=responder, target=target) for level in levels]

    async def _of_value(
        self,
        conversation: Conversation,
        scalarizer: Scalarizer,
        settings: AttributionSettings,
        span: tuple[int, int] | None,
    ) -> list[Attribution]:
        """Attribute another value than the judge's score."""
        if span is not None:
            if not isinstance(scalarizer, ScoresSpans):
                raise UsageError(f"a target is not valid with {scalarizer.name}: it has no value of a span")
            scalarizer = scalarizer.of_span(*span)
        values = TurnValues(conversation, scalarizer, settings.perturb, self.infiller)
        return await attribute_values(values, settings, phrases=self.phrases)

    async def _of_score(
        self,
        conversation: Conversation,
        rubric: Rubric,
        settings: AttributionSettings,
        noise: float | None,
        span: tuple[int, int] | None,
    ) -> list[Attribution]:
        """Attribute the judge's score of the last turn, or of a span in its place."""
        if span is not None and self.measure.responder:
            raise UsageError(NO_TARGET_IN_NEW_REPLIES)
        *before, turn = conversation.turns
        if span is not None:
            conversation = replace(conversation, turns=(*before, replace(turn, content=turn.content[slice(*span)])))
        judge = JudgeValue(self.measure, rubric)
        values = TurnValues(conversation, judge, settings.perturb, self.infiller, rubric.scope)
        await values.values([frozenset()])  # settles the scale, and which side is explained
        first = judge.first
        score = first.score if first else None
        if noise is None:
            values.note(NOISE_ASSUMED)
        if score is not None and (close := too_close(score, rubric.threshold, noise)):
            values.note(close)
        side = -1 if score is not None and score < rubric.threshold else 1
        reply = self.measure.responder is None
        noise = ASSUMED_NOISE if noise is None else noise
        levels = await attribute_values(values, settings, side, reply=reply, phrases=self.phrases, noise=noise)
        return [
            replace(
                level,
                score=score,
                noise=noise,
                judge=first.model if first else "",
                units=tuple(_in_reply(unit, len(before), span) for unit in level.units),
            )
            for level in levels
        ]


def _in_reply(unit: Unit, reply: int, span: tuple[int, int] | None) -> Unit:
    """The unit at its place in the reply, of which a span alone was divided."""
    if span is None or unit.turn != reply:
        return unit
    return replace(unit, start=unit.start + span[0], end=unit.end + span[0])


def check_conversation(rubric: Rubric, *, responder: bool, target: bool = False) -> None:
    """Check that the score of a conversation can be explained so.

    Raises:
        UsageError: there is a responder, which answers one turn, or a target, which is a part of one reply.
    """
    if responder:
        raise UsageError(
            f"a responder is not valid with {rubric.id}, which judges conversations: it would answer one turn anew, "
            "and what follows would not fit; leave it out, and the logged turns are kept"
        )
    if target:
        raise UsageError(f"a target is not valid with {rubric.id}, which judges conversations and not one reply")


def judged_part(conversation: Conversation, turn: int, rubric: Rubric | None = None) -> Conversation:
    """Return the conversation up to the judged turn; all of it on a rubric of conversations.

    Raises:
        UsageError: the turn is not there, or no turn of the assistant.
    """
    if not 0 <= turn < len(conversation.turns) or conversation.turns[turn].role != "assistant":
        raise UsageError(f"turn={turn} is not valid: conversation {conversation.id!r} has no assistant turn there")
    return conversation.until(turn) if rubric is None else rubric.judged(conversation, turn)


async def attribute_values(
    values: TurnValues,
    settings: AttributionSettings,
    side: int = 1,
    *,
    reply: bool = False,
    phrases: Phrases | None = None,
    noise: float = 0.0,
) -> list[Attribution]:
    """Attribute any value of a turn, level by level; as `Attributor.attribute`, with no judge in it.

    Args:
        values: the value of the conversation without some units.
        settings: the settings.
        side: 1 refines the units that raise the value, -1 those that lower it.
        reply: attribute to the parts of the last turn as well: it can be valued without some of them.
        phrases: says where phrases begin, instead of the rules of `text.segmentation`.
        noise: only units that change the value by so much are divided; of a judge's score the difference in [0, 1].
    """
    began = time.monotonic()
    levels = unit_levels(values.conversation, settings.levels, reply=reply, phrases=phrases, scope=values.scope)
    units = levels.by_stage(settings.mixed)
    (full,) = await values.values([frozenset()])  # a similarity compares with what it measures first
    if full is None:
        values.note("the unchanged turn has no value")
        nothing = LevelScores(0, tuple(range(len(levels.units[0]))), (None,) * len(levels.units[0]))
        return [_attribution(values, settings, side, units, nothing)]
    if not any(levels.units):
        values.note(NOTHING_TO_ATTRIBUTE)
    run, impossible = await _evaluated(values, settings, side, levels, noise)
    stages, baseline = run.outcome
    scores = [score for stage in stages for score in stage.scores if score is not None]
    if scores and all(abs(score) < _NOTHING for score in scores):
        values.note("no unit moves the value: every attribution is 0")
    calls, failed = run.calls - impossible, run.failed - impossible
    if settings.mixed:
        stages, calls, failed = _first_and_last(stages), _all_later(calls), _all_later(failed)
    return [
        replace(
            _attribution(values, settings, side, units, stage),
            values_alone=tuple(run.values.get(values.key(frozenset({units[stage.level][i]}))) for i in stage.units),
            notes=(*values.notes, *_rough(stage, run.calls, settings)),
            baseline=baseline,
            calls=calls[stage.level],
            failed=failed[stage.level],
            seconds=time.monotonic() - began,
        )
        for stage in stages or [LevelScores(0, (), ())]
    ]


def _moves(values: TurnValues, effect: float, noise: float) -> bool:
    """True where an effect on the value is the noise or more; of a judge's score by the difference of the scores."""
    full, scale = values.full, values.scalarizer.name
    return full is not None and abs(score_of(full, scale) - score_of(full - effect, scale)) >= noise


async def _evaluated(
    values: TurnValues, settings: AttributionSettings, side: int, levels: UnitLevels, noise: float
) -> tuple[AttributionRun[tuple[list[LevelScores], float | None]], Counter[int]]:
    """The run of the method over all levels, and by level how many sets leave nothing to value."""
    units = levels.by_stage(settings.mixed)
    guide = await _guide(values, units) if settings.method == "joint" else None
    method = make_method(settings.method, seed=settings.seed, side=side, k=settings.k, guide=guide)
    refining = (refine_mixed if settings.mixed else refine)(
        levels.parents,
        method,
        side=side,
        top=settings.top,
        share=settings.share,
        budget=settings.budget,
        matters=lambda effect: _moves(values, effect, noise),
    )
    impossible = Counter[int]()

    def numbered(level: int, numbers: frozenset[int]) -> frozenset[Unit]:
        return frozenset(units[level][i] for i in numbers)

    async def value(request: Value) -> list[float | None]:
        sets = [numbered(request.level, removed) for removed in request.removed]
        impossible[request.level] += sum(map(values.impossible, sets))
        return await values.values(sets)

    before = len(values.conversation.turns) - 1 if values.scope == "turn" else 0
    run = await run_attribution(
        _with_baseline(refining, levels.before(before)),
        value,
        budget=settings.budget,
        key=lambda level, removed: values.key(numbered(level, removed)),
    )
    return run, impossible


def _rough(stage: LevelScores, calls: Counter[int], settings: AttributionSettings) -> list[str]:
    """The remark on a surrogate that was fitted to fewer evaluations than units; a stage knows those before it."""
    count = calls.total() if settings.mixed and stage.level else calls[stage.level]
    if settings.method != "surrogate" or count >= sum(score is not None for score in stage.scores):
        return []
    return [f"{count} evaluations for {len(stage.units)} units: effects of single units are rough"]


def _first_and_last(stages: Sequence[LevelScores]) -> list[LevelScores]:
    """The stages of mixed levels that are worth reading: the undivided units, and the last ranking."""
    return [stage for stage in stages if not stage.level or stage is stages[-1]]


def _all_later(counts: Counter[int]) -> Counter[int]:
    """The counts by stage, where each stage but the first has the sum of all of them but the first."""
    later = counts.total() - counts[0]
    return Counter({stage: counts[0] if not stage else later for stage in range(len(LEVELS))})


async def _guide(values: TurnValues, units: Sequence[Sequence[Unit]]) -> list[list[float]] | None:
    """For each level what each unit does by the gradient, where there is one (XPrompt's guide)."""
    if not isinstance(values.scalarizer, WhiteBox):
        return None
    every = list(dict.fromkeys(unit for level in units for unit in level))
    gradients = await values.scalarizer.gradients(values.conversation, every)
    if gradients is None:
        return None
    values.note("joint attribution also began with the best units by the gradient")
    gradient_of = dict(zip(every, gradients, strict=True))
    return [[gradient_of[unit] for unit in level] for level in units]


def _with_baseline(
    search: ValueSearch[list[LevelScores]], before: frozenset[int]
) -> ValueSearch[tuple[list[LevelScores], float | None]]:
    """The search, with the value without all coarsest units before the reply, asked for beside its first question."""
    baseline = None
    answer: Sequence[float | None] | None = None
    while True:
        try:
            request = search.send(answer)  # type: ignore[arg-type]
        except StopIteration as end:
            return end.value, baseline
        if answer is None and before and request.level == 0:
            *answer, baseline = yield Value((*request.removed, before))
        else:
            answer = yield request


def _attribution(
    values: TurnValues,
    settings: AttributionSettings,
    side: int,
    units: Sequence[Sequence[Unit]],
    scores: LevelScores,
) -> Attribution:
    """The attribution to the units of a level, or of a stage of mixed levels, without what it has cost."""
    return Attribution(
        conversation_id=values.conversation.id,
        turn=len(values.conversation.turns) - 1,
        rubric="",
        question=values.scalarizer.question,
        method=settings.method,
        level="mixed" if settings.mixed and scores.level else settings.levels[scores.level],
        scalarizer=values.scalarizer.name,
        units=tuple(units[scores.level][i] for i in scores.units),
        scores=scores.scores,
        side=side,
        full=values.full,
        baseline=None,
        score=None,
        noise=None,
        chosen=tuple(scores.units.index(i) for i in scores.chosen),
        drop=scores.drop,
        perturbed=settings.perturb,
        calls=0,
        failed=0,
        seconds=0.0,
        judge="",
        responder=None,
        notes=tuple(values.notes),
        interactions=scores.interactions,
    )
