"""Joint attribution: the k units that together move the value most (XPrompt, Chang et al. 2024), for black boxes."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._clime import evaluate, fit
from .protocol import Attributing, Scores, Value

BATCH = 16  # swaps that are asked for at once
_UNGUIDED = 0.2  # of the draws that gave a known set: the next one is drawn without the guide
_LINEAR = 0.5  # of the budget: what finding out what each unit does alone may take


@dataclass(frozen=True, slots=True)
class Jointly:
    """What joint attribution found.

    Attributes:
        chosen: the units that were removed together, in order; empty where nothing could be evaluated.
        drop: what the value loses without them, counted toward `side`; None where nothing could be evaluated.
        scores: what each unit does by itself, by a linear fit to all that was evaluated.
    """

    chosen: tuple[int, ...]
    drop: float | None
    scores: Scores


def joint(
    n: int,
    *,
    k: int,
    rng: np.random.Generator,
    side: int = 1,
    budget: int | None = None,
    start: Sequence[float] | None = None,
) -> Attributing[Jointly]:
    """Looks for the k units whose removal takes most of the value.

    Where there are few sets of k units, all of them are evaluated, and single units as far as there is budget. Else
    C-LIME's evaluations tell what single units and pairs do; the best set by that is the first, and single swaps
    follow, in batches, as long as there is budget.

    Departures from the print (Algorithm 1), whose guide is the gradient's magnitude: without a gradient the guide is
    what a unit does by C-LIME, with its sign, and what its evaluated pairs do beyond the sum of their units; a swap's
    two units are drawn by softmax among those that can be swapped only, and what leaves is drawn by how little it
    does; where no swap is left, any other set is drawn.

    Args:
        n: how many units there are.
        k: so many are removed together; all, where there are fewer.
        rng: the source of all chance.
        side: 1 looks for the largest fall of the value, -1 for the largest rise.
        budget: so many evaluations at most, the whole text not counted; 10 n unless given.
        start: what each unit does, if it is known, from a gradient for example; saves the linear part.
    """
    k = min(k, n)
    most = 10 * n if budget is None else budget
    values: dict[frozenset[int], float] = {}
    if not k or most < 1:
        return Jointly((), None, (None,) * n)
    if math.comb(n, k) <= most:
        sets = [frozenset[int](), *map(frozenset, itertools.combinations(range(n), k))]
        singles = [frozenset([unit]) for unit in range(n)] if k > 1 else []
        yield from _ask([*sets, *singles[: most - len(sets) + 1]], values)
        return _best(n, k, side, values)
    if start is None:
        values |= yield from evaluate(n, rng, 2, min(most - 1, max(n, int(_LINEAR * most))))
        guide = np.array([side * (score or 0.0) for score in fit(n, values)])
    else:
        yield from _ask([frozenset()], values)
        guide = side * np.asarray(start, dtype=float)
    asked = set(values)
    current = _first(n, k, side, guide, values)
    # The two sets to begin with go out together with the first swaps: on a slow endpoint each request is a round trip.
    begin = [current, frozenset(int(i) for i in np.argsort(-guide, kind="stable")[:k])]
    while (tries := most - len(asked) + 1) > 0:  # the whole text costs nothing
        known = asked | set(begin)
        count = min(BATCH, tries)
        sets = list(dict.fromkeys(some for some in begin if some not in asked))[:count]
        begin = []
        left = count - len(sets)
        sets += _swaps(current, guide, known, rng, left) or _others(k, guide, known, rng, left)
        yield from _ask(sets, values)
        asked |= set(sets)
        current = min((s for s in (current, *sets) if s in values), key=lambda s: side * values[s], default=current)
    return _best(n, k, side, values)


def _ask(sets: Sequence[frozenset[int]], values: dict[frozenset[int], float]) -> Attributing[None]:
    told = yield Value(tuple(sets))
    values |= {some: value for some, value in zip(sets, told, strict=True) if value is not None}


def _first(
    n: int, k: int, side: int, guide: NDArray[np.float64], values: Mapping[frozenset[int], float]
) -> frozenset[int]:
    """The best set by the guide and by what pairs do beyond their units, built one unit after the other."""
    beyond = np.zeros((n, n))
    full = values.get(frozenset(), 0.0)
    for pair in (some for some in values if len(some) == 2):
        i, j = sorted(pair)
        one, other = values.get(frozenset([i])), values.get(frozenset([j]))
        if one is not None and other is not None:
            beyond[i, j] = beyond[j, i] = -side * (full - one - other + values[pair])
    # Begun with each unit, since of two that only count together neither counts alone.
    sets = [_grown(i, k, guide, beyond) for i in range(n)]
    worth = [float(guide[some].sum() + beyond[np.ix_(some, some)].sum() / 2) for some in sets]
    return frozenset(sets[int(np.argmax(worth))])


def _grown(first: int, k: int, guide: NDArray[np.float64], beyond: NDArray[np.float64]) -> list[int]:
    chosen = [first]
    while len(chosen) < k:
        gain = guide + beyond[chosen].sum(axis=0)
        gain[chosen] = -np.inf
        chosen.append(int(np.argmax(gain)))
    return chosen


def _swaps(
    current: frozenset[int],
    guide: NDArray[np.float64],
    asked: set[frozenset[int]],
    rng: np.random.Generator,
    count: int,
) -> list[frozenset[int]]:
    """Sets that differ from the current one in one unit and were not asked for yet, drawn by the guide."""
    inside, outside = sorted(current), [i for i in range(len(guide)) if i not in current]
    scale = max(float(np.abs(guide).max()), 1e-12)
    possible = [(i, j) for i in inside for j in outside if current - {i} | {j} not in asked]
    if not possible:
        return []
    weights = np.exp([(guide[j] - guide[i]) / scale for i, j in possible])
    drawn = rng.choice(len(possible), min(count, len(possible)), replace=False, p=weights / weights.sum())
    return [current - {possible[i][0]} | {possible[i][1]} for i in drawn]


def _others(
    k: int, guide: NDArray[np.float64], asked: set[frozenset[int]], rng: np.random.Generator, count: int
) -> list[frozenset[int]]:
    """Sets that were not asked for yet, drawn by the guide, wherever they are: there are more than were asked for."""
    scale = max(float(np.abs(guide).max()), 1e-12)
    found: dict[frozenset[int], None] = {}
    while len(found) < count:
        drawn = frozenset(int(i) for i in np.argsort(-(guide / scale + rng.gumbel(size=len(guide))))[:k])
        if drawn not in asked:
            found[drawn] = None
        elif rng.random() < _UNGUIDED:
            found |= dict.fromkeys({frozenset(int(i) for i in rng.choice(len(guide), k, replace=False))} - asked)
    return list(found)


def _best(n: int, k: int, side: int, values: Mapping[frozenset[int], float]) -> Jointly:
    full = values.get(frozenset())
    sets = [some for some in values if len(some) == k]
    if full is None or not sets:
        return Jointly((), None, fit(n, values))
    best = min(sets, key=lambda some: side * values[some])
    return Jointly(tuple(sorted(best)), side * (full - values[best]), fit(n, values))
