"""The value of a judged turn without some units of its conversation: what is attributed, and by what it is measured."""

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, runtime_checkable

from convexplain.errors import ModelError, UnavailableError
from convexplain.models.infilling import Infiller, Masked
from convexplain.text.ablation import PLACEHOLDER, without
from convexplain.text.segmentation import core
from convexplain.types import Conversation, Judgement, Question, Rubric, Unit, log_odds

from .measurement import ANSWER, TurnMeasure

Perturb = Literal["remove", "placeholder", "infill"]

FILLS = 3  # fills that are averaged over where units are infilled


@dataclass(frozen=True, slots=True)
class Scalar:
    """The value of one perturbed conversation.

    Attributes:
        value: None where there is none.
        note: why there is none, or what a reader should know of it.
        response: the response that it is the value of.
        labels: what the judge gives each label, in [0, 1]; empty where no judge was asked, or it gives none.
    """

    value: float | None
    note: str = ""
    response: str = ""
    labels: Mapping[str, float] = field(default_factory=dict, hash=False)


class Scalarizer(Protocol):
    """Makes a number of a judged turn in its conversation: what is attributed.

    Attributes:
        name: what the numbers are.
        question: whether the logged answer is kept (`rescore`) or given anew (`regenerate`).
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - said above
    @property
    def question(self) -> Question: ...  # noqa: D102

    async def value(self, conversation: Conversation, turn: int) -> Scalar:
        """The number for `conversation.turns[turn]`. Raises UnavailableError where a model is gone."""


@runtime_checkable
class WhiteBox(Protocol):
    """A scalarizer that knows, without removing anything, about how much each unit does."""

    async def gradients(self, conversation: Conversation, units: Sequence[Unit]) -> list[float] | None:
        """How much each unit raises the value of the last turn, to first order; None where that cannot be had."""


@dataclass(slots=True)
class JudgeValue:
    """The judge's score of the turn: its log-odds where it comes from label probabilities, which saturate near 0 and 1.

    Attributes:
        measure: judge and responder.
        rubric: the maxim.
        first: the judgement of the turn that was measured first; it settles the scale.
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
        """The score on the scale that the first one settled."""
        found = await self.measure.turn(conversation, turn, self.rubric)
        if self.first is None:
            self.first = found.judgement
        if found.score is None:
            return Scalar(None, found.note, found.response)
        note = f"a regenerated answer was cut after {ANSWER} tokens" if found.cut else ""
        labels = found.judgement.evidence.probabilities if found.judgement else {}
        return Scalar(log_odds(found.score) if self.name == "log_odds" else found.score, note, found.response, labels)


@dataclass(slots=True)
class TurnValues:
    """Values of one judged turn without some units of its conversation.

    Attributes:
        conversation: up to the judged turn.
        scalarizer: what the value is.
        perturb: what becomes of a removed unit.
        infiller: fills the places of removed units, with `infill`.
        notes: what a reader should know of the values.
    """

    conversation: Conversation
    scalarizer: Scalarizer
    perturb: Perturb = "remove"
    infiller: Infiller | None = None
    notes: list[str] = field(default_factory=list)
    _fills: dict[Unit, list[str]] = field(default_factory=dict)
    _known: dict[Hashable, Scalar] = field(default_factory=dict)

    async def values(self, removed: Sequence[frozenset[Unit]]) -> list[float | None]:
        """The value without each of these sets, all asked for at once; None where there is none."""
        return [found.value for found in await self.measured(removed)]

    async def measured(self, removed: Sequence[frozenset[Unit]]) -> list[Scalar]:
        """As `values`, with what else was measured; of several fills the mean value, else what the first gave."""
        if self.perturb == "infill":
            await self._fill(sorted(set().union(*removed) - set(self._fills), key=lambda u: (u.turn, u.start)))
        new = {key: some for some in removed if (key := self.key(some)) not in self._known}
        found = await asyncio.gather(*map(self._measured, new.values()))
        self._known |= zip(new, found, strict=True)
        return [self._known[self.key(some)] for some in removed]

    def impossible(self, removed: frozenset[Unit]) -> bool:
        """Whether nothing would be left of the judged turn: there is no value, and nothing is asked for it."""
        return not without(self.conversation.turns, removed, self._variant(removed, 0))[-1].content.strip()

    @property
    def full(self) -> float | None:
        """The value of the whole conversation; None where there is none, or before it was measured."""
        whole = self._known.get(self.key(frozenset()))
        return whole.value if whole else None

    def key(self, removed: frozenset[Unit]) -> Hashable:
        """What two sets have in common that leave the same conversation."""
        if self.perturb == "infill":
            return removed
        turns = without(self.conversation.turns, removed, self._variant(removed, 0))
        return tuple((turn.role, turn.content) for turn in turns)

    def _variant(self, removed: frozenset[Unit], i: int) -> Mapping[Unit, str]:
        if self.perturb == "remove":
            return {}
        if self.perturb == "placeholder":
            return dict.fromkeys(removed, PLACEHOLDER)
        return {unit: fills[i % len(fills)] for unit in removed if (fills := self._fills.get(unit))}

    async def _measured(self, removed: frozenset[Unit]) -> Scalar:
        variants = range(FILLS if self.perturb == "infill" and removed else 1)
        turns = dict.fromkeys(without(self.conversation.turns, removed, self._variant(removed, i)) for i in variants)
        found = await asyncio.gather(*(self._one(replace(self.conversation, turns=some)) for some in turns))
        for one in found:
            if one.note:
                self.note(one.note)
        known = [one for one in found if one.value is not None]
        if not known:
            return found[0]
        return replace(known[0], value=sum(one.value or 0.0 for one in known) / len(known))

    async def _one(self, conversation: Conversation) -> Scalar:
        turn = len(conversation.turns) - 1
        if not conversation.turns[turn].content.strip():
            return Scalar(None)  # nothing is left of the judged turn
        return await self.scalarizer.value(conversation, turn)

    async def _fill(self, units: Sequence[Unit]) -> None:
        if not units or self.infiller is None:
            return
        try:
            found = await self.infiller.infill([self._masked(unit) for unit in units], FILLS)
        except UnavailableError:
            raise
        except ModelError as error:
            self.note(f"the infiller failed: {error}; units were removed instead")
            found = [[] for _ in units]
        if not all(found):
            self.note(f"the infiller had nothing for {sum(not fills for fills in found)} units; they were removed")
        self._fills |= zip(units, found, strict=True)

    def _masked(self, unit: Unit) -> Masked:
        content = self.conversation.turns[unit.turn].content
        start, end = core(content, unit)
        before = "".join(f"{turn.role}: {turn.content}\n" for turn in self.conversation.turns[: unit.turn])
        rest = f"{before}{self.conversation.turns[unit.turn].role}: "
        return Masked(content[:start], content[start:end], content[end:], rest=rest)

    def note(self, note: str) -> None:
        """Adds a note, once."""
        if note not in self.notes:
            self.notes.append(note)
