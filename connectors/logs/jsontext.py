"""From JSON text to its values one by one: a value a line, or a document that is never held whole."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .text import MAX_RECORD, LogText

# Raw tabs and line ends inside strings are wrong but common, and nothing is ambiguous about them; NaN is what
# data frames write for a missing value.
_DECODER = json.JSONDecoder(strict=False, parse_constant=lambda _: None)

_AFTER_END = "text after its end"


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a log, or why there is none.

    Attributes:
        position: its line, or its number in a document.
        number: its 1-based number.
        value: what was read; None with an error.
        error: what is wrong, or None.
        group: the top-level array that it is an item of; 0 for none.
    """

    position: int
    number: int
    value: Any
    error: str | None = None
    group: int = 0


def parse(text: str) -> tuple[Any, str | None]:
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


def values(text: LogText) -> Iterator[Value]:
    """The values of a JSON log: its lines, or its top-level objects and the items of its top-level arrays."""
    return _of_lines(text) if is_lines(text.head, whole=text.whole) else _of_document(text.chunks())


def is_lines(head: str, *, whole: bool) -> bool:
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
            return cut.startswith("{") and _AFTER_END not in (parse(cut)[1] or "")
    lines = [line for line in lines if line][:2]
    first, error = parse(lines[0])
    second = lines[1] if len(lines) > 1 else ""
    if error is None:
        return isinstance(first, dict) or second.startswith("[")
    if lines[0].startswith("[") or lines[0].endswith(("{", "[", ",", ":")):
        return False
    return isinstance(parse(second)[0], dict) or _Cutter().ends_in_string(lines[0])


def _of_lines(text: LogText) -> Iterator[Value]:
    number = 0
    for line, content in text.lines():
        if content.strip():
            number += 1
            yield Value(line, number, *parse(content))


def _of_document(chunks: Iterable[str]) -> Iterator[Value]:
    cutter = _Cutter()
    number = 0
    for piece, group in cutter.pieces(chunks):
        number += 1
        value, error = parse(piece)
        yield Value(number, number, value, error, group)
    if cutter.overflow:
        reason = f"a record of more than {MAX_RECORD:,} characters, or one whose quotes never close"
        yield Value(number + 1, number + 1, None, f"{reason}; the rest of the file is not read")
    elif cutter.open:
        yield Value(number + 1, number + 1, None, "the file ends before its JSON is closed: it may be cut off")


_INSIDE = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_OUTSIDE = re.compile(r'["\[\]{},]')


class _Cutter:
    """Cuts a stream of JSON text into its records by brackets and quotes alone.

    So a record that is malformed inside costs itself only, and no more than one record is held.
    """

    def __init__(self) -> None:
        self.overflow = False
        self._quoted = self._escaped = self._array = False
        self._level = self._group = self._size = 0
        self._parts: list[str] = []

    @property
    def open(self) -> bool:
        """Whether something is left unclosed."""
        return self._quoted or self._array or self._level > 0

    def ends_in_string(self, text: str) -> bool:
        """Whether the text, a start of JSON, stops inside a string."""
        for _ in self.pieces([text]):
            pass
        return self._quoted

    def pieces(self, chunks: Iterable[str]) -> Iterator[tuple[str, int]]:
        """The records' texts and the number of the top-level array around each (0: none)."""
        for chunk in chunks:
            begin = at = 0
            while at < len(chunk):
                if self._quoted:
                    at = self._through_string(chunk, at)
                    continue
                if (found := _OUTSIDE.search(chunk, at)) is None:
                    break
                at = found.end()
                if (cut := self._mark(found.group())) is not None:
                    yield from self._piece(chunk[begin : at - cut.before])
                    begin = at - cut.kept
                    self._group += cut.opens
                    self._array = cut.array
            self._parts.append(chunk[begin:])
            self._size += len(chunk) - begin
            if self._size > MAX_RECORD:
                self.overflow = True
                return
        yield from self._piece("")

    def _through_string(self, chunk: str, at: int) -> int:
        if self._escaped:
            self._escaped = False
            return at + 1
        found = _INSIDE.match(chunk, at)
        at = found.end() if found else at
        if at < len(chunk):
            self._quoted = chunk[at] != '"'
            self._escaped = self._quoted  # then it is a backslash whose partner is in the next chunk
            at += 1
        return at

    def _mark(self, mark: str) -> "_Cut | None":
        """Takes in a mark outside strings; says where it cuts the text, if it does."""
        cut = None
        if mark == '"':
            self._quoted = True
        elif self._level:
            self._level += (mark in "{[") - (mark in "}]")
            if not self._level and not self._array:
                cut = _Cut()
        elif mark == "{" and not self._array:
            self._level = 1
            cut = _Cut(before=1, kept=1)
        elif mark == "{" or (mark == "[" and self._array):
            self._level = 1
        elif mark != "}":
            cut = _Cut(before=1, opens=mark == "[", array=mark == "[" or (mark == "," and self._array))
        return cut

    def _piece(self, end: str) -> Iterator[tuple[str, int]]:
        text = "".join([*self._parts, end])
        self._parts, self._size = [], 0
        if text.strip():
            yield text, self._group if self._array else 0


@dataclass(frozen=True, slots=True)
class _Cut:
    """A cut: how many of the last characters stay out of the piece, how many begin the next one."""

    before: int = 0
    kept: int = 0
    opens: bool = False
    array: bool = False
