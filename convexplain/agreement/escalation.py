"""What a cascade of two judges would keep of the strong one's agreement, at which share of its cost."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from convexplain.fidelity import Estimate

from .bootstrap import Draws, Floats
from .ranks import auc, halves, spearman

SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Escalated:
    """One point of the curve.

    Attributes:
        share: of the turns, how many the strong judge gets: those whose cheap score lies nearest to the threshold.
        band: how far from the threshold these reach; what `--escalate-band` would be.
        spearman, auc: agreement with people when the strong judge's scores take the place of the cheap ones there.
    """

    share: float
    band: float
    spearman: Estimate
    auc: Estimate


@dataclass(frozen=True, slots=True)
class EscalationCurve:
    """The curve for two judges; empty where they share no scored turn."""

    cheap: str
    strong: str
    points: tuple[Escalated, ...]


def escalation_curve(
    names: tuple[str, str],
    cheap: Floats,
    strong: Floats,
    humans: Floats,
    threshold: float,
    groups: Sequence[Hashable],
    seed: int = 0,
) -> EscalationCurve:
    """Agreement with people against the share of turns that are escalated, from scores of both judges on all turns.

    Args:
        names: the cheap and the strong judge's.
        cheap, strong: scores, NaN where there is none; turns without either are left out.
        humans: people's means.
        threshold: below which the cheap judge flags.
        groups: the dialogue of each turn.
        seed: of the intervals.
    """
    rows = np.isfinite(cheap) & np.isfinite(strong)
    first, second, people = cheap[rows], strong[rows], humans[rows]
    if not rows.any():
        return EscalationCurve(*names, ())
    draws = Draws([group for group, here in zip(groups, rows, strict=True) if here], seed)
    good, _ = halves(people, threshold)
    apart = np.abs(first - threshold)
    order = np.argsort(apart, kind="stable")
    points = []
    for share in SHARES:
        count = round(share * len(first))
        mixed = first.copy()
        mixed[order[:count]] = second[order[:count]]
        band = float(apart[order[count - 1]]) if count else 0.0
        points.append(
            Escalated(
                count / len(first), band, draws.estimate(spearman(mixed, people)), draws.estimate(auc(mixed, good))
            )
        )
    return EscalationCurve(*names, tuple(points))
