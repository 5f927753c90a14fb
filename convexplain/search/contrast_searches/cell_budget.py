"""CELL-budget: a search that goes on from the best candidates so far (Luss et al., Algorithms 1, 3, 4 and 5)."""

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import numpy as np

from ..protocol import Edits, Hole, Infill, Score, Search, with_edit
from ..registry import ContrastSearch
from ._pruning import prune


def cell_budget(
    n: int,
    *,
    delta: float,
    budget: int,
    rng: np.random.Generator,
    alpha: float = 0.5,
    radius: int | None = None,
    prior: Sequence[float] | None = None,
    distance: Callable[[Edits], float] | None = None,
) -> Search:
    """Draw seeds from the text and from earlier candidates, sample around them, and keep the better half.

    Departures from the print: Algorithm 3 takes the largest 2^k with k 2^k <= q, since as printed no call would be left
    for a seed; at least one sample is drawn around each seed, so that every budget works; a crossing is met as soon as
    it is scored; the earlier candidates that a round goes on from are those of the highest scores (Algorithm 4 draws
    them at random, section 4.2 speaks of favorable ones; drawn at random, a third as many tasks are solved: see
    docs/benchmarks.md); afterwards edits are taken back.

    Args:
        n: how many units may be edited.
        delta: g from which on a candidate is a contrast.
        budget: calls that there are; the schedule goes by it.
        rng: the source of all chance.
        alpha: share of a round's seeds that are earlier candidates, in [0, 1].
        radius: sample only units at most that many places from one that the seed edits, where there are such (not in
            the paper).
        prior: how likely each unit is drawn, up to a factor; equally unless given.
        distance: how far a candidate is from the text; its number of edits unless given.
    """
    draw, far = _Draw(n, rng, prior), distance or len
    quota = max(1, math.floor(budget / math.log2(budget))) if budget > 1 else 1
    scored: dict[Edits, float] = {}
    fresh = set(range(n))  # units that were not yet perturbed in the text itself
    round_ = 0
    while not draw.exhausted:
        round_ += 1
        seed_count = num_seeds(round_, quota)
        halvings = max(1, math.ceil(math.log2(seed_count)))
        seeds = yield from _generate_seeds(draw, scored, fresh, seed_count, alpha)
        if not seeds:  # no fill came for any of them
            continue
        beam = seed_count
        for _ in range(halvings):
            samples = yield from _sample_around(draw, seeds, max(1, quota // (beam * halvings)), radius)
            candidates = list(dict.fromkeys([*seeds, *samples]))
            scores: Sequence[float | None] = yield Score(tuple(candidates))
            scored |= {edits: g for edits, g in zip(candidates, scores, strict=True) if g is not None}
            crossing = [edits for edits in candidates if scored.get(edits, -math.inf) >= delta]
            if crossing:
                yield from prune(min(crossing, key=lambda edits: (far(edits), -scored[edits])), delta, far)
                return
            beam = math.ceil(beam / 2)
            seeds = sorted((e for e in candidates if e in scored), key=lambda e: -scored[e])[:beam]  # BEST_SUBSET


def num_seeds(round_: int, quota: int) -> int:
    """Return how many seeds a round has (Algorithm 3), `quota` being q = floor(B / log2 B)."""
    k: int = 1
    while k < round_ and (k + 1) * 2 ** (k + 1) <= quota:
        k += 1
    return 1 << k


class _Draw:
    """Draws units; those for which no fill came are not drawn again."""

    def __init__(self, n: int, rng: np.random.Generator, prior: Sequence[float] | None) -> None:
        self._rng = rng
        self._weights = np.ones(n) if prior is None else np.asarray(prior, dtype=float)
        self.dead: set[int] = set()

    @property
    def exhausted(self) -> bool:
        return len(self.dead) == len(self._weights)

    def units(self, among: Sequence[int], count: int) -> list[int]:
        """Draw different units, by their weights."""
        alive = [unit for unit in among if unit not in self.dead]
        if not alive:
            return []
        weights = self._weights[alive] / max(float(self._weights[alive].max()), 1e-300) + 1e-12
        count = min(count, len(alive))
        return [int(i) for i in self._rng.choice(alive, count, replace=False, p=weights / weights.sum())]

    def unedited(self, edits: Edits) -> list[int]:
        edited = {unit for unit, _ in edits}
        return [unit for unit in range(len(self._weights)) if unit not in edited]

    def around(self, edits: Edits, radius: int | None) -> list[int]:
        """Return unedited units near an edited one; all unedited ones where there are no such."""
        unedited = self.unedited(edits)
        if radius is None:
            return unedited
        near = [unit for unit in unedited if any(abs(unit - place) <= radius for place, _ in edits)]
        return near or unedited

    def best(self, scored: Mapping[Edits, float], count: int) -> list[Edits]:
        """Return candidates of the highest scores that still have units to edit; chance breaks ties."""
        possible = [edits for edits in scored if self.unedited(edits)]
        chance = self._rng.random(len(possible))
        order = sorted(range(len(possible)), key=lambda i: (-scored[possible[i]], chance[i]))
        return [possible[i] for i in order[:count]]


def _generate_seeds(
    draw: _Draw, scored: dict[Edits, float], fresh: set[int], count: int, alpha: float
) -> Generator[Infill, Any, list[Edits]]:
    """Algorithm 4: seeds from earlier candidates and from the text itself."""
    from_earlier = draw.best(scored, math.floor(alpha * count))
    places = [(edits, unit) for edits in from_earlier for unit in draw.units(draw.unedited(edits), 1)]
    if not fresh - draw.dead:
        fresh |= set(range(len(draw._weights))) - draw.dead
    for unit in draw.units(sorted(fresh), count - len(places)):
        fresh.discard(unit)
        places.append(((), unit))
    return (yield from _filled(draw, places))


def _sample_around(
    draw: _Draw, seeds: Sequence[Edits], count: int, radius: int | None
) -> Generator[Infill, Any, list[Edits]]:
    """Algorithm 5: candidates with one edit more than a seed."""
    places = [(seed, unit) for seed in seeds for unit in draw.units(draw.around(seed, radius), count)]
    return (yield from _filled(draw, places))


def _filled(draw: _Draw, places: Sequence[tuple[Edits, int]]) -> Generator[Infill, Any, list[Edits]]:
    if not places:
        return []
    fills: Sequence[str | None] = yield Infill(tuple(Hole(unit, edits) for edits, unit in places))
    draw.dead |= {unit for (_, unit), fill in zip(places, fills, strict=True) if fill is None}
    return [with_edit(e, unit, fill) for (e, unit), fill in zip(places, fills, strict=True) if fill is not None]


CELL_BUDGET = ContrastSearch(
    "cell_budget",
    "CELL-budget, the paper's search within a budget (Algorithms 1, 3, 4 and 5).",
    cell_budget,
)
