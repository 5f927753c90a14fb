"""Agreement of a student, a small judge with a trained head, with its teacher, and what each of them costs."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from convexplain.agreement import Draws, auc, format_estimate, positive_rows, spearman
from convexplain.fidelity import Estimate
from convexplain.models.chat import Spend

from .head_fit import Floats

AFTER, BEFORE, LENGTH, TEACHER = "after", "before", "length", "teacher"
"""Names of what is compared: the student with the new head, with the head that its model brings, the reply's number of
words, and the teacher."""


@dataclass(frozen=True, slots=True)
class OrderAgreement:
    """Agreement of scores with reference scores in order.

    Attributes:
        spearman: Spearman's rank correlation, in [-1, 1]; 1 is the same order.
        auc: chance that a turn with a good reference score is above one with a bad one, in [0, 1]; 0.5 is chance.
    """

    spearman: Estimate
    auc: Estimate


@dataclass(frozen=True, slots=True)
class HeldOutAgreement:
    """Agreement with the teacher, or with people, on held-out turns; all of them are measured on the same turns.

    Attributes:
        turns, dialogues: how many there are.
        good: the rule by which a reference score is good.
        by_name: `after`, and `before`, `length` and `teacher` where they are measured.
        gain: Spearman of `after` less that of `before`; None where the student had no head before.
    """

    turns: int
    dialogues: int
    good: str
    by_name: Mapping[str, OrderAgreement]
    gain: Estimate | None

    @property
    def after(self) -> OrderAgreement:
        """Return the agreement of the student with its new head."""
        return self.by_name[AFTER]

    @property
    def before(self) -> OrderAgreement | None:
        """Return the agreement of the student with the head that its model brings; None without one."""
        return self.by_name.get(BEFORE)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values, rounded to four decimals."""
        return {
            "turns": self.turns,
            "dialogues": self.dialogues,
            "good": self.good,
            **{
                name: {"spearman": _body(agreement.spearman), "auc": _body(agreement.auc)}
                for name, agreement in self.by_name.items()
            },
            "gain": None if self.gain is None else _body(self.gain),
        }


def held_out_agreement(
    reference: Floats,
    scores: Mapping[str, Floats],
    dialogues: Sequence[Hashable],
    threshold: float,
    seed: int = 0,
) -> HeldOutAgreement:
    """Measure how far scores agree with reference scores, with 95 % intervals over dialogues.

    Args:
        reference: the teacher's scores or people's means, one a turn, in [0, 1].
        scores: names to scores of the same turns; `after` is among them.
        dialogues: the dialogue of each turn.
        threshold: the rubric's, which tells good reference scores from bad ones.
        seed: of the intervals.
    """
    draws = Draws(dialogues, seed)
    good, rule = positive_rows(reference, threshold)
    by_name = {
        name: OrderAgreement(
            draws.estimate(spearman(values, reference), "scores are all the same"), draws.estimate(auc(values, good))
        )
        for name, values in scores.items()
    }
    gain = None
    if BEFORE in scores:
        after, before = spearman(scores[AFTER], reference), spearman(scores[BEFORE], reference)
        gain = draws.estimate(lambda weights: after(weights) - before(weights))
    return HeldOutAgreement(
        len(reference), draws.groups, rule.replace("people's mean", "reference score"), by_name, gain
    )


def is_above_zero(estimate: Estimate | None) -> bool:
    """Return whether a value is above 0 with its whole interval."""
    return estimate is not None and estimate.low is not None and estimate.low > 0


def verdict(agreement: HeldOutAgreement, teacher: str) -> str:
    """Return in words whether the student follows its teacher, and whether better than before.

    Args:
        agreement: with the teacher.
        teacher: its name.
    """
    after, before = agreement.after.spearman, agreement.before
    figure = f"Spearman {format_estimate(after)} on {agreement.turns:,} turns of {agreement.dialogues:,} dialogues"
    if after.value is None:
        return f"Whether it follows {teacher} could not be measured: {after.reason}."
    if not is_above_zero(after):
        reason = after.reason or "the interval holds 0"
        return f"It does not follow {teacher}: {figure}; {reason}. Do not judge with it."
    length = agreement.by_name[LENGTH].spearman.value if LENGTH in agreement.by_name else None
    if length is not None and abs(length) >= after.value:
        return f"It follows {teacher} no better than the length of the reply does ({length:+.2f}): {figure}."
    if before is None:
        return f"It follows {teacher}: {figure}."
    earlier = f"{format_estimate(before.spearman)} with the head before"
    if not is_above_zero(agreement.gain):
        return f"It follows {teacher}, but not shown to be better than before: {figure}, and {earlier}."
    return f"It follows {teacher}: {figure}, and {earlier}."


def verdict_of_people(agreement: HeldOutAgreement) -> str:
    """Return in words whether student and teacher agree with people.

    Args:
        agreement: with people; of the student and of the teacher.
    """
    after, before, teacher = agreement.after, agreement.before, agreement.by_name[TEACHER]
    figures = f"Spearman {format_estimate(after.spearman)}, and its teacher {format_estimate(teacher.spearman)}"
    if (
        before is not None
        and agreement.gain is not None
        and agreement.gain.high is not None
        and agreement.gain.high < 0
    ):
        earlier = format_estimate(before.spearman)
        return f"With people it agrees less than the head before, {earlier}: {figures}. Do not judge with it."
    if not is_above_zero(teacher.spearman):
        return f"With people: {figures}. The teacher is not shown to agree with people."
    return f"With people: {figures}."


@dataclass(frozen=True, slots=True)
class JudgingCost:
    """Cost of 1,000 turns on one maxim.

    Attributes:
        calls: calls to the model.
        seconds: of the model, summed over its calls; None where no call was made, since all replies were in the cache.
        tokens: of prompts and replies, as the model counts them; None likewise, or where it counts none.
    """

    calls: float
    seconds: float | None
    tokens: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {name: None if value is None else round(value, 1) for name, value in asdict(self).items()}


def judging_cost(spend: Spend, judgements: int) -> JudgingCost:
    """Return the cost of 1,000 turns on one maxim, from that of so many judgements.

    Replies from the cache count as calls; seconds and tokens are those of the calls that were really made.
    """
    calls = 1000 * (spend.calls + spend.cached) / max(judgements, 1)
    if not spend.calls:
        return JudgingCost(calls, None, None)
    tokens = spend.prompt_tokens + spend.completion_tokens
    return JudgingCost(calls, calls * spend.seconds / spend.calls, calls * tokens / spend.calls if tokens else None)


def share_of_cost(student: JudgingCost, teacher: JudgingCost) -> float | None:
    """Return the student's seconds as a share of the teacher's; None where one of them is not measured."""
    if student.seconds is None or not teacher.seconds:
        return None
    return student.seconds / teacher.seconds


def _body(estimate: Estimate) -> dict[str, Any]:
    return {
        key: round(value, 4) if isinstance(value, float) and np.isfinite(value) else value
        for key, value in asdict(estimate).items()
        if value is not None
    }
