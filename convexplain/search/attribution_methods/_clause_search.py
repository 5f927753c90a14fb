"""The search for the few clauses that explain values: exchanges of clauses, judged by an extended BIC."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._clause_sums import Clause, ClauseSum, Presence, mixture

SCREENED = 30  # units that may share a clause at most: those with the strongest effects of their own
_ROWS_PER_SCREENED = 3  # fewer rows say nothing of so many clauses
_ROWS_OF_ALL = 250  # of more rows fewer units are screened: the time grows with both
MAX_TERMS = 30
_MAX_EXCHANGES = 200
_FLOOR = 1e-3  # of the values' variation: a smaller error is as good as none
_DEPENDENT = 1e-3  # of a column's variation: one with less beyond the chosen ones is among them already
_TEMPER = 8.0  # how slowly the share of a worse solution falls with its criterion

Columns = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ClauseLibrary:
    """All clauses that a fit may take, and whether each row satisfies them.

    Attributes:
        clauses: the clauses, the shorter ones first.
        columns: one row for each text, one column for each clause; 1 = satisfied.
        penalties: for each clause the logarithm of how many of its kind there are: what choosing among them costs.
    """

    clauses: tuple[Clause, ...]
    columns: Columns
    penalties: NDArray[np.float64]

    def up_to(self, size: int) -> "ClauseLibrary":
        """Return the library of the clauses with so many units at most."""
        count = sum(len(clause.units) <= size for clause in self.clauses)
        return ClauseLibrary(self.clauses[:count], self.columns[:, :count], self.penalties[:count])

    def fitted(self, rows: NDArray[np.intp], y: NDArray[np.float64], chosen: Sequence[int]) -> ClauseSum:
        """Return the chosen clauses with their weights by least squares over some rows."""
        if not chosen:
            return ClauseSum(float(y.mean()))
        design = self.columns[rows][:, np.array(chosen, dtype=int)].astype(float)
        means = design.mean(axis=0)
        weights = np.linalg.lstsq(design - means, y - y.mean(), rcond=1e-8)[0]
        named = zip((self.clauses[j] for j in chosen), map(float, weights), strict=True)
        return ClauseSum(float(y.mean() - means @ weights), dict(named))


def clause_library(present: Presence, y: NDArray[np.float64], size: int) -> ClauseLibrary:
    """Return the clauses of up to `size` units, longer than one among the units with the strongest effects only."""
    n = present.shape[1]
    there = present.astype(np.float32)
    gone = 1 - there
    clauses = [Clause("all", (unit,)) for unit in range(n)]
    columns, penalties = [there], [math.log(n)] * n
    screened = _screened(there, y)
    for count in range(2, size + 1):
        groups = np.array(list(itertools.combinations(screened, count)), dtype=int)
        if not len(groups):
            break
        together, missing = there[:, groups[:, 0]], gone[:, groups[:, 0]]
        for place in range(1, count):
            together, missing = together * there[:, groups[:, place]], missing * gone[:, groups[:, place]]
        columns += [together, 1 - missing]
        named = [tuple(int(unit) for unit in group) for group in groups]
        clauses += [Clause("all", units) for units in named] + [Clause("any", units) for units in named]
        penalties += [math.log(2 * math.comb(n, count))] * (2 * len(groups))
    return ClauseLibrary(tuple(clauses), np.concatenate(columns, axis=1), np.array(penalties))


def _screened(there: Columns, y: NDArray[np.float64]) -> list[int]:
    rows, n = there.shape
    if n <= SCREENED:
        return list(range(n))
    centred = there - there.mean(axis=0)
    strength = np.abs((y - y.mean()) @ centred) / np.sqrt((centred**2).sum(axis=0) + 1e-9)
    most = min(SCREENED, rows // _ROWS_PER_SCREENED, int(SCREENED * math.sqrt(_ROWS_OF_ALL / rows)))
    return sorted(int(unit) for unit in np.argsort(-strength, kind="stable")[:most])


def average_of_solutions(
    library: ClauseLibrary, y: NDArray[np.float64], parts: Sequence[NDArray[np.intp]]
) -> tuple[ClauseSum, list[ClauseSum]]:
    """Return an average over good choices of clauses for all rows, and the best choice for each part of the rows.

    The search over all rows is begun once with nothing and once with each part's solution, so that it does not end with
    the first local optimum; its solutions are averaged, the better by the criterion the more.
    """
    every = np.arange(len(y))
    solutions: dict[tuple[int, ...], float] = {}
    of_parts = []
    for rows in (None, *parts):
        start: list[int] = []
        if rows is not None:
            start, _ = exchanged(library, rows, y[rows], [])
            of_parts.append(library.fitted(rows, y[rows], start))
        chosen, criterion = exchanged(library, every, y, start)
        solutions[tuple(sorted(chosen))] = criterion
    criteria = np.array(list(solutions.values()))
    shares = np.exp(-(criteria - criteria.min()) / 2 / _TEMPER)
    shares /= shares.sum()
    return mixture([library.fitted(every, y, chosen) for chosen in solutions], shares), of_parts


def exchanged(
    library: ClauseLibrary, rows: NDArray[np.intp], y: NDArray[np.float64], start: Sequence[int]
) -> tuple[list[int], float]:
    """Add, remove and exchange clauses as long as that lowers the criterion; return them and the criterion.

    The criterion is an extended BIC (Chen and Chen 2008): m log(squared error) and for each clause log m and the
    logarithm of the number of clauses of its length. Where all values are the same, no clause is needed.
    """
    if float(np.ptp(y)) == 0.0:
        return [], 0.0
    step = _Exchange(library.columns[rows], y, math.log(len(y)) + library.penalties)
    chosen, criterion = list(start), math.inf
    for _ in range(_MAX_EXCHANGES):
        criterion, better = step.best(chosen)
        if better is None:
            break
        chosen = better
    return chosen, criterion


@dataclass(frozen=True, slots=True)
class _Choice:
    """Chosen columns, and what the other columns are beyond them.

    Attributes:
        places: the chosen columns.
        error: the squared error of their fit.
        cost: what choosing them costs.
        norms: of each column the squared length of the part that does not follow from the chosen ones.
        products: of each column the product of that part with the target.
    """

    places: list[int]
    error: float
    cost: float
    norms: NDArray[np.float32]
    products: NDArray[np.float32]


class _Exchange:
    """The best single change of a choice of columns."""

    def __init__(self, columns: Columns, y: NDArray[np.float64], costs: NDArray[np.float64]) -> None:
        self._columns = columns
        self._target = y - y.mean()
        self._costs = costs
        total = float(self._target @ self._target)
        self._floor = _FLOOR * total
        means = columns.mean(axis=0, dtype=float)
        norms = (columns.sum(axis=0, dtype=float) - len(y) * means**2).astype(np.float32)  # of zeros and ones
        self._nothing = _Choice([], total, 0.0, norms, self._target.astype(np.float32) @ columns)
        self._least = _DEPENDENT * norms + 1e-6
        self._most = min(MAX_TERMS, len(y) // 2)
        changes = np.flatnonzero(np.diff(costs)) + 1
        self._groups = list(itertools.pairwise([0, *changes.tolist(), len(costs)]))

    def best(self, chosen: list[int]) -> tuple[float, list[int] | None]:
        """Return the criterion of the chosen columns, and a better choice by one change; None where there is none."""
        if not chosen:
            return self._changed(self._nothing, np.empty((0, 0)), np.empty(0), self._columns[:0])
        design = self._columns[:, chosen].astype(float)
        orthogonal, triangle = np.linalg.qr(design - design.mean(axis=0))
        diagonal = np.abs(np.diag(triangle))
        if diagonal.min() < 1e-7:  # a column that follows from the others, in these rows
            place = int(diagonal.argmin())
            return math.inf, _without(chosen, place)
        shadow = orthogonal.T.astype(np.float32) @ self._columns
        effects = orthogonal.T @ self._target
        current = _Choice(
            chosen,
            self._nothing.error - float(effects @ effects),
            float(self._costs[chosen].sum()),
            self._nothing.norms - (shadow**2).sum(axis=0),
            self._nothing.products - effects.astype(np.float32) @ shadow,
        )
        inverse = np.linalg.inv(triangle)
        alone = inverse / np.linalg.norm(inverse, axis=1)[:, None]  # each chosen column's part beyond the others
        return self._changed(current, alone, alone @ effects, shadow)

    def _changed(
        self, current: _Choice, alone: NDArray[np.float64], effects: NDArray[np.float64], shadow: Columns
    ) -> tuple[float, list[int] | None]:
        """One clause more or one fewer where that is better, else the best exchange of one."""
        criterion = self._criterion(current.error, current.cost)
        best: tuple[float, list[int] | None] = (criterion - 1e-6, None)
        if len(current.places) < self._most:
            best = self._with_another(current, current.places, best)
        for place, effect in enumerate(effects):
            cost = current.cost - float(self._costs[current.places[place]])
            value = self._criterion(current.error + float(effect**2), cost)
            best = min(best, (value, _without(current.places, place)), key=lambda option: option[0])
        if best[1] is None:
            for place, effect in enumerate(effects):
                part = alone[place].astype(np.float32) @ shadow
                fewer = _Choice(
                    _without(current.places, place),
                    current.error + float(effect**2),
                    current.cost - float(self._costs[current.places[place]]),
                    current.norms + part**2,
                    current.products + np.float32(effect) * part,
                )
                best = self._with_another(fewer, current.places, best)
        return criterion, best[1]

    def _with_another(
        self, base: _Choice, refused: list[int], best: tuple[float, list[int] | None]
    ) -> tuple[float, list[int] | None]:
        """The best option after the addition of a column, of all columns of the same cost the one that does most."""
        free = base.norms > self._least
        free[refused] = False
        gains = np.divide(base.products**2, base.norms, out=np.zeros_like(base.norms), where=free)
        for first, last in self._groups:
            column = first + int(gains[first:last].argmax())
            if free[column]:
                value = self._criterion(base.error - float(gains[column]), base.cost + float(self._costs[column]))
                best = min(best, (value, [*base.places, column]), key=lambda option: option[0])
        return best

    def _criterion(self, error: float, cost: float) -> float:
        return len(self._target) * math.log(max(error, 0.0) + self._floor) + cost


def _without(places: list[int], place: int) -> list[int]:
    return places[:place] + places[place + 1 :]
