"""`read_log`: from a file to its conversations."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from convexplain.errors import LogError, Problem, UsageError
from convexplain.types import Conversation, Turn

from . import plain, records, table
from .drafts import Draft, Entry, Report, UnreadableError, shown
from .formats import NAMES, known
from .jsontext import parse
from .roles import assign, keys, role_of
from .table import ColumnMap
from .text import LogText, open_log

_logger = logging.getLogger(__name__)

_JSON_START = re.compile(r'\s*(?:\{|\[\s*[\[{"\]])')
_TEXT_SUFFIXES = ("", ".txt", ".text", ".md", ".log", ".chat", ".transcript")
_TABLE_SUFFIXES = (".csv", ".tsv", ".tab")


def read_log(
    path: str | Path,
    *,
    format: str | None = None,
    columns: ColumnMap | None = None,
    on_problem: Callable[[Problem], None] | None = None,
    assistant: Iterable[str] = (),
) -> Iterator[Conversation]:
    """Read the conversations of one log file, one after the other.

    The file is opened at the first conversation that is asked for. JSON logs and transcripts are never held
    whole; a table is, and so are JSON messages by themselves, because they may come in any order.

    A conversation's id is the log's own, or else the file's name without its ending and the record's number;
    where an id comes again it gets `#2`, `#3` and so on. A conversation without an assistant's turn does
    come; one without any text does not.

    Args:
        path: the file.
        format: one of `FORMATS` by name; None to recognise it from the content.
        columns: the columns of a table, which makes the file one; None to go by their usual names.
        on_problem: is told of each record that cannot be read, and of what else a person should know; reading
            goes on. None logs them as warnings.
        assistant: speakers that are the assistant, where the log calls them by name.

    Raises:
        UsageError: an unknown format; columns with another format than csv; a table whose columns cannot be
            told (the message lists them).
        LogError: the file as a whole cannot be read: missing, empty, binary, of no known format.
    """
    if format is not None and format not in NAMES:
        raise UsageError(f"format: {format!r} is none of {', '.join(NAMES)}")
    if columns is not None and format not in (None, "csv"):
        raise UsageError(f"columns: only a table (format 'csv') has columns, not format {format!r}")
    names = keys((assistant,) if isinstance(assistant, str) else tuple(assistant))
    path = Path(path)

    def report(line: int | None, reason: str, *, kept: bool = False) -> None:
        problem = Problem(path, line, reason, kept=kept)
        if on_problem is None:
            _logger.warning("%s", problem)
        else:
            on_problem(problem)

    return _read(path, "csv" if columns is not None else format, columns, report, names)


def _read(
    path: Path, format: str | None, columns: ColumnMap | None, report: Report, assistant: frozenset[str]
) -> Iterator[Conversation]:
    settle = _Settler(path, report, assistant)
    with open_log(path, report) as text:
        kind = format or _recognise(text, assistant)
        if kind == "csv":
            entries = table.entries(text, columns, report)
        elif kind == "plain":
            entries = plain.entries(text, assistant)
        else:
            entries = records.entries(text, format, report)
        for entry in entries:
            yield from settle.conversations(entry)


def _recognise(text: LogText, assistant: frozenset[str]) -> str:
    """The kind of a log by the start of its text: "json", "csv" or "plain".

    The file's name only breaks ties. Which of the JSON formats it is, each record tells by itself.

    Raises:
        LogError: it is none of them.
    """
    lines = [line for line in text.head.splitlines() if line.strip()]
    suffix = text.path.suffix.lower()
    if _JSON_START.match(text.head) or _mostly_objects(lines[:20]):
        return "json"
    if table.is_header(table.first_row(text.head, None)[1]):
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


class _Settler:
    """Settles roles and ids: from the entries of one file to its conversations."""

    def __init__(self, path: Path, report: Report, assistant: frozenset[str]) -> None:
        self._path = path
        self._report = report
        self._assistant = assistant
        self._ids: set[str] = set()
        self._times: dict[str, int] = {}

    def conversations(self, entry: Entry) -> Iterator[Conversation]:
        """The conversations of an entry; what cannot be one is reported."""
        settled = [(draft, turns) for draft in entry.drafts if (turns := self._turns(entry, draft))]
        if not settled:
            return
        base = self._id(entry, [draft.suffix for draft, _ in settled])
        for draft, turns in settled:
            for remark in draft.remarks:
                self._report(entry.position, remark, kept=True)
            pair = {} if draft.preferred is None else {"pair": base, "preferred": draft.preferred}
            yield Conversation(base + draft.suffix, turns, str(self._path), {**draft.metadata, **pair})

    def _turns(self, entry: Entry, draft: Draft) -> tuple[Turn, ...]:
        reason = "the conversation has no turns" if not draft.said else "no turn of the conversation has text"
        if any(said.content.strip() for said in draft.said):
            try:
                return assign(draft.said, self._assistant, certain=entry.speakers_certain)
            except UnreadableError as error:
                reason = str(error)
        name = draft.suffix.removeprefix("-")
        self._report(entry.position, f"{name}: {reason}" if name else reason)
        return ()

    def _id(self, entry: Entry, suffixes: list[str]) -> str:
        own = entry.id or f"{self._path.stem}-{entry.number}"
        base, times = own, self._times.get(own, 1)
        while any(base + suffix in self._ids for suffix in suffixes):
            times += 1
            base = f"{own}#{times}"
        if base != own:
            self._times[own] = times
            self._report(entry.position, f"the id {own!r} was there before; this one is {base!r}", kept=True)
        self._ids.update(base + suffix for suffix in suffixes)
        return base
