"""The use that a judge's scores may be put to, by their agreement with people: flagging, sorting, or neither."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from convexplain.fidelity import Estimate

from .bootstrap import MIN_DIALOGUES, Draws, Floats, Statistic
from .formatting import format_estimate, format_share
from .ranks import auc
from .shares import share_estimate

Use = Literal["flagging", "sorting", "neither", "too early"]

MIN_LABELLED = 10
"""Fewest good and fewest bad labelled turns for a verdict, or for a calibration."""
CONSTANT = "best constant"
"""The judge that gives every turn the same score, people's mean."""


@dataclass(frozen=True, slots=True)
class Usefulness:
    """The use that a judge's scores on a maxim may be put to, with the numbers behind it.

    Attributes:
        use: `flagging` (and sorting): its AUC is above chance by its whole interval and above the best baseline's, and
            of the turns below its threshold more are bad than of all turns, by the whole interval of its precision;
            `sorting`: its AUC is above chance by its whole interval and not below the best baseline's; `neither`; or
            `too early`: fewer than MIN_LABELLED good or bad turns, or fewer than MIN_DIALOGUES dialogues.
        good, bad: turns with a score that people call good, and bad.
        dialogues: how many dialogues they are of.
        auc: the chance that a good turn scores above a bad one, 0.5 = chance.
        baseline: the best baseline: `length in words`, `turn number` or `best constant`.
        baseline_auc: its AUC, in the better direction, in [0.5, 1].
        difference: the judge's AUC less the baseline's, on the same draws of dialogues.
        threshold: the judge flags turns below it.
        precision: the share of bad turns among the flagged ones; n counts the flagged ones.
    """

    use: Use
    good: int
    bad: int
    dialogues: int
    auc: Estimate
    baseline: str
    baseline_auc: float
    difference: Estimate
    threshold: float
    precision: Estimate

    @property
    def sentence(self) -> str:
        """Return the use in words, with the numbers behind it; the judge's name belongs before it."""
        figure = f"AUC {format_estimate(self.auc)}"
        better = f"{figure} is better than chance (0.5)"
        if self.baseline != CONSTANT:
            better += f" and than {self.baseline} ({self.baseline_auc:.2f})"
        match self.use:
            case "flagging":
                return f"may be used for flagging and for sorting: {self._flags}; {better}."
            case "sorting" if not (self.difference.value or 0.0) > 0:
                return (
                    f"may be used for sorting, not for flagging: {figure} is better than chance (0.5), but not above "
                    f"that of {self.baseline} ({self.baseline_auc:.2f})."
                )
            case "sorting":
                return f"may be used for sorting, not for flagging: {better}, but {self._flags}."
            case "neither":
                return f"may be used neither for flagging nor for sorting: {figure} {self.shortfall}."
        return (
            f"too early to say: {self.bad} of its labelled turns are bad and {self.good} are good, in {self.dialogues} "
            f"dialogues; at least {MIN_LABELLED} of each, in {MIN_DIALOGUES} dialogues, are needed."
        )

    @property
    def shortfall(self) -> str:
        """Return why the AUC is no better than a baseline, in words; empty where it is better."""
        if self.auc.high is not None and self.auc.high < 0.5:
            return "is worse than chance (0.5): it scores bad turns above good ones"
        if self.auc.low is None or self.auc.low <= 0.5:
            return "is no better than chance: its interval reaches 0.5"
        if (self.difference.value or 0.0) < 0:
            return (
                f"is below that of {self.baseline}, {self.baseline_auc:.2f} (difference "
                f"{format_estimate(self.difference, signed=True)})"
            )
        return ""

    @property
    def _flags(self) -> str:
        if self.precision.value is None:
            return f"it puts no turn below its threshold {self.threshold:.3g}"
        n, total = self.precision.n, self.good + self.bad
        return (
            f"of the {n:,} {'turn' if n == 1 else 'turns'} below its threshold {self.threshold:.3g} "
            f"{format_share(self.precision)} are bad, of all turns {self.bad / total:.0%}"
        )


def usefulness(
    scores: Floats,
    humans: Floats,
    threshold: float,
    cut: float,
    baselines: Mapping[str, Floats],
    groups: Sequence[Hashable],
    seed: int = 0,
) -> Usefulness:
    """Return the use that a judge's scores may be put to.

    Args:
        scores: one for each turn, all finite.
        humans: people's means.
        threshold: people call turns below it bad.
        cut: the judge flags turns below it.
        baselines: by their names, a number for each turn; the best constant need not be among them.
        groups: the dialogue of each turn; the intervals draw whole dialogues.
        seed: of the intervals.
    """
    good, draws = humans >= threshold, Draws(groups, seed)
    every = np.ones((1, len(scores)))
    aucs = {name: float(auc(numbers, good)(every)[0]) for name, numbers in baselines.items()}
    directed = {CONSTANT: 0.5, **{name: max(area, 1 - area) for name, area in aucs.items() if np.isfinite(area)}}
    baseline = max(directed, key=lambda name: directed[name])
    judge = auc(scores, good)
    difference: Statistic = (
        _less_constant(judge)
        if baseline == CONSTANT
        else _less(judge, auc(baselines[baseline], good), falling=aucs[baseline] < 0.5)
    )
    missing = "all labelled turns are good, or all are bad"
    area, gap = draws.estimate(judge, missing), draws.estimate(difference, missing)
    precision = share_estimate(draws, scores < cut, ~good, "the judge puts no turn below the threshold")
    n_good = int(good.sum())
    n_bad = len(scores) - n_good
    use: Use = "neither"
    if min(n_good, n_bad) < MIN_LABELLED or area.low is None:
        use = "too early"
    elif area.low > 0.5 and gap.value is not None and gap.value >= 0:
        above = precision.low is not None and precision.low > n_bad / len(scores)
        use = "flagging" if above and gap.value > 0 else "sorting"
    return Usefulness(use, n_good, n_bad, draws.groups, area, baseline, directed[baseline], gap, cut, precision)


def _less_constant(judge: Statistic) -> Statistic:
    return lambda weights: judge(weights) - 0.5


def _less(judge: Statistic, baseline: Statistic, falling: bool) -> Statistic:
    if falling:
        return lambda weights: judge(weights) - (1 - baseline(weights))
    return lambda weights: judge(weights) - baseline(weights)
