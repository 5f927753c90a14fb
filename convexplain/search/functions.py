"""The searches over plain text: `guided`, `few`, `cell_budget` and `cell`; `asearch` is all of them, for coroutines."""

from collections.abc import Sequence
from typing import Unpack

from ._solving import Fill, Options, Respond, Result, ScoreFn, solve


def cell(
    text_or_units: str | Sequence[str],
    *,
    respond: Respond,
    infill: Fill,
    score: ScoreFn,
    delta: float,
    **options: Unpack[Options],
) -> Result:
    """CELL, the paper's myopic search (Algorithm 2): thorough, and dear on long texts.

    Args:
        text_or_units: a text, or the units that it consists of, which joined give it.
        respond: the model that is explained: texts in, answers out.
        infill: fills for texts with one hole each (`Masked`); None or the old words where it has none.
        score: g(x0, y0, [(xc, yc), …]), a number for each pair of perturbed text and its answer; None or NaN where
            there is none.
        delta: g from which on a candidate is a contrast.
        options: see `Options`.

    Raises:
        UsageError: an argument cannot be meant, or a function returns the wrong number of values.
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
) -> Result:
    """CELL-budget, the paper's search within a budget of calls (Algorithms 1, 3, 4 and 5). Arguments as `cell`."""
    return solve("cell_budget", text_or_units, respond, infill, score, delta, options)


def guided(
    text_or_units: str | Sequence[str],
    *,
    respond: Respond,
    infill: Fill,
    score: ScoreFn,
    delta: float,
    **options: Unpack[Options],
) -> Result:
    """The search by informative questions: fewest calls and edits. Arguments as `cell`."""
    return solve("guided", text_or_units, respond, infill, score, delta, options)


def few(
    text_or_units: str | Sequence[str],
    *,
    respond: Respond,
    infill: Fill,
    score: ScoreFn,
    delta: float,
    **options: Unpack[Options],
) -> Result:
    """The search by few edits: those that read best. Arguments as `cell`."""
    return solve("few", text_or_units, respond, infill, score, delta, options)
