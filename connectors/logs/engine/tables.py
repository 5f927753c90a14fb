"""Tables whose rows are turns, or whose rows are records as JSON formats have them (`messages`, `prompt`, …)."""

import ast
import json
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from . import records, turn_table
from .json_values import JsonValue, parse_json
from .metadata import clean_text
from .parse_results import ParsedRecord, ProblemReporter
from .registry import format_of
from .turn_table import ColumnMap, TableRow

_FIRST_ROWS = 5
"""Rows by which the kind of a table is recognised."""
_MAX_LITERAL = 1_000_000
"""Characters of a cell up to which it is tried as Python's way to write a list."""


def read_text_table(
    path: Path,
    rows: Iterator[TableRow],
    columns: ColumnMap | None,
    format_name: str | None,
    report: ProblemReporter,
    counts: Counter[str] | None = None,
) -> Iterator[ParsedRecord]:
    """Yield the conversations of a table whose cells are texts.

    Args:
        path: the log.
        rows: its rows, the one with the columns' names first.
        columns: the columns of a table with a turn a row; None to find out what it is.
        format_name: its format: "csv" for a turn a row; None to find out.
        report: is called with rows that cannot be read.
        counts: counts the records of each format.

    Raises:
        UsageError: it has a turn a row, and the columns are not known.
        LogError: the first row cannot be read.
    """
    first = list(islice(rows, _FIRST_ROWS + 1))
    rows = chain(first, rows)
    if columns is not None or format_name == "csv" or (format_name is None and not holds_records(first)):
        if counts is not None:
            counts["csv"] += 1
        yield from turn_table.read_turn_table(path, rows, columns, report)
        return
    names = turn_table.names_in(path, next(rows, TableRow(1, [])))
    yield from records.read_json_records(path, (_row_value(row, names) for row in rows), format_name, report, counts)


def holds_records(rows: Sequence[TableRow]) -> bool:
    """Return whether the rows of a table, the names first, are records of a known format rather than turns."""
    if not rows or rows[0].error:
        return False
    names = [cell.strip() for cell in rows[0].cells]
    return any(_is_record(row_record(names, row.cells)) for row in rows[1:] if row.error is None)


def is_table(head: str) -> bool:
    """Return whether a text that begins so is a table: it has the usual names, or its rows are records."""
    _, rows = turn_table.first_rows(head, None)
    return bool(rows) and (turn_table.is_header([cell.strip() for cell in rows[0].cells]) or holds_records(rows))


def row_record(names: Iterable[str], cells: Iterable[str]) -> dict[str, Any]:
    """Return a row as a record: cells that hold JSON, or a list as Python writes it, are decoded; empty ones are left
    out.
    """
    return {name: _decoded_cell(cell) for name, cell in zip(names, cells, strict=False) if name and cell.strip()}


def read_value_table(
    path: Path,
    names: Sequence[str],
    rows: Iterator[tuple[int, Mapping[str, Any]]],
    columns: ColumnMap | None,
    format_name: str | None,
    report: ProblemReporter,
    counts: Counter[str] | None = None,
) -> Iterator[ParsedRecord]:
    """Yield the conversations of a table whose cells are values: records, or a turn a row.

    Args:
        path: the log.
        names: its columns.
        rows: its rows with their numbers.
        columns, format_name, report, counts: as of `read_text_table`.

    Raises:
        UsageError: it has a turn a row, and the columns are not known.
    """
    first = list(islice(rows, _FIRST_ROWS))
    rows = chain(first, rows)
    has_records = (
        any(_is_record(_decoded_row(row)) for _, row in first) if format_name is None else format_name != "csv"
    )
    if columns is None and has_records:
        values = (JsonValue(number, _decoded_row(row)) for number, row in rows)
        yield from records.read_json_records(path, values, format_name, report, counts)
        return
    if counts is not None:
        counts["csv"] += 1
    header = TableRow(0, list(names))
    texts = (TableRow(number, [cell_text(row.get(name)) for name in names]) for number, row in rows)
    yield from turn_table.read_turn_table(path, chain([header], texts), columns, report)


def cell_text(value: Any) -> str:
    """Return a value of a table as a CSV file would have it."""
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


def _decoded_row(row: Mapping[str, Any]) -> dict[str, Any]:
    decoded = {name: _decoded_cell(value) if isinstance(value, str) else value for name, value in row.items()}
    return {clean_text(name): value for name, value in decoded.items() if value is not None}


def _row_value(row: TableRow, names: Sequence[str]) -> JsonValue:
    if row.error is not None:
        return JsonValue(row.line, None, row.error)
    if len(row.cells) > len(names):
        return JsonValue(row.line, None, f"the row has {len(row.cells)} cells, the first row {len(names)}")
    return JsonValue(row.line, row_record(names, row.cells))


def _decoded_cell(cell: str) -> Any:
    text = cell.strip()
    if not (text.startswith(("[", "{")) and text.endswith(("]", "}"))):
        return cell
    value, error = parse_json(text)
    if error is None:
        return value
    if len(text) > _MAX_LITERAL or "'" not in text:
        return cell
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes that escape nothing
            literal = ast.literal_eval(text)
        return json.loads(json.dumps(literal))  # tuples, and what no JSON can hold
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return cell
