"""A lesson: from a teacher's scores of a sample and a student's features to a head with its card, for each maxim."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convexplain.agreement import LabelledTurn
from convexplain.agreement.validation import RunJudgements
from convexplain.errors import UsageError
from convexplain.judges.distillation import (
    AFTER,
    BEFORE,
    LENGTH,
    TEACHER,
    HeldOutAgreement,
    JudgingCost,
    held_out_agreement,
    share_of_cost,
    verdict,
    verdict_of_people,
)
from convexplain.judges.head_fit import MIN_EXAMPLES, Floats
from convexplain.judges.head_training import RECIPE, TrainingSource, TurnKey, make_head
from convexplain.judges.heads import Head, head_of
from convexplain.judges.turn_samples import MIN_TURNS
from convexplain.models.chat import ChatModel
from convexplain.types import Conversation, Rating, Rubric

from .distillation_results import DistilledHead
from .labels import LabelSet

_REASONS = 3  # that an error names

Features = Mapping[TurnKey, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Lesson:
    """Everything that heads learn from.

    Attributes:
        teacher: the teacher's name, without secrets.
        judgements: the teacher's, of the sample.
        model: the student's model.
        features: what the student has read, by turn.
        held_out: turns of the sample that nothing is learnt from.
        training: the remaining turns of the sample.
        group: returns the dialogue of a conversation.
        labels: people's labels, which nothing is learnt from; None without.
        costs: of 1,000 turns on one maxim, of `teacher` and `student`.
        card: further fields of the heads' cards.
        seed: of the intervals.
    """

    teacher: str
    judgements: RunJudgements
    model: ChatModel
    features: Features
    held_out: Sequence[TurnKey]
    training: Sequence[TurnKey]
    group: Callable[[Conversation], Hashable]
    labels: LabelSet | None
    costs: Mapping[str, JudgingCost]
    card: Mapping[str, Any]
    seed: int = 0

    def learn(self, rubric: Rubric) -> DistilledHead:
        """Fit a head for a maxim to the teacher's scores, and measure it on the held-out turns.

        Raises:
            UsageError: the teacher scored too few turns, or gave all the same score.
        """
        scores, unscored = self._scores(rubric)
        training = [key for key in self.training if key in scores]
        held_out = [key for key in self.held_out if key in scores]
        self._check(scores, training, held_out, unscored)
        source = TrainingSource(self.teacher, [_labelled(key, rubric, scores[key]) for key in training])
        start = brought_head(self.model, rubric)
        head = make_head(rubric, self.model, [source], self.features, self.group, start=start, card=self.card)
        layers = {AFTER: head} if start is None else {AFTER: head, BEFORE: start}
        with_teacher = self._agreement(rubric, layers, held_out, np.array([scores[key] for key in held_out]), {})
        with_people = self._agreement_with_people(rubric, layers, held_out, scores)
        words = verdict(with_teacher, self.teacher)
        words += "" if with_people is None else f" {verdict_of_people(with_people)}"
        share = share_of_cost(self.costs["student"], self.costs["teacher"])
        card = {
            **head.card,
            "summary": words,
            "turns_asked": len(self.held_out) + len(self.training),
            "unscored": dict(unscored),
            "training_turns": len(training),
            "with_teacher": with_teacher.to_dict(),
            "with_people": None if with_people is None else with_people.to_dict(),
            "cost_per_1000_turns": {name: cost.to_dict() for name, cost in self.costs.items()},
            "share_of_teacher_seconds": None if share is None else float(f"{share:.3g}"),
        }
        return DistilledHead(replace(head, card=card), with_teacher, with_people, words, unscored)

    def _scores(self, rubric: Rubric) -> tuple[dict[TurnKey, float], Counter[str]]:
        """Return the teacher's scores, and for each reason the number of turns without one."""
        scores: dict[TurnKey, float] = {}
        unscored: Counter[str] = Counter()
        for key in (*self.held_out, *self.training):
            judgement = self.judgements.judgement(*key, rubric.id)
            if judgement is not None and judgement.score is not None:
                scores[key] = judgement.score
            else:
                unscored[(judgement and judgement.reason) or "no judgement"] += 1
        return scores, unscored

    def _check(
        self,
        scores: Mapping[TurnKey, float],
        training: Sequence[TurnKey],
        held_out: Sequence[TurnKey],
        unscored: Counter[str],
    ) -> None:
        if len(scores) < MIN_TURNS or not held_out:
            raise UsageError(
                f"{self.teacher} scored {len(scores):,} of {len(scores) + unscored.total():,} turns; at least "
                f"{MIN_TURNS} are needed, held-out ones among them{most_frequent(unscored)}"
            )
        values = {scores[key] for key in training}
        if len(values) == 1:
            raise UsageError(
                f"{self.teacher} gave all {len(training):,} training turns the same score, {min(values):g}: nothing "
                "can be learnt from that"
            )

    def _agreement_with_people(
        self,
        rubric: Rubric,
        layers: Mapping[str, Head],
        held_out: Sequence[TurnKey],
        scores: Mapping[TurnKey, float],
    ) -> HeldOutAgreement | None:
        """Return the agreement with people on the held-out turns that they have labelled; None where these are few."""
        if self.labels is None:
            return None
        people = {(turn.conversation, turn.turn): turn.human for turn in self.labels.labelled(rubric)}
        labelled = [key for key in held_out if key in people]
        if len(labelled) < MIN_EXAMPLES:
            return None
        teacher = {TEACHER: np.array([scores[key] for key in labelled])}
        return self._agreement(rubric, layers, labelled, np.array([people[key] for key in labelled]), teacher)

    def _agreement(
        self,
        rubric: Rubric,
        layers: Mapping[str, Head],
        keys: Sequence[TurnKey],
        reference: Floats,
        teacher: Mapping[str, Floats],
    ) -> HeldOutAgreement:
        scores = {
            name: np.array([layer.score(self.features[key]) for key in keys], dtype=np.float64)
            for name, layer in layers.items()
        }
        words = np.array([len(talk.turns[turn].content.split()) for talk, turn in keys], dtype=np.float64)
        groups = [self.group(talk) for talk, _ in keys]
        return held_out_agreement(reference, {**scores, **teacher, LENGTH: words}, groups, rubric.threshold, self.seed)


def brought_head(model: ChatModel, rubric: Rubric) -> Head | None:
    """Return the head of the student that is corrected; None where it brings none that reads the same features."""
    head = head_of(model, rubric)
    return head if head is not None and head.recipe == RECIPE else None


def most_frequent(reasons: Counter[str]) -> str:
    """Return the most frequent reasons with their counts, in brackets after a space; empty without any."""
    named = "; ".join(f"{count:,} x {reason}" for reason, count in reasons.most_common(_REASONS))
    return f" ({named})" if named else ""


def _labelled(key: TurnKey, rubric: Rubric, score: float) -> LabelledTurn:
    conversation, turn = key
    return LabelledTurn(conversation, turn, (Rating(conversation.id, turn, rubric.id, score, "teacher"),))
