"""What a judged turn's score hangs on: one multi-level attribution. Judge, responder and infiller are handed in."""

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypedDict, get_args

from convexplain.errors import UsageError
from convexplain.models.infilling import Infiller
from convexplain.search import ATTRIBUTION_METHODS, make_method
from convexplain.search.attribution_driver import AttributionRun, attributed
from convexplain.search.protocol import Attributing, Value
from convexplain.search.refinement import ALWAYS, CALLS_PER_UNIT, LevelScores, most_units, refine
from convexplain.text.segmentation import Phrases, segment
from convexplain.types import LEVELS, Attribution, Conversation, Level, Rubric, Unit

from .measurement import ASSUMED_NOISE, TurnMeasure, too_close
from .scalarizers import JudgeValue, Perturb, Scalarizer, TurnValues, WhiteBox

_NOTHING = 1e-9
NOISE_ASSUMED = f"the noise {ASSUMED_NOISE} is an assumption: the noise floor of this judge was not measured"


class AttributionOptions(TypedDict, total=False):
    """Fields of `AttributionSettings`, as keyword arguments."""

    method: str
    levels: Sequence[Level]
    budget: int | None
    top: int
    share: float | None
    k: int
    perturb: Perturb
    response: bool
    seed: int


@dataclass(frozen=True, slots=True)
class AttributionSettings:
    """How a turn is attributed.

    Attributes:
        method: a name of `ATTRIBUTION_METHODS`.
        levels: from coarse to fine; each level after the first is looked into for the parts of the top units only.
        budget: perturbed conversations that are evaluated at most, all levels together; 3 for each unit unless given.
        top: units of a level that are refined at most.
        share: instead of `top`: as many units as have that share of all that speaks for the turn's side, in (0, 1].
        k: `joint` only: units that are removed together.
        perturb: `remove` units, put a `placeholder` in their places, or `infill` them (three fills, averaged).
        response: attribute to the parts of the judged turn as well.
        seed: the same seed gives the same result.
    """

    method: str = "clime"
    levels: tuple[Level, ...] = ("turn", "sentence", "phrase")
    budget: int | None = None
    top: int = 2
    share: float | None = None
    k: int = 3
    perturb: Perturb = "remove"
    response: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        ATTRIBUTION_METHODS.get(self.method)
        order = [LEVELS.index(level) if level in LEVELS else -1 for level in self.levels]
        if not order or -1 in order or order != sorted(set(order)):
            raise UsageError(
                f"levels={self.levels!r} is not valid; valid are levels out of {', '.join(LEVELS)}, from coarse to fine"
            )
        if self.perturb not in get_args(Perturb):
            raise UsageError(f"perturb={self.perturb!r} is not valid; valid are: {', '.join(get_args(Perturb))}")
        for name, value in (("budget", self.budget), ("top", self.top), ("k", self.k)):
            if value is not None and value < 1:
                raise UsageError(f"{name}={value} is not valid; it must be at least 1")
        if self.share is not None and not 0 < self.share <= 1:
            raise UsageError(f"share={self.share} is not valid; it must be in (0, 1]")
        if self.seed < 0:
            raise UsageError(f"seed={self.seed} is not valid; it must be at least 0")

    def turns(self, conversation: Conversation, turn: int) -> list[int]:
        """The indices of the turns that are attributed to."""
        found = [i for i, before in enumerate(conversation.turns[:turn]) if before.content.strip()]
        return [*found, turn] if self.response and any(level != "turn" for level in self.levels) else found


@dataclass(frozen=True, slots=True)
class UnitLevels:
    """The conversation's units on each level.

    Attributes:
        units: for each level the units, in the order of the text.
        parents: for each of them the number of the unit of the level before that it is in, or `ALWAYS`.
    """

    units: tuple[tuple[Unit, ...], ...]
    parents: tuple[tuple[int, ...], ...]


def unit_levels(
    conversation: Conversation, levels: Sequence[Level], response: bool, phrases: Phrases | None = None
) -> UnitLevels:
    """Divides all turns before the last one; with `response` the last one too, into what is finer than a turn."""
    last = len(conversation.turns) - 1
    units: list[tuple[Unit, ...]] = []
    parents: list[tuple[int, ...]] = []
    for level in levels:
        some = [
            unit
            for i, turn in enumerate(conversation.turns)
            if i < last or (response and level != "turn")
            for start, end in _spans(turn.content, level, phrases)
            if i < last or (start, end) != (0, len(turn.content))  # without it nothing would be left to judge
            for unit in [Unit(i, start, end, level)]
            if unit.of(turn.content).strip()
        ]
        above = [(unit.turn, unit.start) for unit in units[-1]] if units else []
        parents.append(tuple(_parent(unit, above) for unit in some))
        units.append(tuple(some))
    return UnitLevels(tuple(units), tuple(parents))


