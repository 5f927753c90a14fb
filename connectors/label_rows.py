"""The rows of a labels file with the columns that labels need, in any of the file's forms."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convexplain.connectors.logs.engine.containers import LogFile, unpack
from convexplain.connectors.logs.engine.json_values import json_values
from convexplain.connectors.logs.engine.log_text import LogText, open_file
from convexplain.connectors.logs.engine.parse_results import quoted_names
from convexplain.connectors.logs.engine.recognition import is_json
from convexplain.connectors.logs.engine.roles import normalized_word
from convexplain.connectors.logs.engine.turn_table import csv_rows, names_in, usual_columns
from convexplain.errors import LogError, UsageError

_USUAL = {
    "turn": "turn, turn index, turn id, turn number, turn no, message index, message number",
    "rubric": "rubric, rubric id, maxim, criterion, dimension, aspect, metric",
    "score": "score, rating, value, human score, human rating, grade, points, stars",
    "label": "label, verdict, annotation, human label, judgement, judgment",
    "rater": "rater, rater id, annotator, annotator id, worker, worker id, labeler, labeller, reviewer, person, coder",
    "chosen": "chosen, chosen id, chosen conversation, better",
    "rejected": "rejected, rejected id, rejected conversation, loser, worse",
    "other": "other, other id, other conversation, against, compared with, conversation b",
    "preferred": "preferred, preference, preferred conversation, winner",
}
_CONVERSATION = ("conversation a", "id")
"""Names of the conversation's column, beside those that logs use."""
PARTS = ("conversation", *_USUAL)
_LISTS = ("labels", "ratings", "annotations", "data", "rows")


@dataclass(frozen=True, slots=True)
class LabelTable:
    """The rows of a labels file.

    Attributes:
        rows: line (or number of the record) and row; a row's keys are parts, and `rubric:ID` for a rubric's own column.
        pairs: the parts that make it a file of preferences; empty where it is none.
        rubric: whether a column names the rubric.
        wide: ids of the rubrics that have columns of their own, where there is no column for a score or a label.
    """

    rows: Sequence[tuple[int, Mapping[str, Any]]]
    pairs: tuple[str, ...]
    rubric: bool
    wide: frozenset[str]


def read_label_table(
    path: Path, rubrics: Sequence[str], columns: Mapping[str, str], report: Callable[..., None]
) -> LabelTable:
    """Read the rows of a labels file.

    Args:
        path: the file; it may be compressed.
        rubrics: ids of the requested rubrics.
        columns: a part to the column that holds it, where that has no usual name.
        report: is called with the line and the reason for each row that cannot be read.

    Raises:
        LogError: the file cannot be read at all, or has no row.
        UsageError: its columns cannot be recognised.
    """
    if unknown := sorted(set(columns) - set(PARTS)):
        raise UsageError(f"columns: {quoted_names(unknown)} is not valid; valid are: {', '.join(PARTS)}")
    names, rows = _read(path, report)
    if not rows:
        raise LogError(path, None, "holds no labels")
    column_of = _column_of(path, names, columns)
    wide = {} if {"score", "label"} & set(column_of) else _wide(names, rubrics)
    pairs = _pairs(column_of)
    if not pairs:
        _check(path, names, column_of, wide, report)
    needed = {**column_of, **{f"rubric:{rubric}": name for rubric, name in wide.items()}}
    label_rows = [(line, {part: row.get(name) for part, name in needed.items()}) for line, row in rows]
    return LabelTable(label_rows, pairs, "rubric" in column_of, frozenset(wide))


def _check(
    path: Path, names: Sequence[str], column_of: Mapping[str, str], wide: Mapping[str, str], report: Callable[..., None]
) -> None:
    lacking = ["conversation"] if "conversation" not in column_of else []
    if not wide and not {"score", "label"} & set(column_of):
        lacking.append("score or label")
    if lacking:
        raise UsageError(
            f"{path}: cannot tell which column holds: {', '.join(lacking)}; the file's columns are "
            f"{quoted_names(names, most=30)}. Name them (command line: --label-columns conversation=…,turn=…,score=…)"
        )
    if "turn" not in column_of:
        report(None, "no column for the turn: labels are taken to be of each conversation's last answer", kept=True)


def _read(path: Path, report: Callable[..., None]) -> tuple[list[str], list[tuple[int, dict[str, Any]]]]:
    """Return the columns and the rows."""
    with open_file(path) as stream:
        part = unpack(LogFile(path, path, stream))
        text = LogText(path, part.stream, report, part.name)
        if is_json(text.head):
            rows = list(_records(text, report))
            return list(dict.fromkeys(name for _, row in rows for name in row)), rows
        cells = list(csv_rows(text, None))
    if not cells:
        raise LogError(path, None, "holds no labels")
    names = names_in(path, cells[0])
    rows = []
    for row in cells[1:]:
        if row.error or len(row.cells) > len(names):
            report(row.line, row.error or f"the row has {len(row.cells)} cells, the first row {len(names)}")
        else:
            rows.append((row.line, dict(reversed(list(zip(names, row.cells, strict=False))))))
    return names, rows


def _records(text: LogText, report: Callable[..., None]) -> Iterator[tuple[int, dict[str, Any]]]:
    for value in json_values(text):
        if value.error is not None:
            report(value.position, value.error)
        elif isinstance(value.value, dict):
            inner = next((value.value[name] for name in _LISTS if _is_rows(value.value.get(name))), None)
            for row in [value.value] if inner is None else inner:
                yield value.position, row
        else:
            report(value.position, f"a label is an object, not {type(value.value).__name__}")


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _column_of(path: Path, names: Sequence[str], named: Mapping[str, str]) -> dict[str, str]:
    """Return the column of each part: those that the user named, and those with a usual name."""
    if missing := sorted(set(named.values()) - set(names)):
        raise UsageError(
            f"{path}: there is no column {quoted_names(missing)}; the file's columns are {quoted_names(names, most=30)}"
        )
    taken = set(named.values())
    by_key = {normalized_word(name): name for name in reversed(names) if name not in taken}
    usual = usual_columns([name for name in names if name not in taken])["conversation"]
    column_of = {} if usual is None else {"conversation": usual}
    for part, words in {"conversation": ", ".join(_CONVERSATION), **_USUAL}.items():
        name = next((by_key[word] for word in words.split(", ") if word in by_key), None)
        if name is not None and part not in column_of and name not in column_of.values():
            column_of[part] = name
    column_of = {**column_of, **named}
    if "rejected" in column_of and "preferred" in column_of and "chosen" not in column_of:  # winner and loser
        column_of["chosen"] = column_of.pop("preferred")
    return column_of


def _pairs(column_of: Mapping[str, str]) -> tuple[str, ...]:
    if {"chosen", "rejected"} <= set(column_of):
        return "chosen", "rejected"
    if {"conversation", "other", "preferred"} <= set(column_of):
        return "conversation", "other", "preferred"
    return ()


def _wide(names: Sequence[str], rubrics: Sequence[str]) -> dict[str, str]:
    columns = {normalized_word(name): name for name in reversed(names)}
    return {rubric: columns[normalized_word(rubric)] for rubric in rubrics if normalized_word(rubric) in columns}
