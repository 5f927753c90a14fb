"""The turns that people have labelled, the scores that are held against the labels, and the measures of both."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convexplain.types import Conversation, Rating

from .bootstrap import Floats, Statistic
from .ranks import MIN_ROWS, auc, halves, kendall, spearman
from .reliability import bias, brier, ece
from .sides import kappa, levels, nearest, share, weighted_kappa

Best = Literal["high", "low", "zero"]


@dataclass(frozen=True, slots=True)
class LabelledTurn:
    """An assistant turn that people have labelled on one rubric.

    Attributes:
        conversation, turn: which.
        ratings: what they said; at least one.
    """

    conversation: Conversation
    turn: int
    ratings: tuple[Rating, ...]

    @property
    def human(self) -> float:
        """The mean of what people said, in [0, 1]; rounded so that equal means are equal numbers."""
        return round(fmean(rating.score for rating in self.ratings), 12)

    @property
    def words(self) -> int:
        """How long the turn is."""
        return len(self.conversation.turns[self.turn].content.split())


def group_of(conversation: Conversation, key: str | None = None) -> Hashable:
    """What a conversation is drawn together with: the same dialogue.

    Args:
        conversation: a conversation; where a log has a record for each turn, several of them are one dialogue.
        key: the name in the conversation's metadata (or in an object `meta` in it) that tells; None = `dialogue`, or
            else the pair that it is one of, of its source. Without it each conversation is a dialogue of its own.
    """
    name = "dialogue" if key is None else key
    if (value := dialogue_of(conversation, name)) is not None:
        return name, value
    if key is None and (pair := dialogue_of(conversation, "pair")) is not None:
        return "pair", conversation.source, pair
    return "id", conversation.source, conversation.id


def dialogue_of(conversation: Conversation, key: str) -> str | float | None:
    """The word or number under a key of the metadata, or of an object `meta` in it; None where there is none."""
    inner = conversation.metadata.get("meta")
    known = {**inner, **conversation.metadata} if isinstance(inner, Mapping) else conversation.metadata
    value = known.get(key)
    return value if isinstance(value, str | int | float) else None


@dataclass(frozen=True, slots=True)
class Table:
    """Labelled turns with the scores of one judge, or with numbers that a baseline has for them.

    Attributes:
        scores: one a turn.
        humans: the mean of people, one a turn.
        threshold: of the rubric.
        steps: the levels on which people rate.
        on_scale: whether the scores are scores in [0, 1]; a baseline's are only an order.
        cut: the judge flags turns below it, if that is another threshold than the rubric's.
    """

    scores: Floats
    humans: Floats
    threshold: float
    steps: tuple[float, ...]
    on_scale: bool = True
    cut: float | None = None

    def among(self, rows: NDArray[np.bool_]) -> "Table":
        """Some of its turns."""
        return Table(self.scores[rows], self.humans[rows], self.threshold, self.steps, self.on_scale, self.cut)

    @property
    def good(self) -> tuple[NDArray[np.bool_], str]:
        """Which turns people call good, and by which rule."""
        return halves(self.humans, self.threshold)

    @property
    def judge_bad(self) -> NDArray[np.bool_]:
        """Which turns the judge puts below its threshold."""
        return self.scores < self.flags_below

    @property
    def flags_below(self) -> float:
        """The judge's threshold."""
        return self.threshold if self.cut is None else self.cut

    @property
    def people_bad(self) -> NDArray[np.bool_]:
        """Which turns people put there."""
        return self.humans < self.threshold


def _sides(table: Table) -> Statistic:
    return kappa(table.judge_bad.astype(np.float64), table.people_bad.astype(np.float64))


def _levels(table: Table, measure: Callable[[Floats, Floats], Statistic]) -> Statistic:
    return measure(nearest(table.scores, table.steps), nearest(table.humans, table.steps))


@dataclass(frozen=True, slots=True)
class Measure:
    """One number for how far a judge agrees with people.

    Attributes:
        name: its key in `agreement.json`.
        title: what people call it.
        best: which end is good; `zero` = the nearer to 0 the better.
        of: what computes it.
        on_scale: it needs scores in [0, 1], and not only an order.
    """

    name: str
    title: str
    best: Best
    of: Callable[[Table], Statistic]
    on_scale: bool = True

    @property
    def digits(self) -> int:
        """How many are shown: errors are small numbers."""
        return 2 if self.best == "high" else 3


MEASURES: tuple[Measure, ...] = (
    Measure("spearman", "Spearman", "high", lambda t: spearman(t.scores, t.humans), on_scale=False),
    Measure("kendall", "Kendall's tau-b", "high", lambda t: kendall(t.scores, t.humans), on_scale=False),
    Measure("auc", "AUC", "high", lambda t: auc(t.scores, t.good[0]), on_scale=False),
    Measure("kappa", "kappa, sides", "high", _sides),
    Measure("kappa_levels", "kappa, levels", "high", lambda t: _levels(t, kappa)),
    Measure("weighted_kappa", "weighted kappa, levels", "high", lambda t: _levels(t, weighted_kappa)),
    Measure("brier", "Brier", "low", lambda t: brier(t.scores, t.humans)),
    Measure("ece", "ECE", "low", lambda t: ece(t.scores, t.humans)),
    Measure("bias", "judge - people", "zero", lambda t: bias(t.scores, t.humans)),
    Measure("precision", "precision of flags", "high", lambda t: share(t.judge_bad, t.people_bad)),
    Measure("recall", "recall of flags", "high", lambda t: share(t.people_bad, t.judge_bad)),
)


def undefined(measure: Measure, table: Table) -> str | None:
    """Why a measure may have no value on a table; None where nothing speaks against it."""
    n = len(table.scores)
    if n == 0:
        return "no turn has both a label and a score"
    if measure.best != "high":
        return None
    ranked = measure.name in ("spearman", "kendall")
    if ranked and n < MIN_ROWS:
        return f"{n} turns say nothing of an order"
    if (ranked or measure.name == "auc") and np.ptp(table.humans) == 0:
        return "people's mean is the same on every turn"
    if ranked and np.ptp(table.scores) == 0:
        return "every turn has the same score"
    if measure.name == "precision" and not table.judge_bad.any():
        return "the judge puts no turn below the threshold"
    if measure.name == "recall" and not table.people_bad.any():
        return "people put no turn below the threshold"
    return "judge and people always say the one same thing" if "kappa" in measure.name else None


def steps_of(turns: Sequence[LabelledTurn]) -> tuple[float, ...]:
    """The levels on which people rated."""
    return levels(rating.score for turn in turns for rating in turn.ratings)
