"""C-LIME: a linear fit to the values of the text without few of its units (MExGen)."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from .protocol import Attributing, Scores, Value

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
) -> Attributing[Scores]:
    """Fits the value as a constant plus something for each unit that is there.

    Evaluated are the whole text, every unit removed alone, and sets of two up to `max_removed` units, all of them or as
    many as there is room for, drawn at random. Each size of set has the same total weight in the fit; there is neither
    a kernel nor a penalty. Exact where the value is a sum over the units.

    Args:
        n: how many units there are.
        rng: the source of all chance.
        max_removed: so many units are removed at once at most.
        per_unit: evaluations a unit at most, the whole text not counted.
        num_nonzeros: only so many units have a score, chosen by a lasso path and fitted again; the others have 0.
        budget: so many evaluations at most, the whole text not counted; where there are fewer than units, the units
            that are left out have no score.
    """
    most = per_unit * n if budget is None else min(per_unit * n, budget)
    values = yield from evaluate(n, rng, max_removed, most)
    return fit(n, values, num_nonzeros)


def evaluate(
    n: int, rng: np.random.Generator, max_removed: int, most: int
) -> Attributing[Mapping[frozenset[int], float]]:
    """Asks for the values that C-LIME fits; those that could be had."""
    sets = [frozenset[int](), *_sets(n, rng, max_removed, most)]
    told = yield Value(tuple(sets))
    return {some: value for some, value in zip(sets, told, strict=True) if value is not None}


def fit(n: int, values: Mapping[frozenset[int], float], num_nonzeros: int | None = None) -> Scores:
    """The scores of the units by weighted least squares; None for units that no evaluation tells anything of."""
    told = set().union(*values)
    if frozenset() not in values or not told:
        return (None,) * n
    removed = np.array([[unit in some for unit in range(n)] for some in values], dtype=float)
    sizes = Counter(map(len, values))
    root = np.sqrt([1 / sizes[len(some)] for some in values])
    y = np.fromiter(values.values(), dtype=float)
    use = np.array(sorted(told))
    if num_nonzeros is not None and num_nonzeros < len(use):
        use = use[_lasso(removed[:, use], y, root, num_nonzeros)]
    scores = np.zeros(n)
    scores[use] = -_least_squares(removed[:, use], y, root)
    return tuple(float(score) if unit in told else None for unit, score in enumerate(scores))


def _sets(n: int, rng: np.random.Generator, max_removed: int, most: int) -> Iterator[frozenset[int]]:
    """Sets of units to remove, the small ones first; of a size that there is not room enough for, a draw."""
    left = most
    for size in range(1, min(max_removed, n) + 1):
        count = math.comb(n, size)
        if left <= 0:
            return
        if count <= left:
            yield from map(frozenset, itertools.combinations(range(n), size))
        else:
            drawn: dict[frozenset[int], None] = {}
            while len(drawn) < left:
                drawn[frozenset(int(i) for i in rng.choice(n, size, replace=False))] = None
            yield from drawn
        left -= min(count, left)


def _least_squares(
    removed: NDArray[np.float64], y: NDArray[np.float64], root: NDArray[np.float64]
) -> NDArray[np.float64]:
    design = np.column_stack([np.ones(len(y)), removed])
    solution = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0]
    return np.asarray(solution[1:], dtype=np.float64)


def _lasso(
    removed: NDArray[np.float64], y: NDArray[np.float64], root: NDArray[np.float64], wanted: int
) -> NDArray[np.int64]:
    """Which units enter a lasso path first.

    Units of just the same effect would end the path early; what is told is moved by a billionth to tell them apart.
    """
    from sklearn.linear_model import lars_path  # type: ignore[import-untyped]  # takes a second to import

    weights = root**2 / (root**2).sum()
    centred = (removed - weights @ removed) * root[:, None]
    target = (y - weights @ y) * root
    target += _TIE * np.abs(target).max() * np.random.default_rng(0).standard_normal(len(target))
    _, _, path = lars_path(centred, target, method="lasso")
    counts = (np.abs(path) > 0).sum(axis=0)
    column = int(np.flatnonzero(counts <= wanted)[-1])
    return np.flatnonzero(np.abs(path[:, column]) > 0)
