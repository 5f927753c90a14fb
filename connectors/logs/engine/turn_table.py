"""Tables with one turn a row, and the rows of CSV and TSV."""

import csv
import re
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from convexplain.errors import LogError, UsageError

from .column_guess import SAMPLE, columns_option
from .log_text import MAX_RECORD, LogText
from .metadata import clean_text, extra_metadata, parse_timestamp
from .parse_results import ParsedRecord, ParsedTurn, ProblemReporter, quoted_names
from .roles import normalized_word
from .turn_groups import TurnGroups

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


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """The columns of a table, by the names in its first row.

    Attributes:
        conversation: the id of a row's conversation; None when the whole file is one.
        role: the speaker.
        content: the text.
        order: a number or a moment that orders a conversation's rows; None for the order of the file.
        name: the speaker's own name.
        at: the turn's time.
    """

    conversation: str | None
    role: str
    content: str
    order: str | None = None
    name: str | None = None
    at: str | None = None

    def names(self) -> set[str]:
        """Return the columns that have a name here."""
        return {column for column in asdict(self).values() if column is not None}


def usual_columns(header: Sequence[str]) -> dict[str, str | None]:
    """Return the columns with usual names, by the attributes of ColumnMap."""
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


def read_turn_table(
    path: Path, rows: Iterator[TableRow], columns: ColumnMap | None, report: ProblemReporter
) -> Iterator[ParsedRecord]:
    """Yield the conversations of a table, in the order of their first rows.

    The rows of one conversation may stand anywhere in the file, so the whole table is held in memory before the first
    conversation comes. A row that cannot be read is reported and left out; its conversation comes without it. A table
    without a column for the conversation is one conversation, if each of its columns is known not to distinguish
    conversations.

    Args:
        path: the log.
        rows: the rows, the first one with the columns' names.
        columns: the columns to read; None to go by their usual names.
        report: is called with rows that cannot be read.

    Raises:
        UsageError: the columns are not known.
        LogError: the first row cannot be read.
    """
    header = names_in(path, next(rows, TableRow(1, [])))
    places = _find_columns(header, columns, rows)
    if places.conversation is None and columns is None:
        report(None, "no column tells conversations apart: the whole table was read as one", kept=True)
    groups = TurnGroups(places.order)
    for row in rows:
        if (reason := row.error or _add(groups, row, header, places)) is not None:
            report(row.line, reason)
    yield from groups.records()


def names_in(path: Path, first: TableRow) -> list[str]:
    """Return the columns' names in the first row.

    Raises:
        LogError: it cannot be read.
    """
    if first.error is not None:
        raise LogError(path, first.line, f"the row of column names cannot be read: {first.error}")
    return [cell.strip() for cell in first.cells]


def csv_rows(text: LogText, columns: ColumnMap | None) -> Iterator[TableRow]:
    """Yield the rows of a CSV file with any delimiter, the one with the columns' names first."""
    return _rows(text.lines(), first_rows(text.head, columns)[0])


def first_rows(head: str, columns: ColumnMap | None) -> tuple[str, list[TableRow]]:
    """Return the delimiter under which the first row reads best, and the first rows under it.

    Best is: all given columns are there; else the usual names are; else the most cells.
    """

    def rows(delimiter: str) -> list[TableRow]:
        parsed = _rows(enumerate(head.splitlines(keepends=True)[:50], 1), delimiter)
        return list(islice(parsed, 5))

    def merit(candidate: tuple[str, list[TableRow]]) -> tuple[bool, bool, int]:
        names = [cell.strip() for cell in candidate[1][0].cells] if candidate[1] else []
        has_columns = columns is not None and columns.names() <= set(names)
        return has_columns, is_header(names), len(names)

    return max(((delimiter, rows(delimiter)) for delimiter in _DELIMITERS), key=merit)


def _find_columns(header: Sequence[str], columns: ColumnMap | None, rows: Iterator[TableRow]) -> ColumnMap:
    listed = f"the file's columns are {quoted_names(header, most=30)}"
    if columns is not None:
        if missing := sorted(columns.names() - set(header)):
            raise UsageError(f"columns: no column {quoted_names(missing)}; {listed}")
        return columns
    usual = usual_columns(header)
    role, content = usual["role"], usual["content"]
    lacking = [part for part in ("conversation", "role", "content") if usual[part] is None]
    if lacking == ["conversation"] and set(header) <= set(usual.values()):
        lacking = []
    if role is None or content is None or lacking:
        raise UsageError(
            f"columns: cannot tell which column holds: {', '.join(lacking)}; {listed}. Give them: "
            f"{columns_option(header, usual, islice(rows, SAMPLE))} (from Python: columns=…); without a conversation=… "
            "the whole file is one conversation"
        )
    return ColumnMap(usual["conversation"], role, content, usual["order"], usual["name"], usual["at"])


def _add(groups: TurnGroups, row: TableRow, header: Sequence[str], places: ColumnMap) -> str | None:
    """Add a row to its conversation; return the reason where that is impossible."""
    if len(row.cells) > len(header):
        return f"the row has {len(row.cells)} cells, the first row {len(header)}; a delimiter without quotes?"
    cells = dict.fromkeys(header, "")
    for name, cell in zip(reversed(header[: len(row.cells)]), reversed(row.cells), strict=True):
        cells[name] = cell  # of two columns with one name, the first one counts
    for needed in (places.conversation, places.role):
        if needed is not None and not cells[needed].strip():
            return f"the row has no {needed!r}"
    conversation_id = clean_text(cells[places.conversation].strip()) if places.conversation is not None else ""
    groups.add(conversation_id, row.line, _row_turn(cells, places), cells[places.order].strip() if places.order else "")
    return None


def _row_turn(cells: Mapping[str, str], places: ColumnMap) -> ParsedTurn:
    at = parse_timestamp(cells[places.at]) if places.at else None
    used = {places.conversation, places.role, places.content, places.order, places.name}
    used = used | {places.at} if at is not None else used - {places.at}
    filled = {name: cell for name, cell in cells.items() if cell.strip()}
    name = cells[places.name].strip() or None if places.name else None
    return ParsedTurn(cells[places.role].strip(), cells[places.content], name, at, extra_metadata(filled, used))


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
