"""Tables whose rows are turns, or whose rows are records as JSON formats have them (`messages`, `prompt`, …)."""

import ast
import json
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from convexplain.connectors.logs.formats.registry import format_of

from . import records, table
from .drafts import Entry, Report
from .jsontext import Value, parse
from .table import ColumnMap, Row
from .values import clean

_LOOK = 5
"""Rows that tell what a table is."""
_LITERAL = 1_000_000
"""Characters of a cell up to which it is tried as Python's way to write a list."""


def entries(
    path: Path,
    rows: Iterator[Row],
    columns: ColumnMap | None,
    wanted: str | None,
    report: Report,
    seen: Counter[str] | None = None,
) -> Iterator[Entry]:
    """The conversations of a table whose cells are texts.

    Args:
        path: the log.
        rows: its rows, the one with the columns' names first.
        columns: the columns of a table with a turn a row; None to find out what it is.
        wanted: the format that it has: "csv" for a turn a row; None to find out.
        report: is told of rows that cannot be read.
        seen: counts the records of each format.

    Raises:
        UsageError: it has a turn a row, and the columns cannot be told.
        LogError: the first row cannot be read.
    """
    first = list(islice(rows, _LOOK + 1))
    rows = chain(first, rows)
    if columns is not None or wanted == "csv" or (wanted is None and not holds_records(first)):
        if seen is not None:
            seen["csv"] += 1
        yield from table.entries(path, rows, columns, report)
        return
    names = table.names_in(path, next(rows, Row(1, [])))
    yield from records.entries(path, (_value(row, names) for row in rows), wanted, report, seen)


def holds_records(rows: Sequence[Row]) -> bool:
    """Whether the rows of a table, the names first, are records of a known format rather than turns."""
    if not rows or rows[0].error:
        return False
    names = [cell.strip() for cell in rows[0].cells]
    return any(_is_record(record(names, row.cells)) for row in rows[1:] if row.error is None)


def is_table(head: str) -> bool:
    """Whether a text that begins so is a table: it has the usual names, or its rows are records."""
    _, rows = table.first_rows(head, None)
    return bool(rows) and (table.is_header([cell.strip() for cell in rows[0].cells]) or holds_records(rows))


def record(names: Iterable[str], cells: Iterable[str]) -> dict[str, Any]:
    """A row as a record: cells that hold JSON, or a list as Python writes it, are read; empty ones are left out."""
    return {name: _read(cell) for name, cell in zip(names, cells, strict=False) if name and cell.strip()}


def of_values(
    path: Path,
    names: Sequence[str],
    rows: Iterator[tuple[int, Mapping[str, Any]]],
    columns: ColumnMap | None,
    wanted: str | None,
    report: Report,
    seen: Counter[str] | None = None,
) -> Iterator[Entry]:
    """The conversations of a table whose cells are values: records, or a turn a row.

    Args:
        path: the log.
        names: its columns.
        rows: its rows with their numbers.
        columns, wanted, report, seen: as of `entries`.

    Raises:
        UsageError: it has a turn a row, and the columns cannot be told.
    """
    first = list(islice(rows, _LOOK))
    rows = chain(first, rows)
    read = any(_is_record(_texts_read(row)) for _, row in first) if wanted is None else wanted != "csv"
    if columns is None and read:
        found = (Value(number, _texts_read(row)) for number, row in rows)
        yield from records.entries(path, found, wanted, report, seen)
        return
    if seen is not None:
        seen["csv"] += 1
    header = Row(0, list(names))
    texts = (Row(number, [cell_text(row.get(name)) for name in names]) for number, row in rows)
    yield from table.entries(path, chain([header], texts), columns, report)


def cell_text(value: Any) -> str:
    """A value of a table as a CSV file would have it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _is_record(value: dict[str, Any]) -> bool:
    return format_of(value) is not None


def _texts_read(row: Mapping[str, Any]) -> dict[str, Any]:
    read = {name: _read(value) if isinstance(value, str) else value for name, value in row.items()}
    return {clean(name): value for name, value in read.items() if value is not None}


def _value(row: Row, names: Sequence[str]) -> Value:
    if row.error is not None:
        return Value(row.line, None, row.error)
    if len(row.cells) > len(names):
        return Value(row.line, None, f"the row has {len(row.cells)} cells, the first row {len(names)}")
    return Value(row.line, record(names, row.cells))


def _read(cell: str) -> Any:
    text = cell.strip()
    if not (text.startswith(("[", "{")) and text.endswith(("]", "}"))):
        return cell
    value, error = parse(text)
    if error is None:
        return value
    if len(text) > _LITERAL or "'" not in text:
        return cell
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes that escape nothing
            found = ast.literal_eval(text)
        return json.loads(json.dumps(found))  # tuples, and what no JSON can hold
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return cell
