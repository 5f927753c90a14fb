"""A model of what each edit does, learnt from every score, and the proposals of candidates that follow from it.

g is taken as a sum of what the single edits do, each normally distributed beforehand; edits of one unit, and of units
in one sentence or turn, go together. Sets are drawn by Thompson sampling (Thompson 1933): what the edits do is drawn
from the posterior, and the best set by that draw is asked for.
"""

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..protocol import Edits, Score
from ._scoreboard import Scoreboard

_BATCH = 8  # sets that `grow` asks for in a round
_SMALLER = 4  # sets that `search_smaller` asks for
_SMALL = (4, 8)  # edits of a set at most, in the rounds of `grow`
_NOISE = 0.15  # of a movement: what the sum does not explain
_LEAST = 0.3  # of the largest movement: what a smaller movement counts as, for how far it may be from the sum
_SHARED = 0.5  # of an edit's variance: what every edit of that unit does


class EffectModel:
    """Beliefs about the effect of each edit on g.

    Args:
        choices: every possible edit, as unit and fill; several fills of a unit exclude each other.
        groups: for each coarser level the number of the group that each unit is in.
        prior: how likely each unit matters.
    """

    def __init__(
        self, choices: Sequence[tuple[int, str]], groups: Sequence[Sequence[int]], prior: NDArray[np.float64]
    ) -> None:
        self.choices = list(choices)
        self._place = {choice: i for i, choice in enumerate(self.choices)}
        self._covariance = _covariance(choices, groups, prior)

    def posterior(self, scores: Scoreboard) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and covariance given the scores (Bayesian linear regression).

        Edits outside `choices` are noise.
        """
        places = {edits: [self._place[edit] for edit in edits if edit in self._place] for edits in scores}
        measured = [edits for edits in scores if places[edits]]
        if not measured:
            return np.zeros(len(self.choices)), self._covariance
        design = np.zeros((len(measured), len(self.choices)))
        for row, edits in enumerate(measured):
            design[row, places[edits]] = 1
        start = scores.get((), 0.0)
        moved = np.array([scores[edits] - start for edits in measured])
        scale = max(float(np.abs(moved).max()), 1e-9)
        across = scale**2 * self._covariance @ design.T
        noise = (_NOISE * np.maximum(np.abs(moved), _LEAST * scale)) ** 2
        outside = np.array([len(edits) - len(places[edits]) for edits in measured])
        noise += outside * scale**2 * self._covariance.trace() / len(self.choices)
        gain = np.linalg.solve(design @ across + np.diag(noise), across.T).T
        return gain @ moved, scale**2 * self._covariance - gain @ across.T


def search_smaller(
    effects: EffectModel, delta: float, scores: Scoreboard, rng: np.random.Generator, fewer_than: int
) -> Generator[Score, Any, None]:
    """Look for a set of fewer edits that crosses.

    Args:
        effects: beliefs about the possible edits.
        delta: g from which on a candidate is a contrast.
        scores: the scores so far.
        rng: the source of all chance.
        fewer_than: edits of a set that crosses already, at least 2.
    """
    crossing = scores.crossing(delta)
    if crossing is None or scores.size(crossing) >= fewer_than:
        yield from _round(effects, scores, rng, _down_from(fewer_than - 1), _SMALLER)


def grow(
    effects: EffectModel, delta: float, scores: Scoreboard, rng: np.random.Generator
) -> Generator[Score, Any, None]:
    """Ask for small sets of edits, and for somewhat larger ones, until a small one crosses.

    Arguments as `search_smaller`. A larger set that crosses does not end the search for small ones.
    """
    for most in _SMALL:
        crossing = scores.crossing(delta)
        if crossing is not None and scores.size(crossing) <= most:
            return
        yield from _round(effects, scores, rng, _down_from(most), _BATCH)


def _down_from(most: int) -> list[int]:
    """Sizes of sets, the largest first."""
    return [max(1, most * part // 4) for part in (4, 3, 2, 1)]


def _round(
    effects: EffectModel, scores: Scoreboard, rng: np.random.Generator, sizes: Sequence[int], batch: int
) -> Generator[Score, Any, bool]:
    """Asks for at most `batch` sets that are best by draws from the posterior; False: there is no new one."""
    new = draw_sets(effects, scores, rng, sizes, batch)
    if new:
        yield from scores.ask(new)
    return bool(new)


def draw_sets(
    effects: EffectModel, scores: Scoreboard, rng: np.random.Generator, sizes: Sequence[int], batch: int
) -> list[Edits]:
    """Return at most `batch` new sets that are best by draws from the posterior, of these sizes in turn."""
    choices = effects.choices
    mean, spread = effects.posterior(scores)
    root = np.linalg.cholesky(spread + 1e-9 * np.trace(spread) / len(choices) * np.eye(len(choices)))
    drawn = [mean, *(mean + root @ rng.standard_normal(len(choices)) for _ in range(4 * _BATCH))]
    sets = (_best(choices, values, sizes[i % len(sizes)]) for i, values in enumerate(drawn))
    return [edits for edits in dict.fromkeys(sets) if edits and edits not in scores][:batch]


def _best(choices: Sequence[tuple[int, str]], values: NDArray[np.float64], most: int) -> Edits:
    """The edits of largest positive effect, one for each unit, of at most `most` units."""
    best: dict[int, tuple[float, str]] = {}
    for (unit, fill), value in zip(choices, values.tolist(), strict=True):
        if value > best.get(unit, (0.0, ""))[0]:
            best[unit] = (value, fill)
    chosen = sorted(best, key=lambda unit: -best[unit][0])[:most]
    return tuple((unit, best[unit][1]) for unit in sorted(chosen))


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
