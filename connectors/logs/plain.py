"""Plain transcripts: `Speaker: text`, also after a date and a time."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .dated import Dated, dated, moment_in, order_of
from .drafts import Draft, Entry, Said
from .problems import shown
from .roles import role_of
from .text import LogText
from .values import clean

_HEADING = re.compile(r"#+\s*(?:conversation|dialogue|dialog|chat|session)\b", re.IGNORECASE)
_RULE = re.compile(r"\s*(?:-{3,}|={3,})\s*")
_SPOKEN = re.compile(
    r"(?P<mark>\*\*|__)?\[?(?P<word>[^\s:：*_\[\]][^:：\n]{0,59}?)\]?\s?(?:\*\*|__)?(?P<colon>[:：])"
    r"(?P<rest>.*)"
)
_NO_NAME = re.compile(r'[?!,;{}<>=|"`\\]|\S+\s+\S+\s+\S+\s+\S+\s+\S')
"""What no speaker's name holds: such punctuation, or more than four words."""


@dataclass(slots=True)
class _Block:
    """The lines of one conversation."""

    line: int
    id: str | None = None
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Spoken:
    """The start of a turn: the speaker's word, the text on the same line, whether the word is a known one."""

    word: str
    text: str
    known: bool


def entries(text: LogText, assistant: frozenset[str]) -> Iterator[Entry]:
    """The conversations of a transcript.

    A conversation begins at a line like `=== id ===`, `--- id ---` or `# Conversation id`; blank lines and
    bare rules separate nothing. Where the words of both sides (user and assistant) are known, a line that
    begins with another word and a colon belongs to the turn before it ("Note: …"), and is remarked on.

    Args:
        text: the log.
        assistant: names of the assistant, as `roles.keys` gives them.
    """
    for number, block in enumerate(_blocks(text.lines()), 1):
        lines = [dated(line) for line in block.lines]
        first = next((item for line, item in zip(block.lines, lines, strict=True) if line.strip()), None)
        if first is not None:
            yield Entry(block.line, number, block.id, [_dated_draft(block, lines)])
        else:
            yield Entry(block.line, number, block.id, [_draft(block, assistant)], speakers_certain=False)


def spoken(line: str, assistant: frozenset[str]) -> Spoken | None:
    """The line as the start of a turn, None when it is none.

    An unknown word needs a blank after its colon and text on the same line, so that "Here is how:" and
    addresses are no speakers.
    """
    found = _SPOKEN.match(line)
    if found is None or _NO_NAME.search(found["word"]):
        return None
    word, rest = found["word"].strip(), found["rest"]
    if found["mark"]:
        rest = rest.removeprefix(found["mark"])
    known = role_of(word, assistant) is not None
    if not known and not (rest.strip() and (rest[0].isspace() or found["colon"] == "：")):
        return None
    return Spoken(word, rest.removeprefix(" "), known)


def header(line: str) -> str | None:
    """The id in a line that begins a conversation (it may be empty), None for any other line."""
    # No single pattern for the whole line: a long run of signs would have it try every way to share them out.
    line = line.rstrip()
    for sign in "=-":
        if line.startswith(sign * 3) and line.endswith(sign * 3):
            inner = line.strip(sign).strip()
            return inner if re.search(r"\w", inner) else None
    found = _HEADING.match(line)
    return line[found.end() :].strip(" \t:#") if found else None


def _blocks(lines: Iterable[tuple[int, str]]) -> Iterator[_Block]:
    block = _Block(1)
    for number, raw in lines:
        line = raw.rstrip("\r\n")
        own = header(line)
        if own is None:
            block.lines.append(line)
            continue
        if block.id is not None or any(_counts(line) for line in block.lines):
            yield block
        block = _Block(number, clean(own))
    if block.id is not None or any(_counts(line) for line in block.lines):
        yield block


def _counts(line: str) -> bool:
    return bool(line.strip()) and not _RULE.fullmatch(line)


def _draft(block: _Block, assistant: frozenset[str]) -> Draft:
    starts = [spoken(line, assistant) for line in block.lines]
    sides = {role_of(start.word, assistant) for start in starts if start is not None}
    folded: Counter[str] = Counter()
    if {"user", "assistant"} <= sides:
        folded.update(start.word for start in starts if start is not None and not start.known)
        starts = [start if start is not None and start.known else None for start in starts]
    draft = Draft([])
    speaker: str | None = None
    gathered: list[str] = []
    for line, start in zip(block.lines, starts, strict=True):
        if start is None:
            gathered.append(line)
            continue
        _end_turn(draft, speaker, gathered)
        speaker, gathered = start.word, [start.text]
    _end_turn(draft, speaker, gathered)
    if folded:
        words = shown(list(folded), most=5)
        draft.remarks.append(f"lines that begin with {words} and a colon were read as text of the turn before")
    return draft


def _dated_draft(block: _Block, lines: list[Dated | None]) -> Draft:
    """Lines without a date go on the turn before; dated lines without an author are the program's own."""
    order = order_of(item.date for item in lines if item is not None)
    draft = Draft([])
    current: Dated | None = None
    gathered: list[str] = []
    for line, item in zip(block.lines, lines, strict=True):
        if item is None:
            gathered.append(line)
            continue
        if current is not None and current.author is not None:
            _end_turn(draft, current.author, gathered, current, order)
        current, gathered = item, [item.text]
    if current is not None and current.author is not None:
        _end_turn(draft, current.author, gathered, current, order)
    return draft


def _end_turn(
    draft: Draft,
    speaker: str | None,
    gathered: list[str],
    line: Dated | None = None,
    order: str | None = None,
) -> None:
    """Adds the gathered lines as a turn; blank lines and rules at its end are layout, no text."""
    while gathered and not _counts(gathered[-1]):
        gathered.pop()
    if speaker is None:
        if any(map(_counts, gathered)):
            draft.remarks.append("text before the first speaker was left out")
        return
    if gathered and not gathered[0].strip():
        del gathered[0]
    if not gathered:
        draft.remarks.append(f"turn {len(draft.said) + 1} ({speaker!r}) is empty")
    at = moment_in(line, order) if line is not None else None
    metadata = {"at": line.stamp} if line is not None and at is None else {}
    draft.said.append(Said(speaker, "\n".join(gathered), at=at, metadata=metadata))
