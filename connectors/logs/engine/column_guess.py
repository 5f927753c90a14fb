"""A guess at what the columns of a table with unusual names hold, as the option that a person may copy."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Protocol

SAMPLE = 200
"""Rows that a guess looks at."""
_UNKNOWN = "…"


class Row(Protocol):
    """A row of a table."""

    @property
    def cells(self) -> list[str]:
        """The cells; fewer than columns where the row cannot be read."""


def columns_option(header: Sequence[str], usual: Mapping[str, str | None], rows: Iterable[Row]) -> str:
    """Return the option `--columns conversation=…,role=…,content=…`, with the columns that are known or plausible.

    Args:
        header: the columns' names.
        usual: the columns with usual names, by the attributes of ColumnMap; None for those that there are not.
        rows: the first rows.
    """
    complete = [row.cells for row in rows if len(row.cells) == len(header)]
    free = {
        name: [cells[i].strip() for cells in complete]
        for i, name in reversed(list(enumerate(header)))
        if name and name not in usual.values() and not set(",=") & set(name)
    }
    free = dict(reversed(free.items()))
    chosen = {part: usual[part] for part in ("conversation", "role", "content")}
    for part, guess in (("content", _content), ("role", _role), ("conversation", _conversation)):
        if chosen[part] is None and complete and (name := guess(free)) is not None:
            chosen[part] = name
            del free[name]
    pairs = ",".join(f"{part}={name or _UNKNOWN}" for part, name in chosen.items())
    return f"--columns {pairs if _UNKNOWN in pairs else shlex.quote(pairs)}"


def _content(columns: Mapping[str, Sequence[str]]) -> str | None:
    """Return the column with the longest texts."""
    return max(columns, key=lambda name: sum(map(len, columns[name])), default=None)


def _role(columns: Mapping[str, Sequence[str]]) -> str | None:
    """Return the column with the fewest words of those in which a word comes back after another one."""
    words = {
        name: len(set(cells))
        for name, cells in columns.items()
        if _changes(cells) + 1 > len(set(cells)) and not all(cell.isdecimal() for cell in cells)
    }
    return min(words, key=lambda name: words[name], default=None)


def _conversation(columns: Mapping[str, Sequence[str]]) -> str | None:
    """Return the column whose rows stand in groups with one value each, with the most groups."""
    groups = {
        name: len(set(cells))
        for name, cells in columns.items()
        if "" not in cells and _changes(cells) + 1 == len(set(cells)) < len(cells)
    }
    return max(groups, key=lambda name: groups[name], default=None)


def _changes(cells: Sequence[str]) -> int:
    return sum(before != after for before, after in pairwise(cells))
