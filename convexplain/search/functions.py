"""Contrast searches over plain text and attribution methods over any value, as plain functions.

`asearch` and `aattribute` run every search of the registries by its name, those of other packages too.
"""

from collections.abc import Sequence
from typing import Unpack

from .attribution import AttributionResult, Units, ValueFn, attribute
from .attribution_methods.clime import PER_UNIT
from .attribution_methods.surrogate import PER_UNIT as SURROGATE_PER_UNIT
from .plain_text import Fill, Options, Respond, ScoreFn, SearchResult, solve


def cell(
    text_or_units: str | Sequence[str],
    *,
    respond: Respond,
    infill: Fill,
    score: ScoreFn,
    delta: float,
    **options: Unpack[Options],
) -> SearchResult:
    """Search by CELL, the paper's myopic search (Algorithm 2): thorough, and expensive on long texts.

    Args:
        text_or_units: a text, or its units, which give the text when they are joined.
        respond: the model that is explained: texts in, answers out.
        infill: texts with one hole each (`Masked`) in, fills out; None or the old words where there is no fill.
        score: g(x0, y0, [(xc, yc), …]), a number for each pair of perturbed text and its answer; None or NaN where
            there is none.
        delta: g from which on a candidate is a contrast.
        options: see `Options`.

    Raises:
        UsageError: an argument is not valid, or a function returns the wrong number of values.
    """
    return solve("cell", text_or_units, respond, infill, score, delta, options)


def cell_budget(
    text_or_units: str | Sequence[str],
    *,
    respond: Respond,
    infill: Fill,
    score: ScoreFn,
    delta: float,
    **options: Unpack[Options],
) -> SearchResult:
    """Search by CELL-budget, the paper's search within a budget (Algorithms 1, 3, 4 and 5). Arguments as `cell`."""
    return solve("cell_budget", text_or_units, respond, infill, score, delta, options)


def guided(
    text_or_units: str | Sequence[str],
    *,
    respond: Respond,
    infill: Fill,
    score: ScoreFn,
    delta: float,
    **options: Unpack[Options],
) -> SearchResult:
    """Search with the most informative candidates first: fewest calls and edits. Arguments as `cell`."""
    return solve("guided", text_or_units, respond, infill, score, delta, options)


def few(
    text_or_units: str | Sequence[str],
    *,
    respond: Respond,
    infill: Fill,
    score: ScoreFn,
    delta: float,
    **options: Unpack[Options],
) -> SearchResult:
    """Search among small sets of edits first: those that read best. Arguments as `cell`."""
    return solve("few", text_or_units, respond, infill, score, delta, options)


def loo(units: Units, *, value: ValueFn, budget: int | None = None) -> AttributionResult:
    """Attribute by leave one out: the loss of value when a unit is removed.

    Args:
        units: the units, or how many there are.
        value: from sets of removed units to the value of the text without each; None or NaN where there is none.
        budget: sets that are evaluated at most, the empty one not counted; no limit unless given.

    Raises:
        UsageError: an argument is not valid, or `value` returns the wrong number of values.
    """
    return attribute("loo", units, value, budget=budget)


def clime(
    units: Units,
    *,
    value: ValueFn,
    seed: int = 0,
    max_removed: int = 2,
    per_unit: int = PER_UNIT,
    num_nonzeros: int | None = None,
    budget: int | None = None,
) -> AttributionResult:
    """Attribute by C-LIME (MExGen): a linear fit to the values of the text without one or two of its units.

    Args:
        units: the units, or how many there are.
        value: as in `loo`.
        seed: the same seed gives the same result.
        max_removed: units that are removed at once at most.
        per_unit: evaluations a unit at most.
        num_nonzeros: the number of units with a score other than 0; all unless given.
        budget: as in `loo`.

    Raises:
        UsageError: as `loo`.
    """
    return attribute(
        "clime",
        units,
        value,
        seed=seed,
        max_removed=max_removed,
        per_unit=per_unit,
        num_nonzeros=num_nonzeros,
        budget=budget,
    )


def lshap(
    units: Units,
    *,
    value: ValueFn,
    radius: int | None = 2,
    max_removed: int | None = 2,
    budget: int | None = None,
) -> AttributionResult:
    """Attribute by L-SHAP (Chen et al. 2019; MExGen): Shapley values among neighbours.

    Args:
        units: the units, or how many there are.
        value: as in `loo`.
        radius: units on either side that are a unit's neighbours; None = all: with `max_removed=None` the Shapley
            values, at 2^n evaluations.
        max_removed: neighbours that are removed at once at most; None = all.
        budget: as in `loo`; radius and max_removed are made smaller until it is enough.

    Raises:
        UsageError: as `loo`.
    """
    return attribute("lshap", units, value, radius=radius, max_removed=max_removed, budget=budget)


def joint(
    units: Units,
    *,
    value: ValueFn,
    k: int = 3,
    seed: int = 0,
    side: int = 1,
    start: Sequence[float] | None = None,
    budget: int | None = None,
) -> AttributionResult:
    """Attribute jointly (XPrompt, Chang et al. 2024): find the k units whose removal together moves the value most.

    Args:
        units: the units, or how many there are.
        value: as in `loo`.
        k: units that are removed together.
        seed: the same seed gives the same result.
        side: 1 looks for the largest fall of the value, -1 for the largest rise.
        start: a guess of what each unit does alone, from a gradient for example: its best set is tried first, and where
            the budget is not enough to measure each unit alone it takes the place of these measurements.
        budget: as in `loo`; 10 a unit unless given.

    Returns:
        The set in `chosen`, its loss of value in `drop`; `scores` are those of the single units, by a linear fit.

    Raises:
        UsageError: as `loo`.
    """
    return attribute("joint", units, value, k=k, seed=seed, side=side, start=start, budget=budget)


def surrogate(
    units: Units,
    *,
    value: ValueFn,
    seed: int = 0,
    per_unit: int = SURROGATE_PER_UNIT,
    budget: int | None = None,
) -> AttributionResult:
    """Attribute by a surrogate: AND and OR clauses of units, fitted to random ablations (after ProxySPEX).

    Args:
        units: the units, or how many there are.
        value: as in `loo`.
        seed: the same seed gives the same result.
        per_unit: evaluations a unit at most.
        budget: as in `loo`.

    Returns:
        The Shapley values of the fitted sum in `scores`; in `interactions` the pairs of units that do more or less
        together than the sum of the two, where that is well supported.

    Raises:
        UsageError: as `loo`.
    """
    return attribute("surrogate", units, value, seed=seed, per_unit=per_unit, budget=budget)
