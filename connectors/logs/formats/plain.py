"""Plain transcripts: `Speaker: text`, also with a time or a date and a time, as chat programs export them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.log_text import LogText
from convexplain.connectors.logs.engine.metadata import clean_text
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ProblemReporter,
    quoted_names,
)
from convexplain.connectors.logs.engine.roles import role_of
from convexplain.connectors.logs.engine.transcript import TurnStart, has_content, parse_turns

from . import _whatsapp as messengers
from ._speaker_headings import speaker_heading, with_partner

_HEADING = re.compile(r"#+\s*(?:conversation|dialogue|dialog|chat|session)\b", re.IGNORECASE)
_NUMBERED = re.compile(
    r"\W{0,3}(?P<noun>conversation|dialogue|dialog|chat|session|transcript|ticket|case|gespräch|conversación|conversa|диалог|чат"
    r"|对话|對話|会話)\s?(?:id|no\.?|nr\.?|number)?\s*[:：#]?\s*(?P<id>[\w.-]{0,40}\d[\w.-]{0,40})\W{0,3}",
    re.IGNORECASE,
)
"""A line that numbers a conversation: `Conversation 12`, `Chat ID: a-7`."""
_DATE_LINE = re.compile(
    r"\W{0,3}(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?[.,]?\s)?"
    r"(?:(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?\s\d{1,2}(?:,?\s\d{4})?"
    r"|\d{1,2}\.?\s(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?(?:,?\s\d{4})?"
    r"|\d{1,4}[./-]\d{1,2}[./-]\d{1,4})\W{0,3}",
    re.IGNORECASE,
)
"""A line with a date and nothing else, between the turns of two days."""
_MAX_EVENT = 160
_START = r"started|began|begins|opened|gestartet|begonnen|iniciad[oa]|démarrée?"
_EVENT = re.compile(
    rf"\W{{0,5}}(?:(?:chat|conversation|session|call|gespräch|conversación|conversa)\s(?:has\s|was\s|is\s)?(?:been\s)?"
    rf"(?:(?P<start>{_START})|ended|ends|closed|resumed|transferred|accepted|beendet|finalizad[oa]|terminée?|encerrad[oa])"
    r"(?:\s?by\s[\w .'-]{1,40})?(?:[\s:(,@-]{1,3}(?:(?:on|at)\s)?[^:?!]{0,30}\d.{0,60})?"
    r"|(?!(?:i|we|you|he|she|they)\s)[\w.'-]{1,40}(?:\s[\w.'-]{1,40}){0,3}\s(?:has\s)?(?:joined|left|entered|ended|closed)"
    r"\s(?:the\s)?(?:chat|conversation|session|call|room)(?:\W{1,3}\d.{0,40})?)\W{0,5}",
    re.IGNORECASE,
)
_MARKED_EVENT = re.compile(
    r"(?:\*{2,3}|-{2,3}|={2,3}|[\[(<])\s?[^*=\[\]()<>]{1,60}\s(?:joined|left|connected|disconnected|transferred|assigned)"
    r"(?:\s(?:to\s)?(?:the\s)?(?:chat|conversation|session|call|room))?\s?(?:\*{2,3}|-{2,3}|={2,3}|[\])>])",
    re.IGNORECASE,
)
_SPOKEN_LINE = re.compile(
    r"(?:#{1,6}\s+)?(?P<mark>\*\*|__)?\[?(?P<word>[^\s:：*_\[\]][^:：\n]{0,59}?)\]?"
    r"(?:\s*[(\[](?P<aside>[^()\[\]\n]{1,40})[)\]])?\s?(?:\*\*|__)?(?P<colon>[:：])(?P<rest>.*)"
)
_SPAN = re.compile(
    r"[\[(]?\s*(?:\d[\d:.,]*\s?(?:h|m|s|ms|hours?|min|minutes?|secs?|seconds?)?\s*){1,6}(?:-->|[-–—→]|to)\s*"
    r"(?:\d[\d:.,]*\s?(?:h|m|s|ms|hours?|min|minutes?|secs?|seconds?)?\s*){1,6}[\])]?",
    re.IGNORECASE,
)
"""A line with the beginning and the end of what is said below, and nothing else."""
_NO_NAME = re.compile(r'[?!,;{}<>=|"`\\]|\S+\s+\S+\s+\S+\s+\S+\s+\S')
"""Text that is no speaker's name: such punctuation, or more than four words."""

