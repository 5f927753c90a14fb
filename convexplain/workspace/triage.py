"""The queue of turns that people label, and how far their labels have come."""

import re
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from statistics import fmean
from typing import Any

import numpy as np

from convexplain.agreement import Draws, auc, weighted_kappa
from convexplain.agreement.bootstrap import MIN_DIALOGUES
from convexplain.agreement.triage import Flags, Numbers, Pick, Stratum, draw_numbers, random_sample, triage
from convexplain.agreement.usefulness import MIN_LABELLED
from convexplain.analysis.themes.theme import Place
from convexplain.errors import UsageError
from convexplain.explain.wording import counted
from convexplain.fidelity import Estimate
from convexplain.store import RunStore, ScoredTurn, keep_turn_rating, scored_turns
from convexplain.store.triage import PersonLabel, person_labels, triage_scores
from convexplain.text.visible import one_line
from convexplain.types import Rating, Rubric

from .results import AnalyzedRun

_LONGEST = 60  # characters of a reviewer's name
_NOT_BOTH = "there is no good or no bad labelled turn"
_SAME = "all labels are the same"


@dataclass(frozen=True, slots=True)
class TriageTurn:
    """A turn of the queue, and why it is there: `random`, `lowest` or `uncertain`; None for a second label."""

    judged: ScoredTurn
    stratum: Stratum | None

    @property
    def place(self) -> Place:
        """Return the conversation's number in the store, and the turn's index."""
        return self.judged.number, self.judged.turn


@dataclass(frozen=True, slots=True)
class TriageQueue:
    """The turns that a person labels next.

    Attributes:
        run: the run's number.
        rubric: the maxim.
        turns: the next turns, in this order.
        remaining: all turns that may come, these among them.
        middle: scores near it count as uncertain: the threshold, or the median where scores only sort turns.
    """

    run: int
    rubric: Rubric
    turns: tuple[TriageTurn, ...]
    remaining: int
    middle: float


@dataclass(frozen=True, slots=True)
class LabelProgress:
    """The state of people's labels of a run on a maxim, and what they say so far.

    Attributes:
        rubric: the maxim's id.
        good, bad: scored turns that people call good, and bad, by the mean of their labels.
        conversations: the conversations of these turns.
        agreement: the judge's AUC on them, 0.5 = chance.
        sample: the judge's AUC on those that are a random sample of all scored turns.
        raters: Cohen's kappa of the reviewer and other people, weighted; n counts pairs of labels of one turn.
    """

    rubric: str
    good: int
    bad: int
    conversations: int
    agreement: Estimate
    sample: Estimate
    raters: Estimate

    @property
    def labelled(self) -> int:
        """Return the number of labelled turns."""
        return self.good + self.bad

    @property
    def missing(self) -> int:
        """Return how many more labels `validate` needs at least; 0 where they are enough."""
        of_both = max(0, MIN_LABELLED - self.good) + max(0, MIN_LABELLED - self.bad)
        return max(of_both, MIN_DIALOGUES - self.conversations)

    @property
    def sentence(self) -> str:
        """Return in words what is missing."""
        if not self.missing:
            return f"There are enough labels to validate {self.rubric}. More of them make the result surer."
        kinds = ((MIN_LABELLED - self.good, "good"), (MIN_LABELLED - self.bad, "bad"))
        parts = [counted(count, f"{kind} turn") for count, kind in kinds if count > 0]
        if (count := MIN_DIALOGUES - self.conversations) > 0:
            parts.append(counted(count, "more conversation"))
        labels = f"{counted(self.missing, 'more label')} {'is' if self.missing == 1 else 'are'} needed"
        return f"At least {labels} to validate {self.rubric}: {', '.join(parts)}."

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {**asdict(self), "missing": self.missing}


