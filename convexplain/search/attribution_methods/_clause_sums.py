"""Sums of clauses: a value as a constant and a weight for each clause that the remaining units satisfy.

A clause is satisfied where all of its units are there (`all`: each is needed), or where any is (`any`: either is
enough). A clause of one unit is that unit's own effect. Shapley values and interaction indices of such a sum are exact
and cost nothing, since both are linear in the clauses.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pair: TypeAlias = tuple[int, int]
Presence: TypeAlias = NDArray[np.bool_]
"""One row for each evaluated text, one column for each unit; True = the unit is there."""


@dataclass(frozen=True, slots=True, order=True)
class Clause:
    """Units that count together.

    Attributes:
        kind: `all` = satisfied where all of them are there, `any` = where at least one is.
        units: their numbers, in order; one at least.
    """

    kind: Literal["all", "any"]
    units: tuple[int, ...]

    def satisfied(self, present: Presence) -> Presence:
        """Return for each row of `present` whether the clause is satisfied."""
        columns = present[:, list(self.units)]
        return np.asarray(columns.all(axis=1) if self.kind == "all" else columns.any(axis=1))


@dataclass(frozen=True, slots=True)
class ClauseSum:
    """A constant and weighted clauses.

    Attributes:
        base: the constant.
        weights: the weight of each clause, on the scale of the value.
    """

    base: float = 0.0
    weights: Mapping[Clause, float] = field(default_factory=dict)

    def values(self, present: Presence) -> NDArray[np.float64]:
        """Return the value of each row of `present`."""
        total = np.full(len(present), self.base)
        for clause, weight in self.weights.items():
            total += weight * clause.satisfied(present)
        return total

    def shapley(self, n: int) -> list[float]:
        """Return the Shapley value of each of n units: each clause's weight is shared equally by its units."""
        scores = [0.0] * n
        for clause, weight in self.weights.items():
            for unit in clause.units:
                scores[unit] += weight / len(clause.units)
        return scores

    def pairs(self) -> dict[Pair, float]:
        """Return the Shapley interaction index of each pair that shares a clause.

        Positive = the two together raise the value beyond the sum of the two (each is needed); negative = either is
        enough. A clause of s units and weight w gives each of its pairs w / (s - 1), with that sign.
        """
        indices: dict[Pair, float] = {}
        for clause, weight in self.weights.items():
            sign = 1 if clause.kind == "all" else -1
            for pair in itertools.combinations(clause.units, 2):
                indices[pair] = indices.get(pair, 0.0) + sign * weight / (len(clause.units) - 1)
        return indices


def mixture(sums: Iterable[ClauseSum], shares: Iterable[float]) -> ClauseSum:
    """Return the sums added up, each times its share."""
    base, weights = 0.0, dict[Clause, float]()
    for clause_sum, share in zip(sums, shares, strict=True):
        base += float(share) * clause_sum.base
        for clause, weight in clause_sum.weights.items():
            weights[clause] = weights.get(clause, 0.0) + float(share) * weight
    return ClauseSum(base, weights)


def linear(base: float, effects: Sequence[float]) -> ClauseSum:
    """Return the sum in which each unit has an effect of its own and none counts together with another."""
    return ClauseSum(base, {Clause("all", (unit,)): float(effect) for unit, effect in enumerate(effects)})


def from_table(n: int, values: Mapping[frozenset[int], float]) -> ClauseSum:
    """Return the sum that has exactly these values of all 2^n sets of removed units (their Möbius coefficients)."""
    subsets = [frozenset(unit for unit in range(n) if number >> unit & 1) for number in range(2**n)]
    coefficients = np.array([values[subsets[-1] - units] for units in subsets])
    numbers = np.arange(2**n)
    for unit in range(n):
        larger = numbers[(numbers >> unit & 1) == 1]
        coefficients[larger] -= coefficients[larger - (1 << unit)]
    named = zip(subsets[1:], map(float, coefficients[1:]), strict=True)
    return ClauseSum(float(coefficients[0]), {Clause("all", tuple(sorted(units))): weight for units, weight in named})
