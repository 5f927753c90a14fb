"""Contributions of units to scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .contrasts import Question
from .scores import SCORE_SCALARIZERS, score_of
from .units import Level, Unit

AttributionLevel = Level | Literal["mixed"]


@dataclass(frozen=True, slots=True)
class Interaction:
    """A pair of units that do more or less together than the sum of the two.

    Attributes:
        units: places of the two among the units that were attributed to, in order.
        value: by how much the pair together raises the value beyond the sum of the two. Positive = each needs the other
            (complementary); negative = either is enough (redundant), for units that raise the value; for units that
            lower it, the other way round. A mean over texts with and without the other units.
        fitted: the fitted values of the whole text, without the first of the two, without the second, and without both;
            None in attributions that were stored before there were such values.
    """

    units: tuple[int, int]
    value: float
    fitted: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Attribution:
    """The attribution of a judged turn's value to units of one level.

    Attributes:
        conversation_id, turn, rubric: the judged turn; `rubric` is empty where no judge was asked.
        question: `rescore` (the logged answer in a conversation without some units) or `regenerate` (the responder's
            answer to it).
        method: the attribution method's name.
        level: what one unit is; `mixed` where the units are of several levels, in one ranking. Units have their own
            levels: of a reply that the finest level does not divide there are finer ones.
        scalarizer: the name of the values: `log_odds` of the judge's score, the `score` itself, or another
            scalarizer's.
        units: the units that were attributed to, in the order of the text.
        scores: one a unit, on the scale of the values; positive = the unit raises the value; None where that could not
            be had.
        side: 1 where the units that raise the value explain the turn (it is on the good side of the threshold), -1
            where those do that lower it.
        full: the value of the unchanged turn; None where there is none.
        baseline: the value without all units of the coarsest level that lie before the judged turn; None where it was
            not evaluated.
        score: the judge's score of the unchanged turn in [0, 1]; None where there is none.
        noise: a smaller difference between two scores of this judge may be noise; None where no judge was asked.
        chosen: `joint` only: places in `units` of those that together move the value most.
        drop: `joint` only: the loss of value without them, counted toward `side`.
        perturbed: what was done to a removed unit: `remove`, `placeholder` or `infill`.
        calls: perturbed conversations that were evaluated for this level; the unchanged one is not counted.
        failed: those of them that have no value.
        seconds: the duration of all levels together.
        judge, responder: the models' names.
        notes: further remarks for readers.
        target: the span of the reply whose value is attributed; empty where it is that of the reply.
        interactions: `surrogate` only: pairs of units that do more or less together than the sum of the two, at most
            five, the largest first.
        values_alone: for each unit the measured value without it and with all others; None where that was not
            evaluated, and empty in attributions that were stored before there were such values.
    """

    conversation_id: str
    turn: int
    rubric: str
    question: Question
    method: str
    level: AttributionLevel
    scalarizer: str
    units: tuple[Unit, ...]
    scores: tuple[float | None, ...]
    side: int
    full: float | None
    baseline: float | None
    score: float | None
    noise: float | None
    chosen: tuple[int, ...]
    drop: float | None
    perturbed: str
    calls: int
    failed: int
    seconds: float
    judge: str
    responder: str | None
    notes: tuple[str, ...] = ()
    target: str = ""
    interactions: tuple[Interaction, ...] = ()
    values_alone: tuple[float | None, ...] = ()

    @property
    def of_score(self) -> bool:
        """True where the judge's score is attributed, and not another scalarizer's value."""
        return self.scalarizer in SCORE_SCALARIZERS

    @property
    def of_reply_score(self) -> bool:
        """True where the judge's score of the reply is attributed, and not that of a span of it."""
        return self.of_score and not self.target

    @property
    def scores_without(self) -> tuple[float | None, ...]:
        """For each unit the value without it alone, in [0, 1] where it is the judge's score.

        It is the measured one where it was evaluated, else that by the unit's attribution.
        """
        measured = self.values_alone or (None,) * len(self.units)
        return tuple(
            fitted if value is None or fitted is None else self.value_of(value)
            for value, fitted in zip(measured, self._fitted_without, strict=True)
        )

    @property
    def noisy(self) -> tuple[bool, ...]:
        """For each unit True where its effect on the score is within the noise, alone and by the attribution."""
        fitted, without = self._within_noise(self._fitted_without), self._within_noise(self.scores_without)
        return tuple(small and alone for small, alone in zip(fitted, without, strict=True))

    @property
    def needs_others(self) -> tuple[bool, ...]:
        """For each unit True where its effect is beyond the noise, but the score without it alone is not.

        Such a unit counts only together with others: where either of two is enough, the attribution divides what both
        do between them, and leaving out one changes nothing.
        """
        fitted, without = self._within_noise(self._fitted_without), self._within_noise(self.scores_without)
        return tuple(alone and not small for small, alone in zip(fitted, without, strict=True))

    @property
    def _fitted_without(self) -> tuple[float | None, ...]:
        full = self.full
        return tuple(None if full is None or score is None else self.value_of(full - score) for score in self.scores)

    def _within_noise(self, values: Sequence[float | None]) -> tuple[bool, ...]:
        if self.noise is None or self.score is None:
            return (False,) * len(self.units)
        return tuple(value is not None and abs(self.score - value) < self.noise for value in values)

    def value_of(self, value: float | None) -> float | None:
        """Return a value as people read it: of the judge's score in [0, 1], though a fit may go beyond."""
        return None if value is None else score_of(value, self.scalarizer)
