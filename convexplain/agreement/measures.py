"""The measures of agreement, and the tables of scores and labels that they are computed on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convexplain.fidelity import Estimate

from .bootstrap import Draws, Floats, Statistic
from .categories import kappa, levels, nearest_level, share, weighted_kappa
from .labels import LabelledTurn
from .ranks import MIN_ROWS, auc, kendall, positive_rows, spearman
from .reliability import bias, brier, ece
from .shares import share_estimate

Best = Literal["high", "low", "zero"]


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Labelled turns with the scores of one judge, or with the numbers of a baseline.

    Attributes:
        scores: one a turn.
        humans: people's means, one a turn.
        threshold: of the rubric.
        steps: the levels on which people rate.
        on_scale: True for scores in [0, 1]; a baseline's numbers only give an order.
        cut: the judge's threshold if it is another than the rubric's.
    """

    scores: Floats
    humans: Floats
    threshold: float
    steps: tuple[float, ...]
    on_scale: bool = True
    cut: float | None = None

    def subset(self, rows: NDArray[np.bool_]) -> "ScoreTable":
        """Return the table of some of the turns."""
        return ScoreTable(self.scores[rows], self.humans[rows], self.threshold, self.steps, self.on_scale, self.cut)

    @property
    def good(self) -> tuple[NDArray[np.bool_], str]:
        """Return the turns that people call good, and the rule by which they are good."""
        return positive_rows(self.humans, self.threshold)

    @property
    def judge_bad(self) -> NDArray[np.bool_]:
        """Return the turns that the judge puts below its threshold."""
        return self.scores < self.flags_below

    @property
    def flags_below(self) -> float:
        """Return the judge's threshold."""
        return self.threshold if self.cut is None else self.cut

    @property
    def people_bad(self) -> NDArray[np.bool_]:
        """Return the turns that people put below the rubric's threshold."""
        return self.humans < self.threshold


def _kappa_at_threshold(table: ScoreTable) -> Statistic:
    return kappa(table.judge_bad.astype(np.float64), table.people_bad.astype(np.float64))


def _on_levels(table: ScoreTable, statistic: Callable[[Floats, Floats], Statistic]) -> Statistic:
    return statistic(nearest_level(table.scores, table.steps), nearest_level(table.humans, table.steps))


@dataclass(frozen=True, slots=True)
class AgreementMeasure:
    """A measure of the agreement of a judge with people.

    Attributes:
        name: its key in `agreement.json`.
        title: its usual name.
        best: the good end; `zero` = the nearer to 0 the better.
        statistic: returns the statistic of a table.
        on_scale: True if it needs scores in [0, 1], and not only an order.
        share_of: of a measure that is a share, the rows that count, and those of them whose share it is.
    """

    name: str
    title: str
    best: Best
    statistic: Callable[[ScoreTable], Statistic]
    on_scale: bool = True
    share_of: Callable[[ScoreTable], tuple[NDArray[np.bool_], NDArray[np.bool_]]] | None = None

    def estimate(self, table: ScoreTable, draws: Draws) -> Estimate:
        """Return the measure of a table with its interval; that of a share is at least as wide as the exact one."""
        reason = undefined_reason(self, table)
        if self.share_of is None:
            return draws.estimate(self.statistic(table), reason)
        return share_estimate(draws, *self.share_of(table), reason)

    @property
    def digits(self) -> int:
        """Return the number of decimals to show: errors are small numbers."""
        return 2 if self.best == "high" else 3


MEASURES: tuple[AgreementMeasure, ...] = (
    AgreementMeasure("spearman", "Spearman", "high", lambda t: spearman(t.scores, t.humans), on_scale=False),
    AgreementMeasure("kendall", "Kendall's tau-b", "high", lambda t: kendall(t.scores, t.humans), on_scale=False),
    AgreementMeasure("auc", "AUC", "high", lambda t: auc(t.scores, t.good[0]), on_scale=False),
    AgreementMeasure("kappa", "kappa at the threshold", "high", _kappa_at_threshold),
    AgreementMeasure("kappa_levels", "kappa on levels", "high", lambda t: _on_levels(t, kappa)),
    AgreementMeasure("weighted_kappa", "weighted kappa on levels", "high", lambda t: _on_levels(t, weighted_kappa)),
    AgreementMeasure("brier", "Brier", "low", lambda t: brier(t.scores, t.humans)),
    AgreementMeasure("ece", "ECE", "low", lambda t: ece(t.scores, t.humans)),
    AgreementMeasure("bias", "judge - people", "zero", lambda t: bias(t.scores, t.humans)),
    AgreementMeasure(
        "precision",
        "precision of flags",
        "high",
        lambda t: share(t.judge_bad, t.people_bad),
        share_of=lambda t: (t.judge_bad, t.people_bad),
    ),
    AgreementMeasure(
        "recall",
        "recall of flags",
        "high",
        lambda t: share(t.people_bad, t.judge_bad),
        share_of=lambda t: (t.people_bad, t.judge_bad),
    ),
)


def undefined_reason(measure: AgreementMeasure, table: ScoreTable) -> str | None:
    """Return the reason why a measure may be undefined on a table; None if there is none."""
    n = len(table.scores)
    if n == 0:
        return "no turn has both a label and a score"
    if measure.best != "high":
        return None
    ranked = measure.name in ("spearman", "kendall")
    if ranked and n < MIN_ROWS:
        return f"{n} {'turn gives' if n == 1 else 'turns give'} no order; at least {MIN_ROWS} are needed"
    if (ranked or measure.name == "auc") and np.ptp(table.humans) == 0:
        return "people's mean is the same on every turn"
    if ranked and np.ptp(table.scores) == 0:
        return "every turn has the same score"
    if measure.name == "precision" and not table.judge_bad.any():
        return "the judge puts no turn below the threshold"
    if measure.name == "recall" and not table.people_bad.any():
        return "people put no turn below the threshold"
    return "judge and people give every turn the same one category" if "kappa" in measure.name else None


def rated_levels(turns: Sequence[LabelledTurn]) -> tuple[float, ...]:
    """Return the levels on which people rated."""
    return levels(rating.score for turn in turns for rating in turn.ratings)
