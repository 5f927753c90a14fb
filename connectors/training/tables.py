"""How records become files."""

import csv as csv_module
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from convexplain.errors import MissingExtraError

Save = Callable[[Sequence[dict[str, Any]], Path], None]

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What a text must not begin with, after blanks: spreadsheets would compute it; the wide forms in Japanese ones."""
_BLANK = ("\t", "\r")
"""What it must not begin with at all: spreadsheets drop these first."""


def jsonl(records: Sequence[dict[str, Any]], path: Path) -> None:
    """A record a line, in UTF-8."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(_json(record) + "\n")


def json_array(records: Sequence[dict[str, Any]], path: Path) -> None:
    """One array."""
    path.write_text("[\n" + ",\n".join(map(_json, records)) + "\n]\n", encoding="utf-8")


def csv(records: Sequence[dict[str, Any]], path: Path) -> None:
    """A table with a header; a text that a spreadsheet would take for a formula gets a ' before it."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv_module.DictWriter(file, list(records[0]) if records else [])
        table.writeheader()
        table.writerows({name: _cell(value) for name, value in record.items()} for record in records)


def parquet(records: Sequence[dict[str, Any]], path: Path) -> None:
    """One table.

    Raises:
        MissingExtraError: PyArrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("Parquet", "export") from error
    pq.write_table(pa.Table.from_pylist(list(records)), path)


def dataset(records: Sequence[dict[str, Any]], path: Path) -> None:
    """A data set of Hugging Face `datasets` in a folder.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        from datasets import Dataset
    except ImportError as error:
        raise MissingExtraError("A data set of Hugging Face", "export") from error
    plain = [{**record, "provenance": _json(record["provenance"])} for record in records]
    Dataset.from_list(plain).save_to_disk(str(path))


def dataset_info(files: dict[str, str]) -> dict[str, str]:
    """LLaMA-Factory's list of data sets, given each split's file."""
    columns = {"messages": "conversations", "chosen": "chosen", "rejected": "rejected", "system": "system"}
    entry = {"formatting": "sharegpt", "ranking": True, "columns": columns}
    body = {f"convexplain_{split}": {"file_name": name, **entry} for split, name in files.items()}
    return {"dataset_info.json": json.dumps(body, indent=2) + "\n"}


def _json(value: Any) -> str:
    """JSON that stays one line for every reader: what some take for a line end is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    for mark in ("\x85", "\u2028", "\u2029"):
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return f"'{text}" if text.startswith(_BLANK) or text.lstrip().startswith(_FORMULA) else text
