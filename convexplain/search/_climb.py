"""Finds a crossing candidate where editing everything does not cross: learns from every score what each edit does.

g is taken as a sum of what the single edits do, each normally distributed beforehand; edits of one unit, and of units
in one sentence or turn, go together. Sets are drawn by Thompson sampling (Thompson 1933): what the edits do is drawn
from the posterior, and the best set by that draw is asked for.
"""

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..asks import Edits, Score
from ._scores import Scores

BATCH = 8
_NOISE = 0.05  # of the largest score seen: what the sum does not explain
_SHARED = 0.5  # of an edit's variance: what every edit of that unit does


def climb(
    choices: Sequence[tuple[int, str]],
    delta: float,
    scores: Scores,
    rng: np.random.Generator,
    groups: Sequence[Sequence[int]],
    prior: NDArray[np.float64],
) -> Generator[Score, Any, dict[int, float]]:
    """Asks for sets of edits until one crosses, or no new one can be thought of.

    Args:
        choices: every edit that there is, as unit and fill; several fills of a unit exclude each other.
        delta: g from which on a candidate is a contrast.
        scores: what was told until now.
        rng: the source of all chance.
        groups: for each coarser level the number of the group that each unit is in.
        prior: how likely each unit matters.

    Returns:
        What the edit of each unit of the crossing candidate does, as far as it is known; empty when none was found.
    """
    covariance = _covariance(choices, groups, prior)
    while True:
        mean, spread = _posterior(choices, covariance, scores)
        found = scores.crossing(delta)
        if found is not None:
            place = {choice: i for i, choice in enumerate(choices)}
            return {edit[0]: float(mean[place[edit]]) for edit in found}
        root = np.linalg.cholesky(spread + 1e-9 * np.trace(spread) / len(choices) * np.eye(len(choices)))
        drawn = [mean, *(mean + root @ rng.standard_normal(len(choices)) for _ in range(4 * BATCH))]
        new = [edits for edits in dict.fromkeys(_best(choices, values) for values in drawn) if edits not in scores]
        if not any(new):
            return {}
        yield from scores.ask([edits for edits in new if edits][:BATCH])


def _best(choices: Sequence[tuple[int, str]], values: NDArray[np.float64]) -> Edits:
    """For each unit the edit that does most, where it does something good."""
    best: dict[int, tuple[float, str]] = {}
    for (unit, fill), value in zip(choices, values.tolist(), strict=True):
        if value > best.get(unit, (0.0, ""))[0]:
            best[unit] = (value, fill)
    return tuple((unit, fill) for unit, (_, fill) in sorted(best.items()))


def _covariance(
    choices: Sequence[tuple[int, str]], groups: Sequence[Sequence[int]], prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    units = np.array([unit for unit, _ in choices])
    alike = _SHARED * (units[:, None] == units[None, :]) + (1 - _SHARED) * np.eye(len(units))
    for level in groups:
        place = np.asarray(level)[units]
        alike = (alike + (place[:, None] == place[None, :]) * 0.5 / max(1.0, len(units) / len(set(level)))) / 1.5
    weights = np.sqrt(prior[units] / max(float(prior[units].mean()), 1e-12) + 1e-6)
    return np.asarray(4 / len(set(units.tolist())) * alike * weights[:, None] * weights[None, :])


def _posterior(
    choices: Sequence[tuple[int, str]], covariance: NDArray[np.float64], scores: Scores
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and covariance of what the edits do, given the scores (Bayesian linear regression)."""
    place = {choice: i for i, choice in enumerate(choices)}
    told = [(edits, g) for edits, g in scores.items() if edits and all(edit in place for edit in edits)]
    if not told:
        return np.zeros(len(choices)), covariance
    design = np.zeros((len(told), len(choices)))
    for row, (edits, _) in enumerate(told):
        design[row, [place[edit] for edit in edits]] = 1
    start = scores.get((), 0.0)
    moved = np.array([g - start for _, g in told])
    scale = max(float(np.abs(moved).max()), 1e-9)
    across = scale**2 * covariance @ design.T
    gain = np.linalg.solve(design @ across + (_NOISE * scale) ** 2 * np.eye(len(told)), across.T).T
    return gain @ moved, scale**2 * covariance - gain @ across.T
