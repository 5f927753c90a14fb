"""The values of JSON text one by one: a value a line, or a document that is never held whole."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .log_text import MAX_RECORD, LogText
from .parse_results import UnreadableError

# Raw tabs and line ends inside strings are wrong but common, and nothing is ambiguous about them; NaN is what
# data frames write for a missing value.
_DECODER = json.JSONDecoder(strict=False, parse_constant=lambda _: None)

_AFTER_END = "text after its end"
_MARKED = re.compile(r'((?:[^"\[\]{},]++|"(?:[^"\\]++|\\.)*+")*+)([\[\]{},])', re.DOTALL)
"""Text up to a bracket or a comma outside strings, and that mark."""


@dataclass(slots=True)
class JsonValue:
    """One value of a log, or the reason why there is none.

    Attributes:
        position: its line, or its number in a document.
        value: what was read; None with an error.
        error: what is wrong, or None.
        group: the top-level array that it is an item of; 0 for none.
    """

    position: int
    value: Any
    error: str | None = None
    group: int = 0


def parse_json(text: str) -> tuple[Any, str | None]:
    """Return the value of a JSON text and None, or None and the reason why it cannot be read."""
    text = text.strip()
    try:
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, " if error.lineno > 1 else ""
        return None, f"malformed JSON: {error.msg} ({where}column {error.colno})"
    except RecursionError:
        return None, "JSON nested too deeply"
    except ValueError as error:  # a whole number of thousands of digits
        return None, f"JSON that cannot be read: {error}"
    return (value, None) if end == len(text) else (None, f"malformed JSON: {_AFTER_END} (column {end + 1})")


def json_values(text: LogText) -> Iterator[JsonValue]:
    """Yield the values of a JSON log: its lines, or its top-level objects and the items of its top-level arrays."""
    return _of_lines(text) if _is_lines(text.head, complete=text.complete) else _of_document(text.chunks())


def _is_lines(head: str, *, complete: bool) -> bool:
    """Return whether each line is a value of its own, judged by the start of the text.

    Args:
        head: the start of the text.
        complete: whether the head is the whole text.
    """
    lines = [line.strip() for line in head.split("\n")]
    if not complete:
        cut = lines.pop()
        if not any(lines):
            # One line that goes on beyond the head: unless it is a single object, it can be read in pieces.
            return cut.startswith("{") and _AFTER_END not in (parse_json(cut)[1] or "")
    first, *next_lines = [line for line in lines if line]
    value, error = parse_json(first)
    if error is None:
        return isinstance(value, dict) or (bool(next_lines) and next_lines[0].startswith("["))
    if first.startswith("[") or first.endswith(("{", "[", ",", ":")):
        return False
    return any(isinstance(parse_json(line)[0], dict) for line in next_lines[:20])


def _of_lines(text: LogText) -> Iterator[JsonValue]:
    for line, content in text.lines():
        if record := content.strip():
            # A comma at a line's end is left over from an array.
            yield JsonValue(line, *parse_json(record[:-1] if record.endswith("},") else record))


def _of_document(chunks: Iterable[str]) -> Iterator[JsonValue]:
    number = 0
    try:
        for number, (piece, group) in enumerate(_record_texts(chunks), 1):
            yield JsonValue(number, *parse_json(piece), group)
    except UnreadableError as error:
        yield JsonValue(number + 1, None, str(error))


def _record_texts(chunks: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield the texts of the records, each with the number of the top-level array around it (0: none).

    They are cut by brackets, commas and quotes alone: so a record that is malformed inside costs itself only, and no
    more than one record is held.
    """
    for parts, group in _cut_records(_marked_texts(chunks)):
        piece = "".join(parts)
        if piece.strip():
            yield piece, group


def _cut_records(marked: Iterable[tuple[str, str]]) -> Iterator[tuple[list[str], int]]:
    parts: list[str] = []
    depth = arrays = size = 0
    array = False
    for text, mark in marked:
        opens, closes = mark in ("{", "["), mark in ("}", "]")
        parts.append(text)
        size += len(text) + 1
        if size > MAX_RECORD:
            raise _too_long_error()
        if depth or mark in ("", "}") or (array and opens):
            parts.append(mark)
            depth = max(0, depth + opens - closes)
            if not (depth or array):  # a record by itself ends with its bracket
                yield parts, 0
                parts, size = [], 0
            continue
        yield parts, arrays if array else 0
        parts, size, depth = ["{"] if mark == "{" else [], 0, int(mark == "{")
        arrays += mark == "["
        array = mark == "[" or (array and mark == ",")
    yield parts, arrays if array else 0
    if array or depth:
        raise UnreadableError("the file ends before its JSON is closed: it may be cut off")


def _marked_texts(chunks: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the text in front of each bracket and comma outside strings, and that mark; the last text has no mark."""
    source = iter(chunks)
    remainder = ""
    while chunks := _next_chunks(source, len(remainder)):
        text, at = remainder + chunks, 0
        while match := _MARKED.match(text, at):
            yield match[1], match[2]
            at = match.end()
        remainder = text[at:]
        if len(remainder) > MAX_RECORD:
            raise _too_long_error()
    if remainder:
        yield remainder, ""


def _next_chunks(source: Iterator[str], least: int) -> str:
    """Return the next chunks, at least `least` characters, so that no text is searched too often in vain."""
    parts, size = [], 0
    for chunk in source:
        parts.append(chunk)
        size += len(chunk)
        if size and size >= least:
            break
    return "".join(parts)


def _too_long_error() -> UnreadableError:
    return UnreadableError(
        f"a record of more than {MAX_RECORD:,} characters, or one whose quotes never close; "
        "the rest of the file is not read (JSON Lines, a record a line, have no such limit for the file)"
    )
