"""Scalarizers: values of a judged turn without some units of its conversation, which are attributed to the units."""

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from convexplain.errors import ModelError, UnavailableError
from convexplain.models.infilling import Infiller, Masked
from convexplain.text.ablation import PLACEHOLDER, without
from convexplain.text.segmentation import core
from convexplain.types import Conversation, Judgement, Question, Rubric, RubricScope, Turn, Unit, log_odds

from .measurement import ANSWER, TurnMeasure
from .settings import Perturb

FILLS = 3  # fills that are averaged over where units are infilled


@dataclass(frozen=True, slots=True)
class Scalar:
    """The value of one perturbed conversation.

    Attributes:
        value: None where there is none.
        note: why there is none, or what a reader should know of it.
        response: the response that it is the value of.
        labels: the probability that the judge gives each label, in [0, 1]; empty where no judge was asked, or it gives
            none.
    """

    value: float | None
    note: str = ""
    response: str = ""
    labels: Mapping[str, float] = field(default_factory=dict, hash=False)


class Scalarizer(Protocol):
    """Makes a number of a judged turn in its conversation: the value that is attributed.

    Attributes:
        name: the name of the numbers.
        question: `rescore` where the logged answer is scored, `regenerate` where the responder answers.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - in the class's docstring
    @property
    def question(self) -> Question: ...  # noqa: D102

    async def value(self, conversation: Conversation, turn: int) -> Scalar:
        """Return the number for `conversation.turns[turn]`. Raises UnavailableError where a model is gone."""


@runtime_checkable
class WhiteBox(Protocol):
    """A scalarizer that knows, without removing anything, about how much each unit does."""

    async def gradients(self, conversation: Conversation, units: Sequence[Unit]) -> list[float] | None:
        """Return how much each unit raises the last turn's value, to first order; None where that cannot be had."""


@runtime_checkable
class ScoresSpans(Protocol):
    """A scalarizer that can give the value of a span of the turn, in the place of the turn's."""

    def of_span(self, start: int, end: int) -> Scalarizer:
        """Return a scalarizer of `turn.content[start:end]`."""


@dataclass(slots=True)
class JudgeValue:
    """The judge's score of the turn: its log-odds where it comes from label probabilities, which saturate near 0 and 1.

    Attributes:
        measure: judge and responder.
        rubric: the maxim.
        first: the judgement of the turn that was measured first; it decides the scale.
    """

    measure: TurnMeasure
    rubric: Rubric
    first: Judgement | None = None

    @property
    def name(self) -> str:
        """`log_odds` or `score`."""
        sure = self.first is not None and self.first.evidence.kind == "label_probability"
        return "log_odds" if sure else "score"

    @property
    def question(self) -> Question:
        """`regenerate` with a responder."""
        return "regenerate" if self.measure.responder else "rescore"

    async def value(self, conversation: Conversation, turn: int) -> Scalar:
        """Return the score on the scale of the first one."""
        measured = await self.measure.turn(conversation, turn, self.rubric)
        if self.first is None:
            self.first = measured.judgement
        if measured.score is None:
            return Scalar(None, measured.note, measured.response)
        note = f"a regenerated answer was cut after {ANSWER} tokens" if measured.cut else ""
        labels = measured.judgement.evidence.probabilities if measured.judgement else {}
        value = log_odds(measured.score) if self.name == "log_odds" else measured.score
        return Scalar(value, note, measured.response, labels)


