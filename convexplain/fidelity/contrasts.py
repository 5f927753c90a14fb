"""What the contrasts of a set of explained turns have in common: how often found, how small, at what cost."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from convexplain.types import Contrast

from .edits import Embed, edit_distance, edit_rate, preservations
from .estimates import Estimate, mean, proportion


@dataclass(frozen=True, slots=True)
class ContrastMeasures:
    """One explained turn.

    Attributes:
        found: whether the search ended with a contrast; None when that could not be told (the search broke off).
        before: the text that was to be edited.
        after: the contrast's text; counts only where one was found.
        calls: calls that the search spent; None when not known.
        prompts: prompts that were sent to any model for it; None when not known.
        seconds: how long it took; None when not known.
    """

    found: bool | None
    before: str
    after: str
    calls: int | None
    prompts: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class ContrastTable:
    """Contrasts measured over a set of turns. What is missing is left out: each estimate's n says how many were there.

    Attributes:
        turns: how many rows there were.
        flip_rate: for what proportion of the turns a contrast was found.
        edits: word-level edit distance, over those found.
        edit_rate: that distance by the words of the text before, over those found.
        content_preservation: cosine of the embeddings before and after, over those found; None without `embed`.
        calls: calls a turn, found or not.
        prompts: prompts a turn, found or not.
        seconds: seconds a turn, found or not.
        missing: how many values each of the above had to leave out.
    """

    turns: int
    flip_rate: Estimate
    edits: Estimate
    edit_rate: Estimate
    content_preservation: Estimate | None
    calls: Estimate
    prompts: Estimate
    seconds: Estimate
    missing: Mapping[str, int]


def contrast_measures(contrast: Contrast) -> ContrastMeasures:
    """One contrast as a row: the turns that might be edited, before and after."""
    before, after = contrast.texts
    scored = contrast.stopped != "not scored"
    found = contrast.found if scored else None
    return ContrastMeasures(found, before, after, contrast.calls, contrast.prompts, contrast.seconds)


def contrast_table(rows: Sequence[ContrastMeasures], embed: Embed | None = None, seed: int = 0) -> ContrastTable:
    """The properties of contrasts that the CELL paper reports (section 5.2), with 95 % intervals.

    Args:
        rows: the explained turns, found or not.
        embed: gives texts their vectors, for the content preservation; called once, with all texts.
        seed: of the bootstraps.

    Raises:
        UsageError: `embed` gives vectors that do not fit the texts.
    """
    missing: dict[str, int] = {}

    def known(column: str, values: Sequence[float | None]) -> list[float]:
        there = [value for value in values if value is not None and math.isfinite(value)]
        missing[column] = len(values) - len(there)
        return there

    def average(column: str, values: Sequence[float | None]) -> Estimate:
        return mean(known(column, values), seed)

    def over_found(value: Callable[[str, str], float | None]) -> list[float | None]:
        return [value(before, after) for before, after in pairs]

    pairs = [(row.before, row.after) for row in rows if row.found]
    told = known("flip_rate", [row.found for row in rows])
    return ContrastTable(
        turns=len(rows),
        flip_rate=proportion(len(pairs), len(told)),
        edits=average("edits", over_found(edit_distance)),
        edit_rate=average("edit_rate", over_found(edit_rate)),
        content_preservation=average("content_preservation", preservations(pairs, embed)) if embed else None,
        calls=average("calls", [row.calls for row in rows]),
        prompts=average("prompts", [row.prompts for row in rows]),
        seconds=average("seconds", [row.seconds for row in rows]),
        missing=missing,
    )
