"""From JSON text to its values one by one: a value a line, or a document that is never held whole."""

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


@dataclass(frozen=True, slots=True)
class JsonValue:
    """One value of a log, or why there is none.

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
    """The value of a JSON text, or what is wrong with it."""
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
    """The values of a JSON log: its lines, or its top-level objects and the items of its top-level arrays."""
    return _of_lines(text) if _is_lines(text.head, whole=text.whole) else _of_document(text.chunks())


def _is_lines(head: str, *, whole: bool) -> bool:
    """Whether each line is a value of its own, judged by the start of the text.

    Args:
        head: the start of the text.
        whole: whether it is all of it.
    """
    lines = [line.strip() for line in head.split("\n")]
    if not whole:
        cut = lines.pop()
        if not any(lines):
            # One line that goes on beyond the head: unless it is a single object, it can be read in pieces.
            return cut.startswith("{") and _AFTER_END not in (parse_json(cut)[1] or "")
    first, *others = [line for line in lines if line]
    value, error = parse_json(first)
    if error is None:
        return isinstance(value, dict) or (bool(others) and others[0].startswith("["))
    if first.startswith("[") or first.endswith(("{", "[", ",", ":")):
        return False
    return any(isinstance(parse_json(line)[0], dict) for line in others[:20])


def _of_lines(text: LogText) -> Iterator[JsonValue]:
    for line, content in text.lines():
        if content.strip():
            yield JsonValue(line, *parse_json(content))


def _of_document(chunks: Iterable[str]) -> Iterator[JsonValue]:
    number = 0
    try:
        for number, (piece, group) in enumerate(_pieces(chunks), 1):
            yield JsonValue(number, *parse_json(piece), group)
    except UnreadableError as error:
        yield JsonValue(number + 1, None, str(error))


def _pieces(chunks: Iterable[str]) -> Iterator[tuple[str, int]]:
    """The texts of the records, each with the number of the top-level array around it (0: none).

    They are cut by brackets, commas and quotes alone: so a record that is malformed inside costs itself only,
    and no more than one record is held.
    """
    for parts, group in _cut(_marked(chunks)):
        piece = "".join(parts)
        if piece.strip():
            yield piece, group


def _cut(marked: Iterable[tuple[str, str]]) -> Iterator[tuple[list[str], int]]:
    parts: list[str] = []
    depth = arrays = size = 0
    array = False
    for text, mark in marked:
        opens, closes = mark in ("{", "["), mark in ("}", "]")
        parts.append(text)
        size += len(text) + 1
        if size > MAX_RECORD:
            raise _too_long()
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


def _marked(chunks: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The text in front of each bracket and comma outside strings, and that mark; what is left has no mark."""
    source = iter(chunks)
    rest = ""
    while more := _more(source, len(rest)):
        text, at = rest + more, 0
        while found := _MARKED.match(text, at):
            yield found[1], found[2]
            at = found.end()
        rest = text[at:]
        if len(rest) > MAX_RECORD:
            raise _too_long()
    if rest:
        yield rest, ""


def _more(source: Iterator[str], least: int) -> str:
    """The next chunks, at least so many characters: what was looked at in vain is not looked at too often."""
    parts, size = [], 0
    for chunk in source:
        parts.append(chunk)
        size += len(chunk)
        if size and size >= least:
            break
    return "".join(parts)


def _too_long() -> UnreadableError:
    return UnreadableError(
        f"a record of more than {MAX_RECORD:,} characters, or one whose quotes never close; "
        "the rest of the file is not read (JSON Lines, a record a line, have no such limit for the file)"
    )
