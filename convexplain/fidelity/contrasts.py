"""Measures of the contrasts of a set of explained turns: how often there is one, how small, at what cost."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from convexplain.types import Contrast

from .edits import Embed, edit_distance, edit_rate, preservations
from .estimates import Estimate, mean, proportion


@dataclass(frozen=True, slots=True)
class ContrastMeasures:
    """The measures of one explained turn.

    Attributes:
        found: the search ended with a contrast; None when that is not known (the search broke off).
        before: the text that was to be edited.
        after: the contrast's text; counts only where there is one.
        calls: calls that the search spent; None when not measured.
        prompts: prompts that were sent to any model for it; None when not measured.
        seconds: the duration of the search; None when not measured.
    """

    found: bool | None
    before: str
    after: str
    calls: int | None
    prompts: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class ContrastTable:
    """Measures over a set of turns. Missing values are left out: each estimate's n is the number of the present ones.

    Attributes:
        turns: how many rows there were.
        flip_rate: the proportion of the turns with a contrast, in [0, 1].
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
    """Return the measures of one contrast: of the turns that might be edited, before and after."""
    before, after = contrast.texts
    is_contrast = contrast.found if contrast.stopped != "not scored" else None
    return ContrastMeasures(is_contrast, before, after, contrast.calls, contrast.prompts, contrast.seconds)


def contrast_table(rows: Sequence[ContrastMeasures], embed: Embed | None = None, seed: int = 0) -> ContrastTable:
    """Return the properties of contrasts that the CELL paper reports (section 5.2), with 95 % intervals.

    Args:
        rows: the explained turns, found or not.
        embed: gives texts their vectors, for the content preservation; called once, with all texts.
        seed: of the bootstraps.

    Raises:
        UsageError: `embed` gives vectors that do not fit the texts.
    """
    missing: dict[str, int] = {}

    def present(column: str, values: Sequence[float | None]) -> list[float]:
        finite = [value for value in values if value is not None and math.isfinite(value)]
        missing[column] = len(values) - len(finite)
        return finite

    def average(column: str, values: Sequence[float | None]) -> Estimate:
        return mean(present(column, values), seed)

    def of_contrasts(value: Callable[[str, str], float | None]) -> list[float | None]:
        return [value(before, after) for before, after in pairs]

    pairs = [(row.before, row.after) for row in rows if row.found]
    searched = present("flip_rate", [row.found for row in rows])
    return ContrastTable(
        turns=len(rows),
        flip_rate=proportion(len(pairs), len(searched)),
        edits=average("edits", of_contrasts(edit_distance)),
        edit_rate=average("edit_rate", of_contrasts(edit_rate)),
        content_preservation=average("content_preservation", preservations(pairs, embed)) if embed else None,
        calls=average("calls", [row.calls for row in rows]),
        prompts=average("prompts", [row.prompts for row in rows]),
        seconds=average("seconds", [row.seconds for row in rows]),
        missing=missing,
    )
