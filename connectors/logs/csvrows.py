"""The rows of a CSV or TSV text, one broken row costing no more than itself."""

import csv
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .columns import ColumnMap, usual
from .text import MAX_RECORD

DELIMITERS = (",", "\t", ";", "|")
_RETRIES = 100
"""Broken rows after which the lines that one has swallowed are given up: reading them again for each could
take as long as the square of the file's length.
"""
_LIMIT = threading.Lock()


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line that it begins at, its cells, or what is wrong with it."""

    line: int
    cells: list[str]
    error: str | None = None


def rows(lines: Iterator[tuple[int, str]], delimiter: str) -> Iterator[Row]:
    """The rows that are not blank.

    A quote that never closes would swallow the rows after it; so once a row proves broken, its first line is
    given up and reading goes on with the next line.

    Args:
        lines: numbered lines with their ends.
        delimiter: what separates the cells.
    """
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    broken = 0
    while True:
        feed.taken.clear()
        try:
            cells = _next(reader)
        except csv.Error as error:
            line, last = feed.taken[0][0], feed.taken[-1][0]
            broken += 1
            if broken <= _RETRIES:
                feed.give_back()
                last = line
            reader = csv.reader(feed, delimiter=delimiter, strict=True)
            through = f" (with all lines up to {last})" if last > line else ""
            yield Row(line, [], f"broken quotes or line ends in this row{through}: {error}")
            continue
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield Row(feed.taken[0][0], cells)


def delimiter_of(head: str, columns: ColumnMap | None) -> tuple[str, list[str]]:
    """The delimiter under which the first row reads best, and that row's cells.

    Best is: all given columns are there; else the usual names are; else the most cells.
    """

    def merit(cells: list[str]) -> tuple[bool, bool, int]:
        given = columns is not None and set(columns.named()) <= set(cells)
        return given, usual(cells), len(cells)

    found = [(delimiter, _first_row(head, delimiter)) for delimiter in DELIMITERS]
    return max(found, key=lambda item: merit(item[1]))


def _first_row(head: str, delimiter: str) -> list[str]:
    lines = enumerate(head.splitlines(keepends=True)[:50], 1)
    row = next(rows(lines, delimiter), None)
    return strip_all(row.cells) if row else []


def strip_all(cells: Sequence[str]) -> list[str]:
    """The cells without blanks around them."""
    return [cell.strip() for cell in cells]


class _Feed:
    """Hands lines to a csv reader, remembers what the current row took, and takes lines back."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self.taken: list[tuple[int, str]] = []
        self._lines = lines
        self._back: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        item = self._back.popleft() if self._back else next(self._lines)
        self.taken.append(item)
        return item[1]

    def give_back(self) -> None:
        """Takes back all lines of the current row but its first."""
        self._back.extendleft(reversed(self.taken[1:]))


def _next(reader: Iterator[list[str]]) -> list[str] | None:
    # The csv module's limit on the length of a cell belongs to the whole process and is too low for long
    # turns: it is raised for this one row only.
    with _LIMIT:
        before = csv.field_size_limit(MAX_RECORD)
        try:
            return next(reader, None)
        finally:
            csv.field_size_limit(before)
