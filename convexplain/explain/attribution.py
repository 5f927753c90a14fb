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
from convexplain.search.refinement import LevelScores, refine
from convexplain.text.segmentation import Phrases
from convexplain.types import Attribution, Conversation, Rubric, Unit

from .measurement import ASSUMED_NOISE, TurnMeasure, too_close
from .scalarizers import JudgeValue, Scalarizer, TurnValues, WhiteBox
from .settings import AttributionSettings
from .unit_levels import UnitLevels, unit_levels

_NOTHING = 1e-9
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

        The units are those of the turns before it and, where the logged reply is judged, of the turn itself.
        A level that the budget is not enough for is missing, and so is what is finer than it. Where nothing can be
        attributed, the first level says why in its notes.

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
        conversation = judged_part(conversation, turn)
        responder = self.measure.responder.model.name if self.measure.responder else None
        if self.scalarizer is not None:
            values = TurnValues(conversation, self.scalarizer(), settings.perturb, self.infiller)
            levels = await attribute_values(values, settings, phrases=self.phrases)
            return [replace(level, rubric=rubric.id, responder=responder) for level in levels]
        judge = JudgeValue(self.measure, rubric)
        values = TurnValues(conversation, judge, settings.perturb, self.infiller)
        await values.values([frozenset()])  # settles the scale, and which side is explained
        first = judge.first
        score = first.score if first else None
        if noise is None:
            values.note(NOISE_ASSUMED)
        if score is not None and (close := too_close(score, rubric.threshold, noise)):
            values.note(close)
        side = -1 if score is not None and score < rubric.threshold else 1
        return [
            replace(
                level,
                rubric=rubric.id,
                score=score,
                noise=ASSUMED_NOISE if noise is None else noise,
                judge=first.model if first else "",
                responder=responder,
            )
            for level in await attribute_values(
                values, settings, side, reply=self.measure.responder is None, phrases=self.phrases
            )
        ]


def judged_part(conversation: Conversation, turn: int) -> Conversation:
    """Return the conversation up to the judged turn.

    Raises:
        UsageError: the turn is not there, or no turn of the assistant.
    """
    if not 0 <= turn < len(conversation.turns) or conversation.turns[turn].role != "assistant":
        raise UsageError(f"turn={turn} is not valid: conversation {conversation.id!r} has no assistant turn there")
    return conversation.until(turn)


async def attribute_values(
    values: TurnValues,
    settings: AttributionSettings,
    side: int = 1,
    *,
    reply: bool = False,
    phrases: Phrases | None = None,
) -> list[Attribution]:
    """Attribute any value of a turn, level by level; as `Attributor.attribute`, with no judge in it.

    Args:
        values: the value of the conversation without some units.
        settings: the settings.
        side: 1 refines the units that raise the value, -1 those that lower it.
        reply: attribute to the parts of the last turn as well: it can be valued without some of them.
        phrases: says where phrases begin, instead of the rules of `text.segmentation`.
    """
    began = time.monotonic()
    levels = unit_levels(values.conversation, settings.levels, reply=reply, phrases=phrases)
    last = len(values.conversation.turns) - 1
    before = frozenset(i for i, unit in enumerate(levels.units[0]) if unit.turn < last)
    (full,) = await values.values([frozenset()])  # a similarity compares with what it measures first
    if full is None:
        values.note("the unchanged turn has no value")
        nothing = LevelScores(0, tuple(range(len(levels.units[0]))), (None,) * len(levels.units[0]))
        return [_attribution(values, settings, side, levels, nothing, None, None, time.monotonic() - began)]
    if not any(levels.units):
        values.note(NOTHING_TO_ATTRIBUTE)
    guide = await _guide(values, levels) if settings.method == "joint" else None
    method = make_method(settings.method, seed=settings.seed, side=side, k=settings.k, guide=guide)
    refining = refine(levels.parents, method, side=side, top=settings.top, share=settings.share, budget=settings.budget)
    impossible = Counter[int]()

    async def value(request: Value) -> list[float | None]:
        sets = [levels.numbered(request.level, removed) for removed in request.removed]
        impossible[request.level] += sum(map(values.impossible, sets))
        return await values.values(sets)

    run = await run_attribution(
        _with_baseline(refining, before),
        value,
        budget=settings.budget,
        key=lambda level, removed: values.key(levels.numbered(level, removed)),
    )
    level_scores, baseline = run.outcome
    scores = [score for level in level_scores for score in level.scores if score is not None]
    if scores and all(abs(score) < _NOTHING for score in scores):
        values.note("no unit moves the value: every attribution is 0")
    counts = replace(run, calls=run.calls - impossible, failed=run.failed - impossible)
    seconds = time.monotonic() - began
    return [
        _attribution(values, settings, side, levels, level, counts, baseline, seconds)
        for level in level_scores or [LevelScores(0, (), ())]
    ]


async def _guide(values: TurnValues, levels: UnitLevels) -> list[list[float]] | None:
    """For each level what each unit does by the gradient, where there is one (XPrompt's guide)."""
    if not isinstance(values.scalarizer, WhiteBox):
        return None
    units = [unit for level in levels.units for unit in level]
    gradients = await values.scalarizer.gradients(values.conversation, units)
    if gradients is None:
        return None
    values.note("joint attribution was guided by the gradient")
    in_order = iter(gradients)
    return [[next(in_order) for _ in level] for level in levels.units]


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
    levels: UnitLevels,
    scores: LevelScores,
    run: AttributionRun[tuple[list[LevelScores], float | None]] | None,
    baseline: float | None,
    seconds: float,
) -> Attribution:
    units: tuple[Unit, ...] = tuple(levels.units[scores.level][i] for i in scores.units)
    return Attribution(
        conversation_id=values.conversation.id,
        turn=len(values.conversation.turns) - 1,
        rubric="",
        question=values.scalarizer.question,
        method=settings.method,
        level=settings.levels[scores.level],
        scalarizer=values.scalarizer.name,
        units=units,
        scores=scores.scores,
        side=side,
        full=values.full,
        baseline=baseline,
        score=None,
        noise=None,
        chosen=tuple(scores.units.index(i) for i in scores.chosen),
        drop=scores.drop,
        perturbed=settings.perturb,
        calls=run.calls[scores.level] if run else 0,
        failed=run.failed[scores.level] if run else 0,
        seconds=seconds,
        judge="",
        responder=None,
        notes=tuple(values.notes),
    )
