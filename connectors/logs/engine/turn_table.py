"""Tables with one turn a row, and the rows of CSV and TSV."""

import csv
import re
import shlex
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from convexplain.errors import LogError, UsageError

from .field_map import FieldMap, field_path
from .field_shapes import is_text
from .json_values import JsonValue
from .log_text import MAX_RECORD, LogText
from .map_proposal import SAMPLE
from .mapped_records import read_mapped
from .parse_results import ParsedRecord, quoted_names
from .reading import MapNeededError, Reading
from .roles import normalized_word
from .typed_values import decoded_cell

_DELIMITERS = (",", "\t", ";", "|")
_SEPARATOR_LINE = re.compile(r'"?sep=.?"?\s*', re.IGNORECASE)
"""A line that Excel may write in front of the names."""
_RETRIES = 100
"""Broken rows after which the lines that one has swallowed are given up: reading them again for each could
take as long as the square of the file's length.
"""
_LIMIT = threading.Lock()

_USUAL = {
    "conversation": "conversation id, conversationid, conversation, conv id, convo id, dialogue id, dialogueid, "
    "dialog id, dialogid, dialogue, dialog, session id, sessionid, session, thread id, threadid, thread, "
    "chat id, chatid, ticket id",
    "role": "role, speaker, speaker role, sender, sender type, author, from, participant, who",
    "content": "content, text, message, msg, utterance, body, message text, turn text, value",
    "order": "turn index, turn id, turn number, turn, message index, message number, index, position, order, "
    "sequence, seq, step, utterance index",
    "at": "timestamp, created at, createdat, sent at, datetime, date time, time, date, ts, at",
    "public": "public, is public, comment public, public comment",
    "private": "private, is private, internal, is internal, internal note, private note",
    "name": "name, speaker name, sender name, author name, speaker, sender, author",
}
"""The usual names, the most telling first: where a table has two of them, the first one counts and the other
goes to the turns' metadata.
"""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: the line at which it begins, or its number, with its cells or the reason why it cannot be read."""

    line: int
    cells: list[str]
    error: str | None = None


def usual_columns(header: Sequence[str]) -> dict[str, str | None]:
    """Return the columns with usual names, by the parts of a table's turns."""
    names = {normalized_word(name): name for name in reversed(header)}

    def first(part: str) -> str | None:
        return next((names[name] for name in _USUAL[part].split(", ") if name in names), None)

    columns = {part: first(part) for part in _USUAL if part != "name"}
    columns["order"] = columns["order"] or columns["at"]
    names = {word: name for word, name in names.items() if name != columns["role"]}
    return {**columns, "name": first("name")}


def is_header(cells: Sequence[str]) -> bool:
    """Return whether a row is the header of a log: it names a role and a content by their usual names."""
    columns = usual_columns(cells)
    return columns["role"] is not None and columns["content"] is not None


def read_turn_table(path: Path, rows: Iterator[TableRow], reading: Reading) -> Iterator[ParsedRecord]:
    """Yield the conversations of a table whose columns have usual names, or suggest a map.

    The rows of one conversation may stand anywhere in the file, so the whole table is held in memory before the first
    conversation comes. A row that cannot be read is reported and left out; its conversation comes without it. A table
    without a column for the conversation is one conversation, if each of its columns is known not to distinguish
    conversations.

    Args:
        path: the log.
        rows: the rows, the first one with the columns' names.
        reading: the options, without a map.

    Raises:
        UsageError: the columns are not known, or a person should decide on the map that they suggest.
        LogError: the first row cannot be read.
    """
    header = names_in(path, next(rows, TableRow(1, [])))
    field_map = _usual_map(header)
    if field_map is None:
        first = list(islice(rows, SAMPLE))
        rows = chain(first, rows)
        sample = [row_value(row, header, row_record) for row in first]
        try:
            proposed = reading.proposed([value.value for value in sample if value.error is None])
        except MapNeededError as error:
            if _is_sentence(error.proposal.field_map.content or ""):
                raise UsageError(_no_names(header)) from None
            raise
        if proposed is None or proposed.field_map is None:
            raise UsageError(_unknown_columns(header))
        field_map = proposed.field_map
        if needs_decoding(header, field_map):
            values = (row_value(row, header, row_record) for row in rows)
            yield from read_mapped(values, field_map, reading.report, kind="row", audit=reading.audit)
            return
    elif field_map.id is None:
        option = shlex.quote(str(replace(field_map, id="COLUMN")))
        remark = "no column tells conversations apart: the whole table was read as one. If it holds several, give it a "
        remark += f"column with a number or a name for each conversation, and read it with --map {option}"
        reading.report(None, remark, kept=True)
    yield from read_rows(rows, header, field_map, reading)


