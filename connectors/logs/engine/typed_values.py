"""Values that databases write with their types, and JSON inside texts, as plain JSON."""

import ast
import json
import warnings
from collections.abc import Callable
from typing import Any

from .json_values import parse_json

_MAX_DEPTH = 60
_MAX_LITERAL = 1_000_000
"""Characters of a cell up to which it is tried as Python's way to write a list."""


def _number(text: Any) -> Any:
    try:
        number = float(text)
    except (TypeError, ValueError, OverflowError):
        return text
    try:
        return int(text) if number.is_integer() else number
    except (ValueError, OverflowError):
        return text


def _number_long(date: Any) -> Any:
    return date.get("$numberLong") if isinstance(date, dict) else None


_DYNAMO: dict[str, Callable[[Any], Any]] = {
    "S": lambda text: text,
    "N": _number,
    "B": lambda text: text,
    "BOOL": lambda flag: flag,
    "NULL": lambda _: None,
    "SS": lambda texts: texts,
    "NS": lambda texts: [_number(text) for text in texts],
    "BS": lambda texts: texts,
}
_MONGO: dict[str, Callable[[Any], Any]] = {
    "$oid": lambda text: text,
    "$date": lambda date: int(inner) if (inner := _number_long(date)) is not None else date,
    "$numberLong": _number,
    "$numberInt": _number,
    "$numberDouble": _number,
    "$numberDecimal": _number,
    "$uuid": lambda text: text,
    "$symbol": lambda text: text,
}


def plain_value(value: Any, depth: int = 0) -> Any:
    """Return a JSON value without the types of DynamoDB (`{"S": "Hi"}`) and MongoDB (`{"$oid": "65"}`)."""
    if depth > _MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [plain_value(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((kind, inner),) = value.items()
        if (kind == "M" and isinstance(inner, dict)) or (kind == "L" and isinstance(inner, list)):
            if _is_typed(inner):
                return plain_value(inner, depth + 1)
        elif kind in _DYNAMO and _fits(kind, inner):
            return _DYNAMO[kind](inner)
        elif kind in _MONGO and isinstance(inner, str | int | dict):
            return _MONGO[kind](inner)
    return {key: plain_value(inner, depth + 1) for key, inner in value.items()}


def is_typed(value: Any) -> bool:
    """Return whether a JSON value holds typed values of DynamoDB or MongoDB in its first levels."""
    return _has_typed(value, 0)


def _has_typed(value: Any, depth: int) -> bool:
    if depth > 8:
        return False
    if isinstance(value, list):
        return any(_has_typed(item, depth + 1) for item in value[:3])
    if not isinstance(value, dict):
        return False
    if len(value) == 1:
        ((kind, inner),) = value.items()
        if (kind in _DYNAMO and _fits(kind, inner)) or kind in _MONGO:
            return True
        if kind in ("L", "M") and isinstance(inner, list | dict) and inner and _is_typed(inner):
            return True
    return any(_has_typed(inner, depth + 1) for inner in list(value.values())[:30])


def _is_typed(inner: Any) -> bool:
    items = list(inner.values() if isinstance(inner, dict) else inner)
    return all(isinstance(item, dict) and len(item) == 1 and next(iter(item)) in {*_DYNAMO, "M", "L"} for item in items)


def _fits(kind: str, inner: Any) -> bool:
    if kind in ("BOOL", "NULL"):
        return isinstance(inner, bool)
    if kind in ("SS", "NS", "BS"):
        return isinstance(inner, list) and all(isinstance(item, str) for item in inner)
    return isinstance(inner, str)


def decoded(value: Any) -> Any:
    """Return the list or object that a text holds as JSON; any other value unchanged."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text.startswith(("[", "{")) or not text.endswith(("]", "}")):
        return value
    inner, error = parse_json(text)
    return value if error is not None else inner


def decoded_cell(cell: str) -> Any:
    """Return what a cell of a table holds as JSON, or as Python writes a list; any other text unchanged."""
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
