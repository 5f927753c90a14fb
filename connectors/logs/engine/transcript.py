"""The turns of transcripts in plain text: lines that begin a turn, and lines that continue one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile

from .dates import date_order, moment
from .parse_results import ParsedConversation, ParsedTurn

_RULE = re.compile(r"\s*(?:-{3,}|={3,})\s*")


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
    order = date_order((start.date for start in starts if start is not None and start.date), rising=True)
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
    at = moment(start.date, start.time, order)
    metadata = {"at": f"{start.date} {start.time}".strip()} if start.time and at is None else {}
    conversation.turns.append(ParsedTurn(start.word, "\n".join(gathered), start.name, at, metadata))
