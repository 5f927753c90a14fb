"""Recognition of a text's format by its start."""

import re

from convexplain.connectors.logs.formats import plain
from convexplain.connectors.logs.formats._speaker_headings import has_headings

from . import tables
from .json_values import parse_json
from .log_text import LogText, NoLogError
from .parse_results import quoted_names
from .registry import nearest_formats, text_format_of
from .roles import role_of

_JSON_START = re.compile(r'\s*(?:\{|\[\s*[\[{"\]])')
_TEXT_SUFFIXES = ("", ".txt", ".text", ".md", ".log", ".chat", ".transcript")
_TABLE_SUFFIXES = (".csv", ".tsv", ".tab")
_PREAMBLE = 10
"""Lines that may stand before the first turn of a transcript."""


def recognise(text: LogText, assistant: frozenset[str]) -> str:
    """Return the kind of a log by the start of its text: "json", "csv", "plain", or the name of another format of
    texts.

    The file's name only breaks ties. The JSON formats are recognised later, record by record.

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
    if _is_plain(lines, assistant, has_text_name=suffix in _TEXT_SUFFIXES, complete=text.complete):
        return "plain"
    if suffix in _TABLE_SUFFIXES or tables.suggests_map(text.head):
        return "csv"
    start = quoted_names([lines[0].strip()], width=60) if lines else "blank lines"
    raise NoLogError(text.path, None, f"is no log of a known format (it begins with {start}). {nearest_formats([])}")


def is_json(head: str) -> bool:
    """Return whether a text that begins so is JSON or JSON Lines."""
    lines = [line for line in head.splitlines() if line.strip()]
    return _JSON_START.match(head) is not None or _mostly_objects(lines[:20])


def _mostly_objects(lines: list[str]) -> bool:
    """Return whether the lines are JSON Lines whose first line happens to be broken."""
    return sum(isinstance(parse_json(line)[0], dict) for line in lines if line.startswith("{")) * 2 > len(lines)


def _is_plain(lines: list[str], assistant: frozenset[str], *, has_text_name: bool, complete: bool) -> bool:
    """Return whether lines are a transcript.

    Much is written as `word: text` (settings, YAML, prose). So: the first line begins a conversation or a turn, or is
    of an event, and either words of both sides occur; or, in a file with a text's name, at least half of the lines
    begin a turn and the speakers are few and come again, or the known speaker of the first turn may be answered beyond
    these lines. After a time without a date (as in a program's own log) a word must be known. A few lines of another
    kind may stand before them, in a file with a text's name, where most of the other lines then begin turns of both
    sides.
    """
    lines = [line for line in lines if plain.event_kind(line) is None] or lines
    if not lines:
        return False
    if _begins_transcript(lines, assistant, has_text_name=has_text_name, complete=complete):
        return True
    if has_text_name and has_headings(lines):
        return True
    for number in range(1, min(_PREAMBLE, len(lines) - 1) + 1) if has_text_name else ():
        if _is_turn_start(lines[number]) and not _is_turn_start(lines[number - 1]):
            return _begins_transcript(lines[number:], assistant, has_text_name=False, complete=True) and (
                sum(map(_is_turn_start, lines[number:])) * 2 >= len(lines) - number
            )
    return False


def _is_turn_start(line: str) -> bool:
    start = plain.parse_stamped_line(line) or plain.parse_spoken_line(line, frozenset())
    return start is not None and start.word is not None and start.sure


def _begins_transcript(lines: list[str], assistant: frozenset[str], *, has_text_name: bool, complete: bool) -> bool:
    """Return whether the first line begins a transcript, and the others go with it."""
    if (first := plain.parse_stamped_line(lines[0])) is not None:
        words = [start.word for line in lines if (start := plain.parse_stamped_line(line)) is not None and start.word]
        if (first.date and words) or any(role_of(word, assistant) is not None for word in words):
            return True
        if first.word is not None:
            return False
        lines = lines[1:]  # a line that the program wrote; the others may begin with words alone
        if not lines:
            return False
    line_starts = [plain.parse_spoken_line(line, assistant) for line in lines]
    if line_starts[0] is None and plain.heading_id(lines[0]) is None and plain.numbered_id(lines[0]) is None:
        return False
    starts = [start for start in line_starts if start is not None]
    timed = [start for line in lines if (start := plain.parse_stamped_line(line)) is not None]
    if {"user", "assistant"} <= {role_of(start.word or "", assistant) for start in (*starts, *timed)}:
        return True
    speakers = len({start.word for start in starts})
    turns = len(starts)
    if speakers > 1 and turns * 2 >= len(lines) and speakers <= max(2, turns // 2):
        return has_text_name
    return has_text_name and bool(starts) and starts[0].sure and (not complete or line_starts[0] is None)
