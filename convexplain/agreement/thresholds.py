"""Thresholds for a judge's scores, with the precision and recall that they had on labelled turns."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convexplain.errors import UsageError
from convexplain.fidelity import Estimate

from .bootstrap import Draws
from .shares import share_estimate

Aim = Literal["precision", "recall", "flagged"]

MIN_FLAGGED = 10
"""Fewest flagged turns for a promise of precision or recall."""
_EDGE = 1e-6  # a threshold so far above the highest score flags all turns


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold with its precision and recall on labelled turns; turns that score below it are flagged.

    Attributes:
        value: the threshold, in (0, 1).
        precision: the share of bad turns among the flagged ones (n: the flagged ones); bad = called bad by people.
        recall: the share of flagged turns among the bad ones (n: the bad ones).
        flagged: the share of flagged turns among all.
    """

    value: float
    precision: Estimate
    recall: Estimate
    flagged: Estimate


def threshold_for(
    aim: Aim,
    target: float,
    scores: Sequence[float],
    humans: Sequence[float],
    bad_below: float,
    groups: Sequence[Hashable],
    seed: int = 0,
) -> Threshold:
    """Return the threshold that reaches a target on labelled turns.

    Args:
        aim: `precision` of at least the target, with as many flagged turns as possible; `recall` of at least the
            target, with as few flagged turns as possible; or the share `flagged`, as near to the target as ties allow.
            Precision and recall need at least MIN_FLAGGED flagged turns.
        target: in (0, 1].
        scores: calibrated or not, in [0, 1].
        humans: people's mean.
        bad_below: people call a turn bad if their mean is below it.
        groups: the dialogue of each turn, for the intervals.
        seed: of the intervals.

    Raises:
        UsageError: people call no turn bad, no threshold reaches the target, or only with too few flagged turns.
    """
    if not 0 < target <= 1:
        raise UsageError(f"{aim}={target} is not valid; it must be in (0, 1]")
    x, bad = np.asarray(scores, dtype=np.float64), np.asarray(humans, dtype=np.float64) < bad_below
    if aim != "flagged" and not bad.any():
        raise UsageError(f"people call no turn bad (their mean is nowhere below {bad_below:g}), so {aim} is undefined")
    values = np.unique(x)
    middles = [(low + high) / 2 for low, high in pairwise(values.tolist())]
    cuts = [cut for cut in [*middles, min(1.0, float(values[-1]) + _EDGE)] if 0 < cut < 1]
    threshold = _nearest(cuts, target, x) if aim == "flagged" else _reaching(aim, target, cuts, x, bad)
    if threshold is None:
        raise UsageError(f"no threshold gives a {aim} of {target:g} on these {len(x)} labelled turns")
    flagged, draws, every = x < threshold, Draws(groups, seed), np.ones(len(x), dtype=np.bool_)
    return Threshold(
        threshold,
        share_estimate(draws, flagged, bad),
        share_estimate(draws, bad, flagged),
        share_estimate(draws, every, flagged),
    )


def _nearest(cuts: Sequence[float], target: float, scores: NDArray[np.float64]) -> float | None:
    return min(cuts, key=lambda cut: abs(float((scores < cut).mean()) - target)) if cuts else None


def _reaching(
    aim: Aim, target: float, cuts: Sequence[float], scores: NDArray[np.float64], bad: NDArray[np.bool_]
) -> float | None:
    reaching = [cut for cut in cuts if _reaches(aim, target, scores < cut, bad)]
    valid = [cut for cut in reaching if (scores < cut).sum() >= MIN_FLAGGED]
    if reaching and not valid:
        most = int((scores < max(reaching)).sum())
        raise UsageError(
            f"a {aim} of {target:g} is reached with {most} flagged {'turn' if most == 1 else 'turns'} only, which "
            f"promises nothing for new turns; at least {MIN_FLAGGED} are needed: label more turns, or ask for less"
        )
    return None if not valid else float(max(valid) if aim == "precision" else min(valid))


def _reaches(aim: Aim, target: float, flagged: NDArray[np.bool_], bad: NDArray[np.bool_]) -> bool:
    if not flagged.any():
        return False
    rate = bad[flagged].mean() if aim == "precision" else flagged[bad].mean() if bad.any() else 0.0
    return bool(rate >= target - 1e-12)
