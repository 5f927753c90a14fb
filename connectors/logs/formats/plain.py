"""Plain transcripts: `Speaker: text`, also with a time or a date and a time, as chat programs export them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import dropwhile

from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.log_text import LogText
from convexplain.connectors.logs.engine.metadata import clean_text, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
    quoted_names,
)
from convexplain.connectors.logs.engine.roles import role_of

from . import _whatsapp as messengers

_HEADING = re.compile(r"#+\s*(?:conversation|dialogue|dialog|chat|session)\b", re.IGNORECASE)
_RULE = re.compile(r"\s*(?:-{3,}|={3,})\s*")
_SPOKEN_LINE = re.compile(
    r"(?:#{1,6}\s+)?(?P<mark>\*\*|__)?\[?(?P<word>[^\s:：*_\[\]][^:：\n]{0,59}?)\]?"
    r"(?:\s*[(\[](?P<aside>[^()\[\]\n]{1,40})[)\]])?\s?(?:\*\*|__)?(?P<colon>[:：])(?P<rest>.*)"
)
_NO_NAME = re.compile(r'[?!,;{}<>=|"`\\]|\S+\s+\S+\s+\S+\s+\S+\s+\S')
"""Text that is no speaker's name: such punctuation, or more than four words."""

_INVISIBLE = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff"
_STAMP = (
    r"(?:(?P<date>\d{1,4}[./-]\s?\d{1,2}[./-]\s?\d{1,4}\.?)(?:,\s*|\s+(?:(?:à|um|às|kl\.?)\s+)?|T))?"
    r"(?P<time>(?:(?:上午|下午|午前|午後|오전|오후)\s?)?\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[ap]\.?\s?m\b\.?)?(?:Z|[+-]\d{2}:?\d{2})?)"
)
_ASIDE = re.compile(_STAMP, re.IGNORECASE)
_STAMPED_LINE = re.compile(
    rf"[{_INVISIBLE}\s]*(?P<open>[\[(]?){_STAMP}[\])]?(?:\s*[-–]|,)?\s+(?P<rest>\S.*)",
    re.IGNORECASE,
)
# Quotes and the two slashes of an address tell a system line ('X changed the subject to "A: b"').
_AUTHOR = re.compile(r'(?P<author>[^:"“”\n]{1,80}):(?!//)[ ]?(?P<text>.*)')
_TIME = re.compile(
    r"(?:(?:(?P<morning>上午|午前|오전)|(?P<evening>下午|午後|오후))\s?)?"
    r"(?P<hour>\d+)[:.](?P<minute>\d+)(?:[:.](?P<second>\d+))?(?:\s?(?:(?P<am>a)|(?P<pm>p)))?",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Block:
    """The lines of one conversation."""

    line: int
    id: str | None = None
    lines: list[str] = field(default_factory=list)


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


def read_text(text: LogText, assistant: frozenset[str], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations of a transcript.

    A conversation begins at a line like `=== id ===`, `--- id ---` or `# Conversation id`; blank lines and bare rules
    separate nothing. Where the words of both sides (user and assistant) are known, a line that begins with another word
    and a colon belongs to the turn before it ("Note: …"), and is remarked on.

    Args:
        text: the log.
        assistant: names of the assistant, as `roles.normalized_word` returns them.
    """
    for number, block in enumerate(_blocks(text.lines()), 1):
        if (first := parse_stamped_line(next(filter(_has_content, block.lines), ""))) is None:
            yield ParsedRecord(
                block.line, number, block.id, [_parse_spoken_lines(block.lines, assistant)], speakers_certain=False
            )
            continue
        # Another form is somebody's words ("10:30 suits me: fine").
        starts = [item if item and item.form == first.form else None for item in map(parse_stamped_line, block.lines)]
        yield ParsedRecord(block.line, number, block.id, [_parse_turns(block.lines, starts)])


def parse_spoken_line(line: str, assistant: frozenset[str]) -> TurnStart | None:
    """Return the line as the start of a turn; None where it begins none.

    An unknown word needs a blank after its colon and text on the same line, so that "Here is how:" and addresses are no
    speakers. After it a time, a role or a name may stand in brackets: "Anna (10:32): …".
    """
    match = _SPOKEN_LINE.match(line)
    if match is None or _NO_NAME.search(match["word"]):
        return None
    word, aside, text, name, date, time = match["word"].strip(), match["aside"], match["rest"], None, "", ""
    if match["mark"]:
        text = text.removeprefix(match["mark"])
    if aside and (stamp := _ASIDE.fullmatch(aside.strip())):
        date, time = stamp["date"] or "", stamp["time"]
    elif aside and role_of(aside, assistant) is not None:
        word, name = aside.strip(), word
    elif aside and role_of(word, assistant) is not None:
        name = aside.strip()
    elif aside:
        word = line[match.start("word") : match.end("aside") + 1]
    sure = bool(time) or role_of(word, assistant) is not None
    if not sure and not (text.strip() and (text[0].isspace() or match["colon"] == "：")):
        return None
    return TurnStart(word, text.removeprefix(" "), sure, name, date, time)


def parse_stamped_line(line: str) -> TurnStart | None:
    """Return the parts of a line that begins with a time; None for any other line."""
    if (match := _STAMPED_LINE.match(line)) is None:
        return None
    date = (match["date"] or "").replace(" ", "").rstrip(".")
    time, text = match["time"], match["rest"].lstrip(_INVISIBLE)
    form = "date" if date else f"time{match['open']}"
    if (author_match := _AUTHOR.match(text)) is None:
        return TurnStart(None, text, date=date, time=time, form=form)
    author, content = author_match["author"].strip(), author_match["text"]
    if date:
        readable = messengers.display_text(content)
        if readable is None:
            return TurnStart(None, text, date=date, time=time, form=form)
        content = readable
    if author.startswith("**"):
        author, content = author.strip("* "), content.removeprefix("**").removeprefix(" ")
    return TurnStart(author, content, date=date, time=time, form=form)


def heading_id(line: str) -> str | None:
    """Return the id in a line that begins a conversation (it may be empty); None for any other line."""
    # No single pattern for the whole line: a long run of signs would have it try every way to share them out.
    line = line.rstrip()
    for sign in "=-":
        if line.startswith(sign * 3) and line.endswith(sign * 3):
            inner = line.strip(sign).strip()
            return inner if re.search(r"\w", inner) else None
    match = _HEADING.match(line)
    return line[match.end() :].strip(" \t:#") if match else None


def _blocks(lines: Iterable[tuple[int, str]]) -> Iterator[_Block]:
    block = _Block(1)
    for number, raw in lines:
        line = raw.rstrip("\r\n")
        block_id = heading_id(line)
        if block_id is None:
            block.lines.append(line)
            continue
        if block.id is not None or any(map(_has_content, block.lines)):
            yield block
        block = _Block(number, clean_text(block_id))
    if block.id is not None or any(map(_has_content, block.lines)):
        yield block


def _has_content(line: str) -> bool:
    return bool(line.strip()) and not _RULE.fullmatch(line)


def _parse_spoken_lines(lines: Sequence[str], assistant: frozenset[str]) -> ParsedConversation:
    """Return the conversation in lines that begin with a speaker's word; other lines continue the turn before."""
    starts = [parse_spoken_line(line, assistant) for line in lines]
    folded: Counter[str] = Counter()
    if {"user", "assistant"} <= {role_of(start.word or "", assistant) for start in starts if start is not None}:
        folded.update(start.word or "" for start in starts if start is not None and not start.sure)
        starts = [start if start is not None and start.sure else None for start in starts]
    conversation = _parse_turns(lines, starts)
    if folded:
        words = quoted_names(list(folded), most=5)
        conversation.remarks.append(f"lines that begin with {words} and a colon were read as text of the turn before")
    return conversation


def _parse_turns(lines: Sequence[str], starts: Sequence[TurnStart | None]) -> ParsedConversation:
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
    _end_turn(conversation, current, gathered, order)
    if program_lines := sum(start is not None and start.word is None for start in starts):
        conversation.remarks.append(f"what the chat program itself wrote was left out (lines: {program_lines})")
    return conversation


def _end_turn(
    conversation: ParsedConversation, start: TurnStart | None, gathered: list[str], order: str | None
) -> None:
    """Add the gathered lines as a turn; blank lines around it and rules at its end are layout, no text."""
    while gathered and not _has_content(gathered[-1]):
        gathered.pop()
    if start is None:
        if any(map(_has_content, gathered)):
            conversation.remarks.append("text before the first speaker was left out")
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


PLAIN = LogFormat(
    "plain",
    "A transcript with `Speaker: text` lines, also with a time or a date and a time (WhatsApp, Signal); further "
    "lines belong to the turn before, and `=== id ===` begins a conversation.",
    "=== 1 ===\nUser: Hi\nAssistant: Hello",
    read_text=read_text,
)
