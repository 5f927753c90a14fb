"""LINE: exports of a chat, with a line a day, and times, names and texts between tabs."""

import re
from collections.abc import Iterator
from dataclasses import replace

from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.log_text import LogText
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ProblemReporter
from convexplain.connectors.logs.engine.transcript import TurnStart, parse_turns

_HEADER = "[LINE]"
_SAVED = re.compile(r"[^\t]{1,40}[:：]?\s?\d[\d/.,:\s]+(?:[ap]m)?", re.IGNORECASE)
_DAY = re.compile(r"(?:\w{2,12}[,.]?\s)?(?P<date>\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4})\.?\s?(?:\(?\w{1,12}\)?)?\s*")
_TIME = r"(?:(?:上午|下午|午前|午後|오전|오후)\s?)?\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp][Mm])?"
_MESSAGE = re.compile(rf"(?P<time>{_TIME})\t(?P<name>[^\t]*)(?:\t(?P<text>.*))?", re.DOTALL)
_SPACED = re.compile(rf"(?P<time>{_TIME}) (?P<name>\S+)(?: (?P<text>.*))?", re.DOTALL)
"""A message of newer exports, which have blanks in place of tabs."""
_HEADER_LINES = 3


def is_line(head: str) -> bool:
    """Return whether a text that begins so is LINE's."""
    return head.lstrip("\ufeff\r\n").startswith(_HEADER)


def read_text(text: LogText, assistant: frozenset[str], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversation in an export. What LINE itself writes has no name, and is left out."""
    date = ""
    lines: list[str] = []
    dates: list[str] = []
    header: list[str] = []
    for number, raw in text.lines():
        line = raw.rstrip("\r\n")
        if number <= _HEADER_LINES and (line.lstrip("\ufeff").startswith(_HEADER) or _SAVED.fullmatch(line.strip())):
            header.append(line)
            continue
        if (heading := _DAY.fullmatch(line)) is not None:
            date = heading["date"]
            continue
        lines.append(line)
        dates.append(date)
    form = _MESSAGE if any(map(_MESSAGE.fullmatch, lines)) else _SPACED
    starts = [_turn_start(form.fullmatch(line), day) for line, day in zip(lines, dates, strict=True)]
    conversation = parse_turns(lines, starts)
    conversation.turns = [replace(turn, content=_unquoted(turn.content)) for turn in conversation.turns]
    conversation.aside += header
    yield ParsedRecord(1, 1, None, [conversation])


def _unquoted(text: str) -> str:
    """Return a text without the quotes that LINE writes around texts of several lines."""
    is_quoted = len(text) > 1 and "\n" in text and text.startswith('"') and text.endswith('"')
    return text[1:-1].replace('""', '"') if is_quoted else text


def _turn_start(match: re.Match[str] | None, date: str) -> TurnStart | None:
    if match is None:
        return None
    name = match["name"].strip() if match["text"] is not None else ""
    return TurnStart(name or None, match["text"] or "", date=date, time=match["time"])


LINE = LogFormat(
    "line",
    "LINE's exports of a chat, in any language; name the assistant.",
    "[LINE] Chat history with Bot\nSaved on: 2024/05/02 09:00\n\n2024/05/01(Wed)\n10:00\tUser\tHi\n10:01\tBot\tHello\n",
    is_text=is_line,
    read_text=read_text,
)
