"""`read_log`: from a file to its conversations."""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from convexplain.errors import Problem, UsageError
from convexplain.types import Conversation, Turn

from . import plain, records, table
from .columns import ColumnMap
from .drafts import Draft, Entry
from .formats import JSON_FORMATS, NAMES
from .problems import Report, UnreadableError
from .recognise import JSON, recognise
from .roles import assign, keys
from .text import LogText, open_log

_logger = logging.getLogger(__name__)


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
    whole; a table is, because its rows may come in any order.

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
        for entry in _entries(text, format or recognise(text, assistant), columns, report, assistant):
            yield from settle.conversations(entry)


def _entries(
    text: LogText, format: str, columns: ColumnMap | None, report: Report, assistant: frozenset[str]
) -> Iterator[Entry]:
    if format == JSON or format in JSON_FORMATS:
        return records.entries(text, None if format == JSON else format, report)
    if format == "csv":
        return table.entries(text, columns, report)
    return plain.entries(text, assistant)


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
