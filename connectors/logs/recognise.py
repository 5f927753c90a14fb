"""Which format a log is in, by the start of its text; the file's name only breaks ties."""

import re

from convexplain.errors import LogError

from .columns import usual
from .csvrows import delimiter_of
from .dated import dated
from .formats import known
from .jsontext import parse
from .plain import header, spoken
from .problems import shown
from .roles import role_of
from .text import LogText

JSON = "json"
"""Any of the JSON formats: there each record is recognised by itself."""

_JSON_START = re.compile(r'\s*(?:\{|\[\s*[\[{"\]])')
_TEXT_SUFFIXES = ("", ".txt", ".text", ".md", ".log", ".chat", ".transcript")
_TABLE_SUFFIXES = (".csv", ".tsv", ".tab")


def recognise(text: LogText, assistant: frozenset[str]) -> str:
    """`JSON`, "csv" or "plain".

    Args:
        text: the log.
        assistant: names of the assistant, as `roles.keys` gives them.

    Raises:
        LogError: it is none of them.
    """
    lines = [line for line in text.head.splitlines() if line.strip()]
    suffix = text.path.suffix.lower()
    if _JSON_START.match(text.head) or _mostly_objects(lines[:20]):
        return JSON
    if usual(delimiter_of(text.head, None)[1]):
        return "csv"
    if _is_plain(lines, assistant, texty=suffix in _TEXT_SUFFIXES, whole=text.whole):
        return "plain"
    if suffix in _TABLE_SUFFIXES:
        return "csv"
    start = shown([lines[0].strip()], width=60) if lines else "blank lines"
    raise LogError(text.path, None, f"is no log of a known format (it begins with {start}). {known()}")


def _mostly_objects(lines: list[str]) -> bool:
    """Whether it is JSON Lines whose first line happens to be broken."""
    return sum(isinstance(parse(line)[0], dict) for line in lines if line.startswith("{")) * 2 > len(lines)


def _is_plain(lines: list[str], assistant: frozenset[str], *, texty: bool, whole: bool) -> bool:
    """Whether lines are a transcript.

    Much is written as `word: text` (settings, YAML, prose). So: the first line begins a conversation or a
    turn, and either words of both sides occur; or, in a file with a text's name, at least half of the lines
    begin a turn and the speakers are few and come again, or the known speaker of the first turn may be
    answered beyond these lines.
    """
    if not lines:
        return False
    found = [spoken(line, assistant) for line in lines]
    stamped = dated(lines[0])
    if stamped is not None:
        return any(item is not None and item.author is not None for item in map(dated, lines))
    if found[0] is None and header(lines[0]) is None:
        return False
    starts = [start for start in found if start is not None]
    if {"user", "assistant"} <= {role_of(start.word, assistant) for start in starts}:
        return True
    speakers = len({start.word for start in starts})
    turns = len(starts)
    if speakers > 1 and turns * 2 >= len(lines) and speakers <= max(2, turns // 2):
        return texty
    return texty and bool(starts) and starts[0].known and (not whole or found[0] is None)
