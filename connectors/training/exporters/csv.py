"""A table in CSV that is safe to open in a spreadsheet."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..exporter import PairExporter
from ..records import Record, table_row

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""Beginnings of a text, after blanks, that spreadsheets compute; the wide forms in Japanese ones."""
_BLANK = ("\t", "\r")
"""Beginnings of a text that spreadsheets drop first."""


def save_csv(records: Sequence[Record], path: Path) -> None:
    """Write a table with a header; a text that a spreadsheet would take for a formula gets a ' before it."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, list(records[0]) if records else [])
        table.writeheader()
        table.writerows({name: safe_cell(value) for name, value in record.items()} for record in records)


def safe_cell(value: Any) -> Any:
    """Return a cell's value with a ' before a text that a spreadsheet would take for a formula."""
    if not isinstance(value, str):
        return value
    text = value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return f"'{text}" if text.startswith(_BLANK) or text.lstrip().startswith(_FORMULA) else text


CSV = PairExporter("csv", "The same as jsonl as a table, safe to open in a spreadsheet.", table_row, ".csv", save_csv)
