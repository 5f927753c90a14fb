"""Surrogate: clauses of units fitted to random ablations, with effects of units and of pairs (after ProxySPEX)."""

from collections.abc import Iterator

import numpy as np

from ..protocol import MethodOutcome, Value, ValueSearch
from ..registry import AttributionMethod
from ._limits import check_at_least
from ._surrogate_fit import fit_surrogate

PER_UNIT = 6
_FEWEST_ABLATIONS = 8  # where there are fewer evaluations than units: with fewer than these, units are removed alone


def surrogate(
    n: int, *, rng: np.random.Generator, per_unit: int = PER_UNIT, budget: int | None = None
) -> ValueSearch[MethodOutcome]:
    """Fit a sum of clauses ("all of these units are there", "any of them is") to the values of random ablations.

    Evaluated are the whole text, every unit removed alone, and texts without a random half of the units (each is
    removed with probability 1/2; no set twice), as many as the budget allows. Where it does not reach every unit alone,
    all of it goes to random ablations. The score of a unit is its Shapley value in the fitted sum, so that the scores
    add up to what all units together do; exact where the value is a sum over the units, with n evaluations or more.
    Interactions are the sum's Shapley interaction indices of pairs, where fits to parts of the values agree about them.

    Departures from ProxySPEX (Butler et al. 2025): the fit is a sparse sum of AND and OR clauses, chosen by exchanges
    under an extended BIC, mixed with a lasso by held-out error, instead of boosted trees; these fitted worse in every
    family of games that was tried (`benchmarks/surrogate.py`).

    Args:
        n: how many units there are.
        rng: the source of all chance.
        per_unit: evaluations for each unit at most, the whole text not counted.
        budget: evaluations at most, the whole text not counted.

    Raises:
        UsageError: an option is less than 1.
    """
    check_at_least(1, per_unit=per_unit)
    most = per_unit * n if budget is None else min(per_unit * n, budget)
    sets = [frozenset[int](), *ablations(n, rng, most)]
    answers = yield Value(tuple(sets))
    values = {removed: value for removed, value in zip(sets, answers, strict=True) if value is not None}
    removed_units = frozenset[int]().union(*values)
    if frozenset() not in values or not removed_units:
        return MethodOutcome((None,) * n)
    fitted = fit_surrogate(n, values, rng)
    scores = fitted.clauses.shapley(n)
    return MethodOutcome(
        tuple(score if unit in removed_units else None for unit, score in enumerate(scores)),
        interactions=fitted.interactions,
    )


def ablations(n: int, rng: np.random.Generator, most: int) -> Iterator[frozenset[int]]:
    """Yield sets of units to remove: each unit alone where that leaves something of the budget, then random ones."""
    drawn: dict[frozenset[int], None] = {}
    if most >= n or most < _FEWEST_ABLATIONS:
        drawn |= dict.fromkeys(frozenset([unit]) for unit in range(min(n, most)))
    room = min(most, 2**n - 1)
    while len(drawn) < room:
        removed = frozenset(np.flatnonzero(rng.random(n) < 0.5).tolist())
        if removed:
            drawn[removed] = None
    yield from drawn


SURROGATE = AttributionMethod(
    "surrogate", "A sum of AND and OR clauses fitted to random ablations: effects of units, and of pairs.", surrogate
)
