"""Tables whose rows are turns, or whose rows are records as JSON formats have them (`messages`, `prompt`, …)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from . import records, turn_table
from .json_values import JsonValue
from .map_proposal import propose_map
from .metadata import clean_text
from .parse_results import ParsedRecord
from .reading import Reading
from .registry import format_of
from .turn_table import TableRow
from .typed_values import decoded_cell

_FIRST_ROWS = 5
"""Rows by which the kind of a table is recognised."""


def read_text_table(path: Path, rows: Iterator[TableRow], reading: Reading) -> Iterator[ParsedRecord]:
    """Yield the conversations of a table whose cells are texts.

    Args:
        path: the log.
        rows: its rows, the one with the columns' names first.
        reading: the options; the format "csv" is a turn a row.

    Raises:
        UsageError: the map does not fit, or a person should decide on it.
        LogError: the first row cannot be read.
    """
    first = list(islice(rows, _FIRST_ROWS + 1))
    rows = chain(first, rows)
    field_map, format_name = reading.field_map, reading.format_name
    has_records = format_name != "csv" and (format_name is not None or holds_records(first))
    if field_map is None and not has_records:
        reading.count("csv")
        yield from turn_table.read_turn_table(path, rows, reading)
        return
    names = turn_table.names_in(path, next(rows, TableRow(1, [])))
    if field_map is not None:
        turn_table.check_columns(names, field_map)
        reading = replace(reading, format_name=None)
        if not turn_table.needs_decoding(names, field_map):
            reading.count("csv")
            yield from turn_table.read_rows(rows, names, field_map, reading)
            return
    values = (turn_table.row_value(row, names, turn_table.row_record) for row in rows)
    yield from records.read_json_records(path, values, reading)


def holds_records(rows: Sequence[TableRow]) -> bool:
    """Return whether the rows of a table, the names first, are records of a known format rather than turns."""
    if not rows or rows[0].error:
        return False
    names = [cell.strip() for cell in rows[0].cells]
    return any(_is_record(turn_table.row_record(names, row.cells)) for row in rows[1:] if row.error is None)


def is_table(head: str) -> bool:
    """Return whether a text that begins so is a table: it has the usual names, or its rows are records."""
    _, rows = turn_table.first_rows(head, None)
    return bool(rows) and (turn_table.is_header([cell.strip() for cell in rows[0].cells]) or holds_records(rows))


def suggests_map(head: str) -> bool:
    """Return whether a text that begins so is a table that a map, proposed from its columns, reads without doubt."""
    _, rows = turn_table.first_rows(head, None)
    names = [cell.strip() for cell in rows[0].cells] if rows and not rows[0].error else []
    if len(names) < 2 or len(rows) < 2 or not all(names) or any(len(row.cells) != len(names) for row in rows[:-1]):
        return False
    proposal = propose_map([turn_table.row_record(names, row.cells) for row in rows[1:] if row.error is None])
    return proposal is not None and not proposal.doubts


def read_value_table(
    path: Path, names: Sequence[str], rows: Iterator[tuple[int, Mapping[str, Any]]], reading: Reading
) -> Iterator[ParsedRecord]:
    """Yield the conversations of a table whose cells are values: records, or a turn a row.

    Args:
        path: the log.
        names: its columns.
        rows: its rows with their numbers.
        reading: the options.

    Raises:
        UsageError: the map does not fit, or a person should decide on it.
    """
    first = list(islice(rows, _FIRST_ROWS))
    rows = chain(first, rows)
    field_map, format_name = reading.field_map, reading.format_name
    has_records = any(is_record_row(row) for _, row in first) if format_name is None else format_name != "csv"
    if field_map is not None:
        turn_table.check_columns(names, field_map)
        has_records = turn_table.needs_decoding(names, field_map)
        reading = replace(reading, format_name=None)
    if has_records:
        values = (JsonValue(number, _decoded_row(row)) for number, row in rows)
        yield from records.read_json_records(path, values, reading)
        return
    header = TableRow(0, list(names))
    texts = (TableRow(number, [cell_text(row.get(name)) for name in names]) for number, row in rows)
    yield from read_text_table(path, chain([header], texts), replace(reading, format_name="csv"))


def likeness(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> int:
    """Return how much a table's first rows look like conversations: 2 surely, 1 with a doubtful map, else 0."""
    records = [_decoded_row(row) for row in rows]
    if not records:
        return 0
    if any(map(_is_record, records)) or turn_table.is_header(names):
        return 2
    proposal = propose_map(records, _is_record)
    return 0 if proposal is None else 1 if proposal.doubts else 2


def text_likeness(rows: Sequence[TableRow]) -> int:
    """Return how much the first rows of a table of texts, the names first, look like conversations, as `likeness`."""
    names = [cell.strip() for cell in rows[0].cells]
    return likeness(names, [turn_table.row_record(names, row.cells) for row in rows[1:]])


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


def is_record_row(row: Mapping[str, Any]) -> bool:
    """Return whether the row of a table of values is a record of a known format; its cells may hold JSON."""
    return _is_record(_decoded_row(row))


def _is_record(value: dict[str, Any]) -> bool:
    return format_of(value) is not None


def _decoded_row(row: Mapping[str, Any]) -> dict[str, Any]:
    decoded = {name: decoded_cell(value) if isinstance(value, str) else value for name, value in row.items()}
    return {clean_text(name): value for name, value in decoded.items() if value is not None}
