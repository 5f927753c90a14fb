"""Joint attribution: the k units that together move the value most (XPrompt, Chang et al. 2024), for black boxes."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from convexplain.errors import UsageError

from ..protocol import MethodOutcome, Value, ValueSearch
from ..registry import AttributionMethod
from ._limits import check_at_least
from .clime import evaluate, fit

BATCH = 16  # swaps that are asked for at once
_UNGUIDED = 0.2  # of the draws that gave an evaluated set: the next one is drawn without the guide
_LINEAR = 0.5  # of the budget: what measuring the effect of each unit alone may take


def joint(
    n: int,
    *,
    k: int = 3,
    rng: np.random.Generator,
    side: int = 1,
    budget: int | None = None,
    start: Sequence[float] | None = None,
) -> ValueSearch[MethodOutcome]:
    """Look for the k units whose removal takes most of the value.

    Where there are few sets of k units, all of them are evaluated, and single units as far as there is budget. Else
    C-LIME's evaluations give the effects of single units and pairs; the best set by these is the first, beside the best
    by `start`, and single swaps follow, in batches, as long as there is budget.

    Departures from the print (Algorithm 1), whose guide is the gradient's magnitude: the guide is what a unit does by
    C-LIME, with its sign, and what its evaluated pairs do beyond the sum of their units; `start` is the guide where the
    budget is not enough to evaluate each unit alone (a gradient alone is a worse guide: docs/papers.md); a swap's two
    units are drawn by softmax among those that can be swapped only, and what leaves is drawn by how little it does;
    where no swap is left, any set is drawn.

    Args:
        n: how many units there are.
        k: units that are removed together; all, where there are fewer.
        rng: the source of all chance.
        side: 1 looks for the largest fall of the value, -1 for the largest rise.
        budget: evaluations at most, the whole text not counted; 10 n unless given.
        start: a guess of what each unit does, from a gradient for example.

    Returns:
        The best set of k units and its loss of value, counted toward `side` (no set and None where nothing could be
        evaluated); and the scores of the single units, by a linear fit to all that was evaluated.

    Raises:
        UsageError: k is less than 1, side is neither 1 nor -1, or start has not one value for each unit.
    """
    check_at_least(1, k=k)
    if side not in (1, -1):
        raise UsageError(f"side={side} is not valid; it must be 1 or -1")
    if start is not None and len(start) != n:
        raise UsageError(f"start has {len(start)} values; it must have one for each of the {n} units")
    k = min(k, n)
    most = 10 * n if budget is None else budget
    values: dict[frozenset[int], float] = {}
    if not k or most < 1:
        return MethodOutcome((None,) * n)
    if math.comb(n, k) <= most:
        sets = [frozenset[int](), *map(frozenset, itertools.combinations(range(n), k))]
        singles = [frozenset([unit]) for unit in range(n)] if k > 1 else []
        yield from _ask([*sets, *singles[: most - len(sets) + 1]], values)
        return _outcome(n, k, side, values)
    guess = None if start is None else side * np.asarray(start, dtype=float)
    if guess is None or most > n:
        values |= yield from evaluate(n, rng, 2, min(most - 1, max(n, int(_LINEAR * most))))
        guide = np.array([side * (score or 0.0) for score in fit(n, values)])
    else:
        yield from _ask([frozenset()], values)
        guide = guess
    yield from _swap(n, k, side, guide, values, rng, most, guess)
    return _outcome(n, k, side, values)


def _swap(
    n: int,
    k: int,
    side: int,
    guide: NDArray[np.float64],
    values: dict[frozenset[int], float],
    rng: np.random.Generator,
    most: int,
    guess: NDArray[np.float64] | None = None,
) -> ValueSearch[None]:
    """Ask for sets that differ from the best one in one unit, in batches, until `most` sets were evaluated."""
    requested = set(values)
    current = _first(n, k, side, guide, values)
    # The sets to begin with go out together with the first swaps: on a slow endpoint each request is a round trip.
    begin = [current, *(_top(k, worth) for worth in (guide, guess) if worth is not None)]
    while (remaining := most - len(requested) + 1) > 0:  # the whole text costs nothing
        excluded = requested | set(begin)
        count = min(BATCH, remaining)
        sets = list(dict.fromkeys(units for units in begin if units not in requested))[:count]
        begin = []
        free = count - len(sets)
        sets += _swaps(current, guide, excluded, rng, free) or _draws(k, guide, excluded, rng, free)
        yield from _ask(sets, values)
        requested |= set(sets)
        current = min((s for s in (current, *sets) if s in values), key=lambda s: side * values[s], default=current)


def _top(k: int, worth: NDArray[np.float64]) -> frozenset[int]:
    return frozenset(int(i) for i in np.argsort(-worth, kind="stable")[:k])


def _ask(sets: Sequence[frozenset[int]], values: dict[frozenset[int], float]) -> ValueSearch[None]:
    answer = yield Value(tuple(sets))
    values |= {removed: value for removed, value in zip(sets, answer, strict=True) if value is not None}


def _first(
    n: int, k: int, side: int, guide: NDArray[np.float64], values: Mapping[frozenset[int], float]
) -> frozenset[int]:
    """The best set by the guide and by what pairs do beyond their units, built one unit after the other."""
    interaction = np.zeros((n, n))
    full = values.get(frozenset(), 0.0)
    for pair in (removed for removed in values if len(removed) == 2):
        i, j = sorted(pair)
        without_i, without_j = values.get(frozenset([i])), values.get(frozenset([j]))
        if without_i is not None and without_j is not None:
            interaction[i, j] = interaction[j, i] = -side * (full - without_i - without_j + values[pair])
    # Begun with each unit, since of two that only count together neither counts alone.
    sets = [_grown(i, k, guide, interaction) for i in range(n)]
    worth = [float(guide[units].sum() + interaction[np.ix_(units, units)].sum() / 2) for units in sets]
    return frozenset(sets[int(np.argmax(worth))])


def _grown(first: int, k: int, guide: NDArray[np.float64], interaction: NDArray[np.float64]) -> list[int]:
    chosen = [first]
    while len(chosen) < k:
        gain = guide + interaction[chosen].sum(axis=0)
        gain[chosen] = -np.inf
        chosen.append(int(np.argmax(gain)))
    return chosen


def _swaps(
    current: frozenset[int],
    guide: NDArray[np.float64],
    excluded: set[frozenset[int]],
    rng: np.random.Generator,
    count: int,
) -> list[frozenset[int]]:
    """Sets that differ from the current one in one unit and were not asked for yet, drawn by the guide."""
    inside, outside = sorted(current), [i for i in range(len(guide)) if i not in current]
    scale = max(float(np.abs(guide).max()), 1e-12)
    possible = [(i, j) for i in inside for j in outside if current - {i} | {j} not in excluded]
    if not possible:
        return []
    weights = np.exp([(guide[j] - guide[i]) / scale for i, j in possible])
    drawn = rng.choice(len(possible), min(count, len(possible)), replace=False, p=weights / weights.sum())
    return [current - {possible[i][0]} | {possible[i][1]} for i in drawn]


def _draws(
    k: int, guide: NDArray[np.float64], excluded: set[frozenset[int]], rng: np.random.Generator, count: int
) -> list[frozenset[int]]:
    """Sets that were not asked for yet, drawn by the guide from all of them: there are more than were asked for."""
    scale = max(float(np.abs(guide).max()), 1e-12)
    sets: dict[frozenset[int], None] = {}
    while len(sets) < count:
        drawn = frozenset(int(i) for i in np.argsort(-(guide / scale + rng.gumbel(size=len(guide))))[:k])
        if drawn not in excluded:
            sets[drawn] = None
        elif rng.random() < _UNGUIDED:
            sets |= dict.fromkeys({frozenset(int(i) for i in rng.choice(len(guide), k, replace=False))} - excluded)
    return list(sets)


def _outcome(n: int, k: int, side: int, values: Mapping[frozenset[int], float]) -> MethodOutcome:
    full = values.get(frozenset())
    sets = [removed for removed in values if len(removed) == k]
    if full is None or not sets:
        return MethodOutcome(fit(n, values))
    best = min(sets, key=lambda removed: side * values[removed])
    return MethodOutcome(fit(n, values), tuple(sorted(best)), side * (full - values[best]))


JOINT = AttributionMethod("joint", "Joint attribution: the k units that together move the value most.", joint)
