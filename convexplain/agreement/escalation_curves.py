"""Escalation curves: the agreement of a cascade of two judges, by the share of turns that the strong one judges."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from convexplain.fidelity import Estimate

from .bootstrap import Draws, Floats
from .ranks import auc, positive_rows, spearman

SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class EscalationPoint:
    """One point of an escalation curve.

    Attributes:
        share: the share of turns that the strong judge judges: those whose cheap score is nearest to the threshold.
        band: the largest distance of their cheap scores from the threshold; the value for `--escalate-band`.
        spearman, auc: agreement with people if the strong judge's scores replace the cheap ones on these turns.
    """

    share: float
    band: float
    spearman: Estimate
    auc: Estimate


@dataclass(frozen=True, slots=True)
class EscalationCurve:
    """The escalation curve of two judges; without points if they share no scored turn."""

    cheap: str
    strong: str
    points: tuple[EscalationPoint, ...]


def escalation_curve(
    names: tuple[str, str],
    cheap: Floats,
    strong: Floats,
    humans: Floats,
    threshold: float,
    groups: Sequence[Hashable],
    seed: int = 0,
) -> EscalationCurve:
    """Return the escalation curve of two judges, from their scores on all turns.

    Args:
        names: of the cheap and the strong judge.
        cheap, strong: scores, NaN where there is none; turns without either are left out.
        humans: people's means.
        threshold: the cheap judge flags turns below it.
        groups: the dialogue of each turn.
        seed: of the intervals.
    """
    rows = np.isfinite(cheap) & np.isfinite(strong)
    first, second, people = cheap[rows], strong[rows], humans[rows]
    if not rows.any():
        return EscalationCurve(*names, ())
    draws = Draws([group for group, scored in zip(groups, rows, strict=True) if scored], seed)
    good, _ = positive_rows(people, threshold)
    distances = np.abs(first - threshold)
    order = np.argsort(distances, kind="stable")
    points = []
    for share in SHARES:
        count = round(share * len(first))
        mixed = first.copy()
        mixed[order[:count]] = second[order[:count]]
        band = float(distances[order[count - 1]]) if count else 0.0
        points.append(
            EscalationPoint(
                count / len(first), band, draws.estimate(spearman(mixed, people)), draws.estimate(auc(mixed, good))
            )
        )
    return EscalationCurve(*names, tuple(points))
