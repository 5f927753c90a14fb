"""The turns of transcripts in plain text: lines that begin a turn, and lines that continue one."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import dropwhile

from .metadata import parse_timestamp
from .parse_results import ParsedConversation, ParsedTurn

_RULE = re.compile(r"\s*(?:-{3,}|={3,})\s*")
_TIME = re.compile(
    r"(?:(?:(?P<morning>上午|午前|오전)|(?P<evening>下午|午後|오후))\s?)?"
    r"(?P<hour>\d+)[:.](?P<minute>\d+)(?:[:.](?P<second>\d+))?(?:\s*(?:(?P<am>a|ص|ÖÖ)|(?P<pm>p|م|ÖS)))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TurnStart:
    """A line that begins a turn.

    Attributes:
        word: the speaker's word; None for a line that the chat program wrote itself.
        text: the text on the same line.
        sure: whether the word is surely a speaker: a known one, or one with a time.
        name: the speaker's name, where the word is a role.
        date: the date as it stands there.
        time: the time as it stands there.
        form: the notation of date and time; the lines of one transcript have one form.
    """

    word: str | None
    text: str
    sure: bool = True
    name: str | None = None
    date: str = ""
    time: str = ""
    form: str = ""


def has_content(line: str) -> bool:
    """Return whether a line is neither blank nor a bare rule."""
    return bool(line.strip()) and not _RULE.fullmatch(line)


def parse_turns(lines: Sequence[str], starts: Sequence[TurnStart | None]) -> ParsedConversation:
    """Return the conversation in lines; a line that begins no turn continues the one before."""
    order = _date_order(start.date for start in starts if start is not None and start.date)
    conversation = ParsedConversation([])
    current: TurnStart | None = None
    gathered: list[str] = []
    for line, start in zip(lines, starts, strict=True):
        if start is None:
            gathered.append(line)
            continue
        _end_turn(conversation, current, gathered, order)
        current, gathered = start, [start.text]
        if start.word is None:
            conversation.aside.append(line)
    _end_turn(conversation, current, gathered, order)
    if program_lines := sum(start is not None and start.word is None for start in starts):
        conversation.remarks.append(f"what the chat program itself wrote was left out (lines: {program_lines})")
    return conversation


def _end_turn(
    conversation: ParsedConversation, start: TurnStart | None, gathered: list[str], order: str | None
) -> None:
    """Add the gathered lines as a turn; blank lines around it and rules at its end are layout, no text."""
    while gathered and not has_content(gathered[-1]):
        gathered.pop()
    if start is None:
        if preface := sum(map(has_content, gathered)):
            conversation.remarks.append(f"text before the first speaker was left out (lines: {preface})")
            conversation.aside += gathered
        return
    if start.word is None:
        return
    gathered = list(dropwhile(lambda line: not line.strip(), gathered))
    at = _moment(start, order)
    metadata = {"at": f"{start.date} {start.time}".strip()} if start.time and at is None else {}
    conversation.turns.append(ParsedTurn(start.word, "\n".join(gathered), start.name, at, metadata))


def _date_order(dates: Iterable[str]) -> str | None:
    """Return the order of day, month and year in a file's dates: "ymd", "dmy" or "mdy".

    A year of four digits in front and points decide at once; otherwise a number above 12 does, or that time does not
    run backwards. None where nothing decides, or where the dates contradict each other.
    """
    orders = set()
    parts = []
    for date in dates:
        first, second, third = re.split(r"[./-]", date)
        parts.append((int(first), int(second), int(third)))
        if len(first) == 4:
            orders.add("ymd")
            continue
        pointed = date[len(first)] == "."
        if pointed or int(first) > 12:
            orders.add("dmy")
        if not pointed and int(second) > 12:
            orders.add("mdy")
    if not orders:
        as_mdy = [(year, first, second) for first, second, year in parts]
        as_dmy = [(year, second, first) for first, second, year in parts]
        orders = {
            order
            for order, ordered_dates in (("mdy", as_mdy), ("dmy", as_dmy))
            if ordered_dates == sorted(ordered_dates)
        }
    return orders.pop() if len(orders) == 1 else None


def _moment(start: TurnStart, order: str | None) -> datetime | None:
    """Return the time of a turn; None where the order of its date is not known or the date is invalid."""
    clock = _TIME.match(start.time)
    if order is None or clock is None or not start.date:
        return None
    if order == "ymd" and (iso := parse_timestamp(f"{start.date}T{start.time}")) is not None:
        return iso
    parts = dict(zip(order, map(int, re.split(r"[./-]", start.date)), strict=True))
    hour = int(clock["hour"])
    late = clock["pm"] or clock["evening"]
    if late or clock["am"] or clock["morning"]:
        hour = hour % 12 + (12 if late else 0)
    year = parts["y"] + (2000 if parts["y"] < 100 else 0)
    try:
        return datetime(year, parts["m"], parts["d"], hour, int(clock["minute"]), int(clock["second"] or 0))
    except ValueError:
        return None