_INVISIBLE = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff"
_MARK = f"[{_INVISIBLE}]?"
_NO_DATE = re.compile(rf"[{_INVISIBLE} ]")
_STAMP = (
    rf"(?:(?P<date>\d{{1,4}}{_MARK}[./-]\s?\d{{1,2}}{_MARK}[./-]\s?\d{{1,4}}\.?)(?:[,،]\s*|\s+(?:(?:à|um|às|kl\.?)\s+)?|T))?"
    rf"(?P<time>(?:(?:上午|下午|午前|午後|오전|오후)\s?)?\d{{1,2}}[:.]\d{{2}}(?:[:.]\d{{2}}(?:[.,]\d{{1,9}})?)?"
    rf"(?:\s?[ap]\.?\s?m\b\.?|\s?{_MARK}(?:[صم]|Ö[ÖS])(?!\w))?(?:Z|[+-]\d{{2}}:?\d{{2}})?)"
)
_ASIDE = re.compile(_STAMP, re.IGNORECASE)
_STAMPED_LINE = re.compile(
    rf"[{_INVISIBLE}\s]*(?P<open>[\[(]?){_STAMP}[\])]?(?:\s*[-–|]|,)?\s+(?P<rest>\S.*)",
    re.IGNORECASE,
)
# Quotes and the two slashes of an address tell a system line ('X changed the subject to "A: b"').
_AUTHOR = re.compile(r'(?P<author>[^:"“”\n]{1,80}):(?!//)[ ]?(?P<text>.*)')


@dataclass(slots=True)
class _Block:
    """The lines of one conversation, and the lines between them that are events of the chat."""

    line: int
    id: str | None = None
    lines: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)


