"""Themes of two runs side by side: which of them are the same, and which grew, shrank, came or went."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from .grouping import nearest_groups
from .similarity import Embedder, failure_vectors
from .statistics import change_q_values, share_change
from .theme import FlaggedTurn, Theme, Trend

ThemeOutcome = Literal["grew", "shrank", "new", "gone", "no clear change"]

_MOST_Q = 0.05  # of what is said to have changed
_MOST = 50  # members of a theme that are compared: the most typical


@dataclass(frozen=True, slots=True)
class RunThemeMembers:
    """A theme of a run, with the turns of its most typical members."""

    theme: Theme
    turns: Sequence[FlaggedTurn]


@dataclass(frozen=True, slots=True)
class ThemeChange:
    """A failure mode in two runs.

    Attributes:
        name: of its largest theme, in the second run where it has one there.
        before, after: how many turns its themes have in the first and in the second run.
        change: their shares of all judged turns, and the 95 % interval of the difference.
        q: how probable the difference is by chance, corrected for all failure modes (Benjamini and Hochberg).
    """

    name: str
    before: int
    after: int
    change: Trend
    q: float

    @property
    def outcome(self) -> ThemeOutcome:
        """Return what happened; a change whose interval holds 0, or whose q is above 0.05, may be chance."""
        low, high = self.change.interval
        if low <= 0 <= high or self.q > _MOST_Q:
            return "no clear change"
        if not self.before:
            return "new"
        if not self.after:
            return "gone"
        return "grew" if low > 0 else "shrank"

    @property
    def words(self) -> str:
        """Return the change in words, with counts, shares and the interval."""
        low, high = self.change.interval
        shares = f"{100 * self.change.before:.1f} % → {100 * self.change.after:.1f} %"
        interval = f"95 % interval of the change {100 * low:+.1f} to {100 * high:+.1f} points"
        return f"{self.outcome}: {self.before:,} → {self.after:,} turns ({shares}, {interval}, q = {self.q:.2g})"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {**asdict(self), "outcome": self.outcome, "words": self.words}


def theme_changes(
    first: Sequence[RunThemeMembers],
    second: Sequence[RunThemeMembers],
    judged: tuple[int, int],
    good: Sequence[FlaggedTurn],
    embed: Embedder,
) -> list[ThemeChange]:
    """Return the failure modes of two runs, those that grew most first.

    Themes are the same where they continue one pinned theme or have one name, or where most members of one are nearest
    to members of the other, as turns are given to pinned themes. Several themes of a run may be one mode of the other.

    Args:
        first, second: the themes of the runs.
        judged: how many turns each run has judged.
        good: good turns for comparison, as of `find_themes`.
        embed: returns a vector for each text.
    """
    sides = [*first, *second]
    modes = _modes(first, second, good, embed) if first and second else [{i} for i in range(len(sides))]
    counts = [_counts(sides, len(first), mode) for mode in modes]
    q_values = change_q_values(counts, judged)
    changes = [
        ThemeChange(_name(sides, len(first), mode), before, after, share_change(before, judged[0], after, judged[1]), q)
        for mode, (before, after), q in zip(modes, counts, q_values, strict=True)
    ]
    return sorted(changes, key=lambda change: (change.change.before - change.change.after, change.name))


def _counts(sides: Sequence[RunThemeMembers], start: int, mode: set[int]) -> tuple[int, int]:
    """Return how many turns a mode has in the first and in the second run."""
    before = sum(len(sides[i].theme.members) for i in mode if i < start)
    return before, sum(len(sides[i].theme.members) for i in mode if i >= start)


def _name(sides: Sequence[RunThemeMembers], start: int, mode: set[int]) -> str:
    """Return the name of a mode's largest theme, in the second run where it has one there."""
    return sides[max(mode, key=lambda i: (i >= start, len(sides[i].theme.members)))].theme.name


def _modes(
    first: Sequence[RunThemeMembers], second: Sequence[RunThemeMembers], good: Sequence[FlaggedTurn], embed: Embedder
) -> list[set[int]]:
    """Return the sets of themes that are one mode, as positions among the themes of both runs."""
    sides = [*first, *second]
    ends = np.cumsum([0, *(len(side.turns[:_MOST]) for side in sides)]).tolist()
    vectors = failure_vectors([turn for side in sides for turn in side.turns[:_MOST]], good, embed)
    parts = [vectors[begin:end] for begin, end in pairwise(ends)]
    modes = [{i} for i in range(len(sides))]
    earlier, later = range(len(first)), range(len(first), len(sides))
    for side, across in ((earlier, later), (later, earlier)):
        for i in side:
            same = [k for k in across if _continues(sides[i].theme, sides[k].theme)]
            owners = nearest_groups(parts[i], [parts[k] for k in across])
            majority = [k for n, k in enumerate(across) if 2 * owners.count(n) > len(owners)]
            for k in same or majority:
                _join(modes, i, k)
    return list({id(mode): mode for mode in modes}.values())


def _continues(theme: Theme, second: Theme) -> bool:
    """Return whether two themes continue one pinned theme, or have one name."""
    return theme.name == second.name or (theme.pinned is not None and theme.pinned == second.pinned)


def _join(modes: list[set[int]], first: int, second: int) -> None:
    """Make the modes of two themes one."""
    joined = modes[first] | modes[second]
    for i in joined:
        modes[i] = joined
