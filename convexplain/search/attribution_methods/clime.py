"""C-LIME: a linear fit to the values of the text without few of its units (MExGen)."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ..protocol import MethodOutcome, Scores, Value, ValueSearch
from ..registry import AttributionMethod
from ._limits import check_at_least

PER_UNIT = 10
_TIE = 1e-9


def clime(
    n: int,
    *,
    rng: np.random.Generator,
    max_removed: int = 2,
    per_unit: int = PER_UNIT,
    num_nonzeros: int | None = None,
    budget: int | None = None,
) -> ValueSearch[MethodOutcome]:
    """Fit the value as a constant plus one summand for each unit that is there.

    Evaluated are the whole text, every unit removed alone, and sets of two up to `max_removed` units: all of them, or
    as many as the budget allows, drawn at random. Each size of set has the same total weight in the fit; there is
    neither a kernel nor a penalty. Exact where the value is a sum over the units.

    Args:
        n: how many units there are.
        rng: the source of all chance.
        max_removed: units that are removed at once at most.
        per_unit: evaluations for each unit at most, the whole text not counted.
        num_nonzeros: the number of units with a score, chosen by a lasso path and fitted again; the others have 0.
        budget: evaluations at most, the whole text not counted; where there are fewer than units, the units that are
            left out have no score.

    Raises:
        UsageError: an option is less than 1.
    """
    check_at_least(1, max_removed=max_removed, per_unit=per_unit, num_nonzeros=num_nonzeros)
    most = per_unit * n if budget is None else min(per_unit * n, budget)
    values = yield from evaluate(n, rng, max_removed, most)
    return MethodOutcome(fit(n, values, num_nonzeros))


def evaluate(
    n: int, rng: np.random.Generator, max_removed: int, most: int
) -> ValueSearch[Mapping[frozenset[int], float]]:
    """Ask for the values that C-LIME fits, and return those that could be had, by the set of removed units."""
    sets = [frozenset[int](), *_sets(n, rng, max_removed, most)]
    values = yield Value(tuple(sets))
    return {removed: value for removed, value in zip(sets, values, strict=True) if value is not None}


def fit(n: int, values: Mapping[frozenset[int], float], num_nonzeros: int | None = None) -> Scores:
    """Return the scores of the units by weighted least squares; None for units that are in no evaluated set."""
    evaluated = set().union(*values)
    if frozenset() not in values or not evaluated:
        return (None,) * n
    design = np.array([[unit in removed for unit in range(n)] for removed in values], dtype=float)
    sizes = Counter(map(len, values))
    root = np.sqrt([1 / sizes[len(removed)] for removed in values])
    y = np.fromiter(values.values(), dtype=float)
    columns = np.array(sorted(evaluated))
    if num_nonzeros is not None and num_nonzeros < len(columns):
        columns = columns[_lasso(design[:, columns], y, root, num_nonzeros)]
    scores = np.zeros(n)
    scores[columns] = -_least_squares(design[:, columns], y, root)
    return tuple(float(score) if unit in evaluated else None for unit, score in enumerate(scores))


def _sets(n: int, rng: np.random.Generator, max_removed: int, most: int) -> Iterator[frozenset[int]]:
    """Sets of units to remove, the small ones first; of a size that there is not room enough for, a draw."""
    remaining = most
    for size in range(1, min(max_removed, n) + 1):
        count = math.comb(n, size)
        if remaining <= 0:
            return
        if count <= remaining:
            yield from map(frozenset, itertools.combinations(range(n), size))
        else:
            drawn: dict[frozenset[int], None] = {}
            while len(drawn) < remaining:
                drawn[frozenset(int(i) for i in rng.choice(n, size, replace=False))] = None
            yield from drawn
        remaining -= min(count, remaining)


def _least_squares(
    removed: NDArray[np.float64], y: NDArray[np.float64], root: NDArray[np.float64]
) -> NDArray[np.float64]:
    design = np.column_stack([np.ones(len(y)), removed])
    solution = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0]
    return np.asarray(solution[1:], dtype=np.float64)


def _lasso(
    removed: NDArray[np.float64], y: NDArray[np.float64], root: NDArray[np.float64], number: int
) -> NDArray[np.int64]:
    """The units that enter a lasso path first.

    Units of just the same effect would end the path early; the values are moved by a billionth to tell them apart.
    """
    from sklearn.linear_model import lars_path  # type: ignore[import-untyped]  # takes a second to import

    weights = root**2 / (root**2).sum()
    centred = (removed - weights @ removed) * root[:, None]
    target = (y - weights @ y) * root
    target += _TIE * np.abs(target).max() * np.random.default_rng(0).standard_normal(len(target))
    _, _, path = lars_path(centred, target, method="lasso")
    counts = (np.abs(path) > 0).sum(axis=0)
    column = int(np.flatnonzero(counts <= number)[-1])
    return np.flatnonzero(np.abs(path[:, column]) > 0)


CLIME = AttributionMethod("clime", "C-LIME: a linear fit to the values without one or two units.", clime)