@lru_cache(maxsize=4096)
def _spans(text: str, level: Level, phrases: Phrases | None) -> tuple[tuple[int, int], ...]:
    """Where the units of a text lie; the turns of one conversation are divided again for each turn that is judged."""
    return tuple((unit.start, unit.end) for unit in segment(text, level, 0, phrases))


def most_calls(conversation: Conversation, settings: AttributionSettings, phrases: Phrases | None = None) -> int:
    """How many perturbed conversations an attribution of the last turn evaluates at most.

    Where units are infilled, each is evaluated with up to `FILLS` fills.
    """
    parts = unit_levels(conversation, settings.levels, settings.response, phrases)
    finer = (most_units(parents, settings.top, settings.share) for parents in parts.parents[1:])
    total = CALLS_PER_UNIT * (len(parts.units[0]) + sum(finer)) + bool(parts.units[0])
    return total if settings.budget is None else min(total, settings.budget)


def _parent(unit: Unit, above: Sequence[tuple[int, int]]) -> int:
    """The number of the last coarser unit that begins no later than this one, in the same turn."""
    place = bisect_right(above, (unit.turn, unit.start)) - 1
    return place if place >= 0 and above[place][0] == unit.turn else ALWAYS


@dataclass(frozen=True, slots=True)
class Attributor:
    """Attributes judged turns with one judge and perhaps one responder.

    Attributes:
        measure: judge and responder.
        infiller: fills the places of removed units; wanted with `perturb="infill"` only.
        scalarizer: makes what is attributed instead of the judge's score, one for each turn.
        phrases: says where phrases begin, instead of the rules of `units`.
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
        """What the judge's score of a turn hangs on: one attribution a level, the coarsest first.

        A level that the budget is not enough for is missing, and so is what is finer than it. Where nothing can be
        attributed, the first level says why in its notes.

        Args:
            conversation: the conversation.
            turn: index of the judged turn.
            rubric: the maxim.
            settings: how.
            noise: the judge's noise floor on that rubric; `ASSUMED_NOISE` where it was never measured.

        Raises:
            UsageError: the turn is not there, or no turn of the assistant; or the parts of a response are asked for
                that is given anew, or whose probability falls with its length.
            UnavailableError: a model is gone.
        """
        if settings.response and (self.measure.responder or self.scalarizer):
            raise UsageError(
                "response=True is not valid with a responder or another scalarizer than the judge: only a logged "
                "answer that is judged can be taken apart"
            )
        talk = judged_part(conversation, turn)
        if self.scalarizer is not None:
            values = TurnValues(talk, self.scalarizer(), settings.perturb, self.infiller)
            responder = self.measure.responder.model.name if self.measure.responder else None
            levels = await attribute_values(values, settings, phrases=self.phrases)
            return [replace(one, rubric=rubric.id, responder=responder) for one in levels]
        judge = JudgeValue(self.measure, rubric)
        values = TurnValues(talk, judge, settings.perturb, self.infiller)
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
                one,
                rubric=rubric.id,
                score=score,
                noise=ASSUMED_NOISE if noise is None else noise,
                judge=first.model if first else "",
                responder=self.measure.responder.model.name if self.measure.responder else None,
            )
            for one in await attribute_values(values, settings, side, self.phrases)
        ]


def judged_part(conversation: Conversation, turn: int) -> Conversation:
    """The conversation up to the judged turn.

    Raises:
        UsageError: the turn is not there, or no turn of the assistant.
    """
    if not 0 <= turn < len(conversation.turns) or conversation.turns[turn].role != "assistant":
        raise UsageError(f"turn={turn} is not valid: conversation {conversation.id!r} has no assistant turn there")
    return conversation.until(turn)


async def attribute_values(
    values: TurnValues, settings: AttributionSettings, side: int = 1, phrases: Phrases | None = None
) -> list[Attribution]:
    """What any value of a turn hangs on, level by level; as `Attributor.attribute`, with no judge in it.

    Args:
        values: the value of the conversation without some units.
        settings: how.
        side: 1 refines the units that raise the value, -1 those that lower it.
        phrases: says where phrases begin, instead of the rules of `units`.
    """
    began = time.monotonic()
    parts = unit_levels(values.conversation, settings.levels, settings.response, phrases)
    (full,) = await values.values([frozenset()])  # a similarity compares with what it measures first
    if full is None:
        values.note("the unchanged turn has no value")
        nothing = LevelScores(0, tuple(range(len(parts.units[0]))), (None,) * len(parts.units[0]))
        return [_attribution(values, settings, side, parts, nothing, None, None, time.monotonic() - began)]
    if not any(parts.units):
        values.note("there is nothing before the judged turn to attribute to")
    guide = await _guide(values, parts) if settings.method == "joint" else None
    method = make_method(settings.method, seed=settings.seed, side=side, k=settings.k, guide=guide)
    refining = refine(parts.parents, method, side=side, top=settings.top, share=settings.share, budget=settings.budget)
    impossible = Counter[int]()

    async def value(ask: Value) -> list[float | None]:
        sets = [_units(parts, ask.level, removed) for removed in ask.removed]
        impossible[ask.level] += sum(map(values.impossible, sets))
        return await values.values(sets)

    valued = await attributed(
        _with_baseline(refining, len(parts.units[0])),
        value,
        budget=settings.budget,
        key=lambda level, removed: values.key(_units(parts, level, removed)),
    )
    levels, baseline = valued.outcome
    known = [score for one in levels for score in one.scores if score is not None]
    if known and all(abs(score) < _NOTHING for score in known):
        values.note("no unit moves the value: every attribution is 0")
    done = replace(valued, calls=valued.calls - impossible, failed=valued.failed - impossible)
    seconds = time.monotonic() - began
    found = levels or [LevelScores(0, (), ())]
    return [_attribution(values, settings, side, parts, one, done, baseline, seconds) for one in found]


async def _guide(values: TurnValues, parts: UnitLevels) -> list[list[float]] | None:
    """For each level what each unit does by the gradient, where there is one (XPrompt's guide)."""
    if not isinstance(values.scalarizer, WhiteBox):
        return None
    found = await values.scalarizer.gradients(values.conversation, [unit for level in parts.units for unit in level])
    if found is None:
        return None
    values.note("joint attribution was guided by the gradient")
    rest = iter(found)
    return [[next(rest) for _ in level] for level in parts.units]


def _units(parts: UnitLevels, level: int, numbers: frozenset[int]) -> frozenset[Unit]:
    return frozenset(parts.units[level][i] for i in numbers)


def _with_baseline(
    search: Attributing[list[LevelScores]], coarsest: int
) -> Attributing[tuple[list[LevelScores], float | None]]:
    """The search, with the value without any of the coarsest units, which is asked for beside its first question."""
    everything, baseline = frozenset(range(coarsest)), None
    answer: Sequence[float | None] | None = None
    while True:
        try:
            ask = search.send(answer)  # type: ignore[arg-type]
        except StopIteration as end:
            return end.value, baseline
        if answer is None and coarsest and ask.level == 0:
            *answer, baseline = yield Value((*ask.removed, everything))
        else:
            answer = yield ask


def _attribution(
    values: TurnValues,
    settings: AttributionSettings,
    side: int,
    parts: UnitLevels,
    one: LevelScores,
    valued: AttributionRun[tuple[list[LevelScores], float | None]] | None,
    baseline: float | None,
    seconds: float,
) -> Attribution:
    return Attribution(
        conversation_id=values.conversation.id,
        turn=len(values.conversation.turns) - 1,
        rubric="",
        question=values.scalarizer.question,
        method=settings.method,
        level=settings.levels[one.level],
        scalarizer=values.scalarizer.name,
        units=tuple(parts.units[one.level][i] for i in one.units),
        scores=one.scores,
        side=side,
        full=values.full,
        baseline=baseline,
        score=None,
        noise=None,
        chosen=tuple(one.units.index(i) for i in one.chosen),
        drop=one.drop,
        perturbed=settings.perturb,
        calls=valued.calls[one.level] if valued else 0,
        failed=valued.failed[one.level] if valued else 0,
        seconds=seconds,
        judge="",
        responder=None,
        notes=tuple(values.notes),
    )