@dataclass(slots=True)
class TurnValues:
    """Values of one judged turn, or of a conversation, without some of its units.

    Attributes:
        conversation: up to the judged turn; or all of it.
        scalarizer: makes the value.
        perturb: `remove` a unit, put a `placeholder` in its place, or `infill` it.
        infiller: fills the places of removed units, with `infill`.
        scope: what the value is of: the last `turn`, or the `conversation`.
        notes: what a reader should know of the values.
    """

    conversation: Conversation
    scalarizer: Scalarizer
    perturb: Perturb = "remove"
    infiller: Infiller | None = None
    scope: RubricScope = "turn"
    notes: list[str] = field(default_factory=list)
    _fills: dict[Unit, list[str]] = field(default_factory=dict)
    _scalars: dict[Hashable, Scalar] = field(default_factory=dict)

    async def values(self, removed: Sequence[frozenset[Unit]]) -> list[float | None]:
        """Return the value without each of these sets, all asked for at once; None where there is none."""
        return [scalar.value for scalar in await self.measured(removed)]

    async def measured(self, removed: Sequence[frozenset[Unit]]) -> list[Scalar]:
        """Return the scalar without each of these sets; of several fills the mean value and the first response."""
        if self.perturb == "infill":
            await self._fill(sorted(set().union(*removed) - set(self._fills), key=lambda u: (u.turn, u.start)))
        new = {key: units for units in removed if (key := self.key(units)) not in self._scalars}
        scalars = await asyncio.gather(*map(self._measured, new.values()))
        self._scalars |= zip(new, scalars, strict=True)
        return [self._scalars[self.key(units)] for units in removed]

    def impossible(self, removed: frozenset[Unit]) -> bool:
        """Return True where nothing would be left of what is judged: it has no value, and no call is made for it."""
        return self._judged_turn(self._without(removed, 0)) is None

    @property
    def full(self) -> float | None:
        """The value of the whole conversation; None where there is none, or before it was measured."""
        scalar = self._scalars.get(self.key(frozenset()))
        return scalar.value if scalar else None

    def key(self, removed: frozenset[Unit]) -> Hashable:
        """Return a key that is the same for two sets that leave the same conversation."""
        if self.perturb == "infill":
            return removed
        return tuple((turn.role, turn.content) for turn in self._without(removed, 0))

    def _without(self, removed: frozenset[Unit], i: int) -> tuple[Turn, ...]:
        return without(self.conversation.turns, removed, self._variant(removed, i), self.scope)

    def _judged_turn(self, turns: Sequence[Turn]) -> int | None:
        """Return the index of the judged turn, of a conversation its last assistant turn; None if nothing is left."""
        last = len(turns) - 1
        if self.scope == "turn":
            return last if turns[last].content.strip() else None
        indices = range(last, -1, -1)
        return next((i for i in indices if turns[i].role == "assistant" and turns[i].content.strip()), None)

    def _variant(self, removed: frozenset[Unit], i: int) -> Mapping[Unit, str]:
        if self.perturb == "remove":
            return {}
        if self.perturb == "placeholder":
            return dict.fromkeys(removed, PLACEHOLDER)
        return {unit: fills[i % len(fills)] for unit in removed if (fills := self._fills.get(unit))}

    async def _measured(self, removed: frozenset[Unit]) -> Scalar:
        variants = range(FILLS if self.perturb == "infill" and removed else 1)
        turns = dict.fromkeys(self._without(removed, i) for i in variants)
        conversations = [replace(self.conversation, turns=variant) for variant in turns]
        scalars = await asyncio.gather(*map(self._value, conversations))
        for scalar in scalars:
            if scalar.note:
                self.note(scalar.note)
        with_value = [scalar for scalar in scalars if scalar.value is not None]
        if not with_value:
            return scalars[0]
        return replace(with_value[0], value=sum(scalar.value or 0.0 for scalar in with_value) / len(with_value))

    async def _value(self, conversation: Conversation) -> Scalar:
        turn = self._judged_turn(conversation.turns)
        if turn is None:
            return Scalar(None)
        return await self.scalarizer.value(conversation, turn)

    async def _fill(self, units: Sequence[Unit]) -> None:
        if not units or self.infiller is None:
            return
        try:
            fills = await self.infiller.infill([self._masked(unit) for unit in units], FILLS)
        except UnavailableError:
            raise
        except ModelError as error:
            self.note(f"the infiller failed: {error}; units were removed instead")
            fills = [[] for _ in units]
        if not all(fills):
            self.note(f"the infiller had nothing for {fills.count([])} units; they were removed")
        self._fills |= zip(units, fills, strict=True)

    def _masked(self, unit: Unit) -> Masked:
        content = self.conversation.turns[unit.turn].content
        start, end = core(content, unit)
        before = "".join(f"{turn.role}: {turn.content}\n" for turn in self.conversation.turns[: unit.turn])
        context = f"{before}{self.conversation.turns[unit.turn].role}: "
        return Masked(content[:start], content[start:end], content[end:], context=context)

    def note(self, note: str) -> None:
        """Add a note, once."""
        if note not in self.notes:
            self.notes.append(note)