class RunLabels:
    """The scored turns of a run on a maxim, read once, and people's labels of them, read at every call.

    Args:
        run: the run.
        rubric: the maxim.
    """

    def __init__(self, run: AnalyzedRun, rubric: Rubric) -> None:
        self.run, self.rubric = run, rubric
        self._places = triage_scores(run.store, run.id, rubric)
        self._index = {(turn.number, turn.turn): i for i, turn in enumerate(self._places)}
        self._scores = np.array([turn.score for turn in self._places], dtype=np.float64)
        self._draws = self._numbers("")

    @property
    def middle(self) -> float:
        """Return the score near which turns are uncertain: the threshold, or the median where scores only sort."""
        flags = self.run.marks[self.rubric.id].flags or not len(self._scores)
        return self.rubric.threshold if flags else float(np.median(self._scores))

    def queue(self, reviewer: str, limit: int, *, second: bool = False, skip: Collection[Place] = ()) -> TriageQueue:
        """Return the turns that a reviewer labels next, as `AsyncWorkspace.triage` does."""
        open_turns, spread = self._open(reviewer, second=second, skip=skip), self._numbers(reviewer)
        if second:
            chosen = np.flatnonzero(open_turns)
            picks = [Pick(int(index), None) for index in chosen[np.argsort(spread[chosen])][:limit]]
        else:
            picks = list(islice(triage(self._scores, self._draws, spread, open_turns, self.middle), limit))
        turns = scored_turns(self.run.store, self.rubric, [self._places[pick.index].place for pick in picks])
        next_turns = tuple(TriageTurn(turn, pick.stratum) for turn, pick in zip(turns, picks, strict=True))
        return TriageQueue(self.run.id, self.rubric, next_turns, int(open_turns.sum()), self.middle)

    def progress(self, reviewer: str = "") -> LabelProgress:
        """Return how far the labels have come, as `AsyncWorkspace.label_progress` does."""
        labels = self._labels()
        humans = {self._index[place]: fmean(label.score for label in rated) for place, rated in labels.items()}
        labelled = np.zeros(len(self._scores), dtype=np.bool_)
        labelled[list(humans)] = True
        good = sum(human >= self.rubric.threshold for human in humans.values())
        return LabelProgress(
            rubric=self.rubric.id,
            good=good,
            bad=len(humans) - good,
            conversations=len({number for number, _ in labels}),
            agreement=self._auc(humans, list(humans)),
            sample=self._auc(humans, random_sample(self._draws, labelled).tolist()),
            raters=_kappa(labels, reviewer),
        )

    def _labels(self) -> dict[Place, list[PersonLabel]]:
        """Return people's labels of scored turns, by the turn."""
        labels: dict[Place, list[PersonLabel]] = {}
        for label in person_labels(self.run.store, self.run.id, self.rubric.id):
            if (label.number, label.turn) in self._index:
                labels.setdefault((label.number, label.turn), []).append(label)
        return labels

    def _open(self, reviewer: str, *, second: bool, skip: Collection[Place]) -> Flags:
        """Return the turns without any label; for a second one those that only other people have labelled."""
        open_turns = np.full(len(self._scores), not second)
        for place, labels in self._labels().items():
            open_turns[self._index[place]] = second and all(label.rater != reviewer for label in labels)
        open_turns[[self._index[place] for place in skip if place in self._index]] = False
        return open_turns

    def _numbers(self, reviewer: str) -> Numbers:
        """Return a random number for each turn: the same in all runs on a log."""
        seed = zlib.crc32(f"{self.rubric.id} {reviewer}".encode())
        return draw_numbers([turn.number for turn in self._places], [turn.turn for turn in self._places], seed)

    def _auc(self, humans: Mapping[int, float], rows: Sequence[int]) -> Estimate:
        good = np.array([humans[row] >= self.rubric.threshold for row in rows], dtype=np.bool_)
        return Draws([self._places[row].number for row in rows]).estimate(auc(self._scores[rows], good), _NOT_BOTH)


def _kappa(labels: Mapping[Place, Sequence[PersonLabel]], reviewer: str) -> Estimate:
    """Return the weighted kappa of a reviewer's labels and those that other people gave to the same turns."""
    pairs = [
        (number, rating.score, label.score)
        for (number, _), rated in labels.items()
        for rating in rated
        if rating.rater == reviewer
        for label in rated
        if label.rater != reviewer
    ]
    if not pairs:
        return Estimate(None, None, None, 0)
    first, second = (np.array([pair[side] for pair in pairs], dtype=np.float64) for side in (1, 2))
    return Draws([number for number, _, _ in pairs]).estimate(weighted_kappa(first, second), _SAME)


def reviewer_name(text: str) -> str:
    """Return a reviewer's name in the form that the store keeps.

    Raises:
        UsageError: the name is empty or too long.
    """
    name = one_line(text)
    if not re.search(r"\w", name) or len(name) > _LONGEST:
        raise UsageError(f"reviewer {name[:_LONGEST]!r} is not valid; write a name of 1 to {_LONGEST} characters")
    return name


def keep_label(store: RunStore, turn: ScoredTurn, label: str | float, reviewer: str, note: str | None) -> Rating:
    """Keep a person's label of a turn, as `AsyncWorkspace.label` does."""
    names = {choice.name: choice.value for choice in turn.rubric.labels}
    if isinstance(label, str):
        if label not in names:
            raise UsageError(f"label={label!r} is not valid; valid are: {', '.join(names)}, or a number in [0, 1]")
        score, word = names[label], label
    elif 0 <= label <= 1:
        score, word = float(label), None
    else:
        raise UsageError(f"label={label!r} is not valid; valid are: {', '.join(names)}, or a number in [0, 1]")
    text = note.strip() if note else ""
    rating = Rating(turn.conversation.id, turn.turn, turn.rubric.id, score, reviewer_name(reviewer), word, text or None)
    keep_turn_rating(store, turn.number, rating)
    return rating
