"""The fit of a surrogate: sparse linear and clause fits, mixed by their error on rows that they were not fitted to."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from convexplain.types import Interaction

from ._clause_search import average_of_solutions, clause_library
from ._clause_sums import ClauseSum, Pair, Presence, from_table, linear, mixture

MOST_INTERACTIONS = 5
_PARTS = 8  # fits to a part of the rows: for the held-out error, and for the support of interactions
_PART = 0.7  # of the random ablations: in each part
_FEWEST_HELD_OUT = 3  # random ablations; with fewer there is no held-out error
_EXACT = 1e-9  # of the values' range: a smaller error is rounding
_STABLE = 0.6  # of the parts: an interaction is supported where so many show it
_SMALLEST = 0.05  # of the values' range: a smaller interaction is none
_SMALLEST_IN_TABLE = 0.2  # the same, where no row can be held out

Numbers: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.intp]
Candidate: TypeAlias = tuple[ClauseSum, list[ClauseSum]]
"""A fit to all rows, and one to each part of them."""


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A fitted sum of clauses.

    Attributes:
        clauses: the sum.
        interactions: the supported ones, the largest first.
    """

    clauses: ClauseSum
    interactions: tuple[Interaction, ...] = ()


def fit_surrogate(n: int, values: Mapping[frozenset[int], float], rng: np.random.Generator) -> Surrogate:
    """Fit a sum of clauses to the values of sets of removed units.

    Where a sum over the units explains the values exactly, it is that sum; where all 2^n sets have a value, the sum has
    just these values. Else three fits are mixed: a sparse linear one (lasso), and clauses of up to two and up to three
    units. Their shares are those with the least squared error on held-out random ablations.

    Args:
        n: how many units there are.
        values: the value of each set of removed units; not empty.
        rng: draws the parts of the rows.
    """
    sets = sorted(values, key=lambda removed: (len(removed) > 1, sorted(removed)))
    present = np.array([[unit not in removed for unit in range(n)] for removed in sets])
    y = np.array([values[removed] for removed in sets])
    spread = float(np.ptp(y))
    plain, unique = _least_squares(present, y)
    error = np.abs(plain.values(present) - y).max()
    if unique and error <= _EXACT * spread + _EXACT**2 * np.abs(y).max():
        return Surrogate(plain)
    if len(sets) == 2**n:
        table = from_table(n, values)
        return Surrogate(table, _largest(table, table.pairs(), n, _SMALLEST_IN_TABLE * spread))
    first = sum(len(removed) <= 1 for removed in sets)
    if len(sets) - first < _FEWEST_HELD_OUT:
        return Surrogate(plain)
    return _mixed(present, y, first, rng)


def _least_squares(present: Presence, y: Numbers) -> tuple[ClauseSum, bool]:
    """The linear fit, and whether there is just one."""
    means = present.mean(axis=0)
    effects, _, rank, _ = np.linalg.lstsq(present - means, y - y.mean(), rcond=1e-8)
    unique = float(np.ptp(y)) == 0.0 or rank == np.count_nonzero(~present.all(axis=0))
    return linear(float(y.mean() - means @ effects), effects), unique


def _mixed(present: Presence, y: Numbers, first: int, rng: np.random.Generator) -> Surrogate:
    """The mixture of all fits; `first` is the first row that may be held out."""
    parts = [_part(first, len(y), rng) for _ in range(_PARTS)]
    library = clause_library(present, y, 3)
    candidates = [
        _lasso(present, y, parts),
        average_of_solutions(library.up_to(2), y, parts),
        average_of_solutions(library, y, parts),
    ]
    shares = _shares(present, y, parts, candidates)
    clauses = mixture((fit for fit, _ in candidates), shares)
    by_part = [mixture(fits, shares).pairs() for fits in zip(*(fits for _, fits in candidates), strict=True)]
    stable = {pair: index for pair, index in clauses.pairs().items() if _support(pair, index, by_part) >= _STABLE}
    return Surrogate(clauses, _largest(clauses, stable, present.shape[1], _SMALLEST * float(np.ptp(y))))


def _part(first: int, rows: int, rng: np.random.Generator) -> Rows:
    """Most of the random ablations, and all other rows."""
    drawn = rng.choice(np.arange(first, rows), max(1, round(_PART * (rows - first))), replace=False)
    return np.sort(np.concatenate([np.arange(first), drawn]))


def _lasso(present: Presence, y: Numbers, parts: Sequence[Rows]) -> Candidate:
    from sklearn.exceptions import ConvergenceWarning  # type: ignore[import-untyped]  # takes a second to import
    from sklearn.linear_model import Lasso, LassoCV  # type: ignore[import-untyped]

    there = present.astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        full = LassoCV(cv=min(5, len(y)), alphas=30).fit(there, y)
        of_parts = [Lasso(full.alpha_).fit(there[rows], y[rows]) for rows in parts]
    fits = [linear(float(fit.intercept_), fit.coef_) for fit in (full, *of_parts)]
    return fits[0], fits[1:]


def _shares(present: Presence, y: Numbers, parts: Sequence[Rows], candidates: Sequence[Candidate]) -> list[float]:
    """The share of each candidate: they add up to 1 and leave the least squared error on held-out rows.

    A row is predicted by the mean of the fits to those parts that it is not in.
    """
    from scipy.optimize import nnls  # type: ignore[import-untyped]

    held_out = np.ones((len(parts), len(y)), dtype=bool)
    for place, rows in enumerate(parts):
        held_out[place, rows] = False
    counts = held_out.sum(axis=0)
    rows = np.flatnonzero(counts)
    predicted = np.column_stack(
        [
            (np.array([fit.values(present) for fit in fits]) * held_out).sum(axis=0)[rows] / counts[rows]
            for _, fits in candidates
        ]
    )
    # A heavy row of ones makes the shares add up to 1.
    heavy = 1e3 * float(np.abs(y).max() + 1e-12)
    design = np.vstack([predicted, np.full((1, len(candidates)), heavy)])
    shares, _ = nnls(design, np.append(y[rows], heavy))
    return [float(share) for share in shares / shares.sum()]


def _support(pair: Pair, index: float, by_part: Sequence[Mapping[Pair, float]]) -> float:
    """The share of the parts in which a pair has at least half of this index, with its sign."""
    return sum(indices.get(pair, 0.0) / index >= 0.5 for indices in by_part) / len(by_part) if index else 0.0


def _largest(clauses: ClauseSum, indices: Mapping[Pair, float], n: int, least: float) -> tuple[Interaction, ...]:
    large = [pair for pair, index in indices.items() if abs(index) >= max(least, 1e-12)]
    large.sort(key=lambda pair: (-abs(indices[pair]), pair))
    return tuple(Interaction(pair, indices[pair], _around(clauses, pair, n)) for pair in large[:MOST_INTERACTIONS])


def _around(clauses: ClauseSum, pair: Pair, n: int) -> tuple[float, float, float, float]:
    """The sum's values of the whole text, without the first of two units, without the second, without both."""
    present = np.ones((4, n), dtype=bool)
    present[[1, 3], pair[0]] = False
    present[[2, 3], pair[1]] = False
    full, without_first, without_second, without_both = map(float, clauses.values(present))
    return full, without_first, without_second, without_both