def read_rows(
    rows: Iterator[TableRow], header: Sequence[str], field_map: FieldMap, reading: Reading
) -> Iterator[ParsedRecord]:
    """Yield the conversations of a table with a turn a row, or a question with its answer a row.

    Args:
        rows: the rows after the one with the columns' names.
        header: the columns' names.
        field_map: its columns.
        reading: the options.
    """
    values = (row_value(row, header, _text_cells) for row in rows)
    yield from read_mapped(values, field_map, reading.report, kind="row", audit=reading.audit)


def row_value(
    row: TableRow, names: Sequence[str], as_record: Callable[[Sequence[str], Sequence[str]], dict[str, Any]]
) -> JsonValue:
    """Return a row as a JSON value, or with the reason why it cannot be read.

    Args:
        row: the row.
        names: the columns' names.
        as_record: returns the object of names and cells.
    """
    if row.error is not None:
        return JsonValue(row.line, None, row.error)
    if len(row.cells) > len(names):
        reason = f"the row has {len(row.cells)} cells, the first row {len(names)}; a delimiter without quotes?"
        return JsonValue(row.line, None, reason)
    return JsonValue(row.line, as_record(names, row.cells))


def _text_cells(names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    record = dict.fromkeys(names, "")
    for name, cell in zip(reversed(names[: len(cells)]), reversed(cells), strict=True):
        record[name] = cell  # of two columns with one name, the first one counts
    return record


def row_record(names: Iterable[str], cells: Iterable[str]) -> dict[str, Any]:
    """Return a row as a record: cells that hold JSON, or a list as Python writes it, are decoded; empty ones are left
    out.
    """
    return {name: decoded_cell(cell) for name, cell in zip(names, cells, strict=False) if name and cell.strip()}


def needs_decoding(header: Sequence[str], field_map: FieldMap) -> bool:
    """Return whether a map leads into the cells of a table, which then hold JSON."""
    columns = field_map.columns()
    return field_map.turns is not None or field_map.records is not None or not columns <= set(header)


def missing_columns(header: Sequence[str], field_map: FieldMap) -> set[str]:
    """Return the places of a map that lead to no column of a table."""
    places = {field_map.records} if field_map.records else field_map.columns()
    return {
        place
        for place in places
        if place not in header and any(chain[0] not in header for chain in field_path(place).chains)
    }


def check_columns(header: Sequence[str], field_map: FieldMap) -> None:
    """Raise UsageError where a map names columns that a table does not have."""
    if missing := missing_columns(header, field_map):
        raise UsageError(
            f"map: no column {quoted_names(sorted(missing))}; the file's columns are {quoted_names(header, most=30)}"
        )


def _usual_map(header: Sequence[str]) -> FieldMap | None:
    """Return the map of a table whose columns have usual names; None where one is not known."""
    usual = usual_columns(header)
    if usual["role"] is None or usual["content"] is None:
        return None
    if usual["conversation"] is None and not set(header) <= set(usual.values()):
        return None
    return FieldMap(
        usual["role"],
        usual["content"],
        usual["conversation"],
        usual["order"],
        usual["name"],
        usual["at"],
        public=usual["public"],
        private=usual["private"],
    )


def _is_sentence(name: str) -> bool:
    """Return whether a column's name reads like what somebody says, so that the table may have no names."""
    return is_text(name) and name.rstrip("\"' ").endswith((".", "?", "!"))


def _no_names(header: Sequence[str]) -> str:
    return (
        f"the first row must name the columns, and it reads like a turn: {quoted_names(header)}. Put a row of names "
        "above it, for example id, role and content, one for each column"
    )


def _unknown_columns(header: Sequence[str]) -> str:
    return (
        f"map: it is not known which columns hold the speaker and the text; the file's columns are "
        f"{quoted_names(header, most=30)}. Name them: --map 'id=…, role=…, content=…', or for questions with answers "
        "--map 'user=…, assistant=…' (from Python: map=…); without an id=… the whole file is one conversation"
    )


def names_in(path: Path, first: TableRow) -> list[str]:
    """Return the columns' names in the first row.

    Raises:
        LogError: it cannot be read.
    """
    if first.error is not None:
        raise LogError(path, first.line, f"the row of column names cannot be read: {first.error}")
    names: list[str] = []
    for name in (cell.strip() for cell in first.cells):
        again = sum(name == earlier for earlier in names) + 1 if name else 1
        names.append(f"{name}_{again}" if again > 1 else name)
    return names


def csv_rows(text: LogText, field_map: FieldMap | None) -> Iterator[TableRow]:
    """Yield the rows of a CSV file with any delimiter, the one with the columns' names first."""
    return _rows(text.lines(), first_rows(text.head, field_map)[0])


def first_rows(head: str, field_map: FieldMap | None) -> tuple[str, list[TableRow]]:
    """Return the delimiter under which the first row reads best, and the first rows under it.

    Best is: all columns of a given map are there; else the usual names are; else the most cells.
    """

    def rows(delimiter: str) -> list[TableRow]:
        parsed = _rows(enumerate(head.splitlines(keepends=True)[:50], 1), delimiter)
        return list(islice(parsed, 5))

    def merit(candidate: tuple[str, list[TableRow]]) -> tuple[bool, bool, int]:
        names = [cell.strip() for cell in candidate[1][0].cells] if candidate[1] else []
        has_columns = field_map is not None and field_map.columns() <= set(names)
        return has_columns, is_header(names), len(names)

    return max(((delimiter, rows(delimiter)) for delimiter in _DELIMITERS), key=merit)


def _rows(lines: Iterator[tuple[int, str]], delimiter: str) -> Iterator[TableRow]:
    """Yield the rows that are not blank.

    A quote that never closes would swallow the rows after it; so once a row proves broken, its first line is given up
    and reading goes on with the next line.

    Args:
        lines: numbered lines with their ends.
        delimiter: the separator of cells.
    """
    feed = _Feed(item for item in lines if item[0] > 1 or not _SEPARATOR_LINE.fullmatch(item[1]))
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    broken = 0
    while True:
        feed.taken.clear()
        try:
            cells = _next_row(reader)
        except csv.Error as error:
            line, last = feed.taken[0][0], feed.taken[-1][0]
            broken += 1
            if broken <= _RETRIES:
                feed.give_back()
                last = line
            reader = csv.reader(feed, delimiter=delimiter, strict=True)
            through = f" (with all lines up to {last})" if last > line else ""
            yield TableRow(line, [], f"broken quotes or line ends in this row{through}: {error}")
            continue
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield TableRow(feed.taken[0][0], cells)


class _Feed:
    """Lines for a csv reader: it remembers the lines of the current row, and takes lines back."""

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
        """Take back all lines of the current row but its first."""
        self._back.extendleft(reversed(self.taken[1:]))


def _next_row(reader: Iterator[list[str]]) -> list[str] | None:
    # The csv module's limit on the length of a cell belongs to the whole process and is too low for long
    # turns: it is raised for this one row only.
    with _LIMIT:
        before = csv.field_size_limit(MAX_RECORD)
        try:
            return next(reader, None)
        finally:
            csv.field_size_limit(before)
