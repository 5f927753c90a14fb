"""What a text is a log of, told from its start."""

import re

from convexplain.connectors.logs.formats import plain

from . import tables
from .json_values import parse_json
from .log_text import LogText, NoLogError
from .parse_results import quoted
from .registry import known_formats, text_format_of
from .roles import role_of

_JSON_START = re.compile(r'\s*(?:\{|\[\s*[\[{"\]])')
_TEXT_SUFFIXES = ("", ".txt", ".text", ".md", ".log", ".chat", ".transcript")
_TABLE_SUFFIXES = (".csv", ".tsv", ".tab")


def recognise(text: LogText, assistant: frozenset[str]) -> str:
    """The kind of a log by the start of its text: "json", "csv", "plain", or the name of another format of texts.

    The file's name only breaks ties. Which of the JSON formats it is, each record tells by itself.

    Raises:
        NoLogError: it is none of them.
    """
    lines = [line for line in text.head.splitlines() if line.strip()]
    suffix = text.name.suffix.lower()
    if is_json(text.head):
        return "json"
    if (log_format := text_format_of(text.head)) is not None:
        return log_format.name
    if tables.is_table(text.head):
        return "csv"
    if _is_plain(lines, assistant, texty=suffix in _TEXT_SUFFIXES, whole=text.whole):
        return "plain"
    if suffix in _TABLE_SUFFIXES:
        return "csv"
    start = quoted([lines[0].strip()], width=60) if lines else "blank lines"
    raise NoLogError(text.path, None, f"is no log of a known format (it begins with {start}). {known_formats()}")


def is_json(head: str) -> bool:
    """Whether a text that begins so is JSON or JSON Lines."""
    lines = [line for line in head.splitlines() if line.strip()]
    return _JSON_START.match(head) is not None or _mostly_objects(lines[:20])


def _mostly_objects(lines: list[str]) -> bool:
    """Whether it is JSON Lines whose first line happens to be broken."""
    return sum(isinstance(parse_json(line)[0], dict) for line in lines if line.startswith("{")) * 2 > len(lines)


def _is_plain(lines: list[str], assistant: frozenset[str], *, texty: bool, whole: bool) -> bool:
    """Whether lines are a transcript.

    Much is written as `word: text` (settings, YAML, prose). So: the first line begins a conversation or a
    turn, and either words of both sides occur; or, in a file with a text's name, at least half of the lines
    begin a turn and the speakers are few and come again, or the known speaker of the first turn may be
    answered beyond these lines. After a time without a date (as in a program's own log) a word must be known.
    """
    if not lines:
        return False
    if (first := plain.stamped(lines[0])) is not None:
        words = [start.word for line in lines if (start := plain.stamped(line)) is not None and start.word]
        return bool(words) if first.date else any(role_of(word, assistant) is not None for word in words)
    found = [plain.spoken(line, assistant) for line in lines]
    if found[0] is None and plain.header(lines[0]) is None:
        return False
    starts = [start for start in found if start is not None]
    if {"user", "assistant"} <= {role_of(start.word or "", assistant) for start in starts}:
        return True
    speakers = len({start.word for start in starts})
    turns = len(starts)
    if speakers > 1 and turns * 2 >= len(lines) and speakers <= max(2, turns // 2):
        return texty
    return texty and bool(starts) and starts[0].sure and (not whole or found[0] is None)