def read_text(text: LogText, assistant: frozenset[str], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations of a transcript.

    A conversation begins at a line like `=== id ===`, `--- id ---`, `# Conversation id`, `Chat ID: 7` or
    `Chat started`; blank lines and bare rules separate nothing. Lines of events (`Mia joined the chat`) are left out.
    Where the words of both sides (user and assistant) are known, a line that begins with another word and a colon
    belongs to the turn before it ("Note: …"), and is remarked on.

    Args:
        text: the log.
        assistant: names of the assistant, as `roles.normalized_word` returns them.
    """
    number, preface = 1, None
    for block in _blocks(text.lines()):
        stamped = [parse_stamped_line(line) for line in block.lines]
        form = main_form(block.lines, stamped, assistant)
        if form is None:
            conversation = _parse_spoken_lines(block.lines, assistant)
        else:
            # Another form is somebody's words ("10:30 suits me: fine").
            starts = [start if start and start.form == form else None for start in stamped]
            conversation = parse_turns(block.lines, starts)
        if block.events:
            conversation.remarks.append(f"events of the chat were left out (lines: {len(block.events)})")
            conversation.aside += block.events
        record = ParsedRecord(block.line, number, block.id, [conversation], speakers_certain=form is not None)
        if preface is None and number == 1 and block.id is None and not conversation.turns:
            preface = record
            continue
        if preface is not None and number == 1:
            report(preface.position, "text before the first conversation was left out", kept=True)
            conversation.aside += preface.conversations[0].aside
        yield record
        number += 1
    if preface is not None and number == 1:
        yield preface


def main_form(lines: Sequence[str], stamped: Sequence[TurnStart | None], assistant: frozenset[str]) -> str | None:
    """Return the form of the times with which turns begin; None where they begin with a speaker's word.

    The first line's form counts, unless more of the lines begin with known speakers, or no line of its form names a
    speaker. Where the first line has no time, the form of most lines counts.
    """
    first = next((start for line, start in zip(lines, stamped, strict=True) if has_content(line)), None)
    forms = Counter(start.form for start in stamped if start is not None and start.word is not None)
    spoken = [
        start
        for line, stamp in zip(lines, stamped, strict=True)
        if stamp is None and (start := parse_spoken_line(line, assistant)) is not None
    ]
    if first is not None and first.word is None and not spoken and not forms:
        return first.form
    form, count = forms.most_common(1)[0] if forms else (None, 0)
    if first is not None and first.form in forms:
        is_known = forms[first.form] >= sum(start.sure for start in spoken)
        return first.form if is_known and forms[first.form] * 2 >= count else form if count >= len(spoken) else None
    return form if count > len(spoken) else None


def parse_spoken_line(line: str, assistant: frozenset[str]) -> TurnStart | None:
    """Return the line as the start of a turn, also where it only names the speaker of the text below; None where it
    begins none.

    An unknown word needs a blank after its colon and text on the same line, so that "Here is how:" and addresses are no
    speakers. After it a time, a role or a name may stand in brackets: "Anna (10:32): …".
    """
    return _spoken_text(line, assistant) or speaker_heading(line, assistant)


def _spoken_text(line: str, assistant: frozenset[str]) -> TurnStart | None:
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
    date = _NO_DATE.sub("", match["date"] or "").rstrip(".")
    time, text = _NO_DATE.sub(" ", match["time"]), match["rest"].lstrip(_INVISIBLE)
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


def event_kind(line: str) -> Literal["start", "other"] | None:
    """Return the kind of event that a line tells (a chat starts, or another one); None for any other line."""
    line = line.strip()
    if len(line) > _MAX_EVENT:
        return None
    if match := _EVENT.fullmatch(line):
        return "start" if match["start"] else "other"
    return "other" if _MARKED_EVENT.fullmatch(line) else None


def numbered_id(line: str) -> str | None:
    """Return the id in a line such as `Conversation 12`; None for any other line."""
    match = _numbered(line)
    return match["id"] if match else None


def _numbered(line: str) -> re.Match[str] | None:
    return _NUMBERED.fullmatch(line.strip()) if len(line) <= _MAX_EVENT else None


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
    nouns: set[str] = set()  # of the headings so far: `Chat #2` needs no blank line before it after `Chat #1`
    after_blank = True
    for number, raw in lines:
        line = raw.rstrip("\r\n")
        event = event_kind(line)
        if event is None and after_blank and len(line) <= _MAX_EVENT and _is_time_line(line.strip()):
            event = "other"
        block_id = None if event else heading_id(line)
        numbered = None if event or block_id is not None else _numbered(line)
        if numbered and (after_blank or numbered["noun"].lower() in nouns):
            block_id = numbered["id"]
            nouns.add(numbered["noun"].lower())
        after_blank = bool(event) or not has_content(line)
        begins = event == "start" and any(map(has_content, block.lines))
        if block_id is None and not begins:
            if event:
                block.events.append(line)
            else:
                block.lines.append(line)
            continue
        if block.id is not None or any(map(has_content, block.lines)):
            yield block
        block = _Block(number, clean_text(block_id) if block_id is not None else None, events=[line] if event else [])
    if block.id is not None or any(map(has_content, block.lines)):
        yield block


def _is_time_line(line: str) -> bool:
    """Return whether a line holds a date, or the beginning and the end of a text, and nothing else."""
    return _DATE_LINE.fullmatch(line) is not None or _SPAN.fullmatch(line) is not None


def _with_names(starts: Sequence[TurnStart | None], assistant: frozenset[str]) -> list[TurnStart | None]:
    """Return the starts of turns with the roles of the names that a header gives: `Agent: Mia`, where Mia speaks later.

    The lines of such a header begin no turns.
    """
    words = {start.word for start in starts if start is not None and role_of(start.word or "") is None}
    roles = {
        start.text.strip(): start.word
        for start in starts
        if start is not None and start.text.strip() in words and role_of(start.word or "", assistant) is not None
    }
    if not roles:
        return list(starts)
    named: list[TurnStart | None] = []
    for start in starts:
        if start is None or roles.get(start.text.strip()) == start.word:
            named.append(None)
        elif start.word in roles:
            named.append(replace(start, word=roles[start.word], name=start.word, sure=True))
        else:
            named.append(start)
    first = next((place for place, start in enumerate(named) if start is not None and start.sure), 0)
    return [*([None] * first), *named[first:]]


def _parse_spoken_lines(lines: Sequence[str], assistant: frozenset[str]) -> ParsedConversation:
    """Return the conversation in lines that begin with a speaker's word; other lines continue the turn before."""
    starts = _with_names([parse_spoken_line(line, assistant) for line in lines], assistant)
    headings = with_partner(lines, [speaker_heading(line, assistant) for line in lines])
    if sum(map(bool, headings)) > sum(start is not None and start.sure and bool(start.text) for start in starts):
        starts = headings
    folded: Counter[str] = Counter()
    if {"user", "assistant"} <= {role_of(start.word or "", assistant) for start in starts if start is not None}:
        folded.update(start.word or "" for start in starts if start is not None and not start.sure)
        starts = [start if start is not None and start.sure else None for start in starts]
    conversation = parse_turns(lines, starts)
    if folded:
        words = quoted_names(list(folded), most=5)
        conversation.remarks.append(f"lines that begin with {words} and a colon were read as text of the turn before")
    return conversation


PLAIN = LogFormat(
    "plain",
    "A transcript with `Speaker: text` lines, also with a time or a date and a time (WhatsApp, Signal); further "
    "lines belong to the turn before, and `=== id ===` begins a conversation.",
    "=== 1 ===\nUser: Hi\nAssistant: Hello",
    read_text=read_text,
)
