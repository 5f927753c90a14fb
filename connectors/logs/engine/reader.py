"""`read_log`: from a file to its conversations; `inspect_log`: what is recognised in it."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from convexplain.errors import LogError, Problem, UsageError
from convexplain.types import Conversation

from . import archives, binary_tables, records, slack_export, tables, turn_table
from .containers import Part, is_archive, unpack
from .conversation_builder import ConversationBuilder
from .input_file import OnBytes
from .json_values import json_values
from .log_text import LogText, NoLogError, open_file
from .parse_results import ParsedRecord, ProblemReporter
from .recognition import is_json, recognise
from .registry import LOG_FORMATS
from .roles import normalized_names
from .turn_table import ColumnMap

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class LogInspection:
    """What was recognised in the first part of a log.

    Attributes:
        containers: what its files were unpacked from; "" for a file as it is.
        encodings: the encodings of its texts.
        formats: how many records, or files of a format without records, were of which format.
        speakers: how often each speaker's word with a name was given which role; "?" where none could be told.
        conversations: how many were read.
        turns: how many turns they have.
        whole: whether the log was read to its end.
        first: the first conversation; None where there is none.
        problems: what cannot be read.
    """

    containers: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    speakers: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    conversations: int = 0
    turns: int = 0
    whole: bool = False
    first: Conversation | None = None
    problems: list[Problem] = field(default_factory=list)


def read_log(
    path: str | Path,
    *,
    format: str | None = None,
    columns: ColumnMap | None = None,
    on_problem: Callable[[Problem], None] | None = None,
    assistant: Iterable[str] = (),
    on_bytes: OnBytes | None = None,
) -> Iterator[Conversation]:
    """Read the conversations of one log file, one after the other.

    The file is opened at the first conversation that is asked for. JSON logs and transcripts are never held
    whole; a table with a turn a row is, and so are JSON messages by themselves, because they may come in any order.
    Compressed files (gzip, bzip2, xz, zstd) are read as what is in them, archives (zip, tar) member by member, each a
    file of its own called `archive.zip/member.json`; a member that cannot be read is a problem.

    A conversation's id is the log's own, or else the file's name without its ending and the record's number;
    where an id comes again it gets `#2`, `#3` and so on. A conversation without an assistant's turn does
    come; one without any text does not.

    Args:
        path: the file.
        format: one of `formats` by name; None to recognise it from the content.
        columns: the columns of a table, which makes the file one; None to go by their usual names.
        on_problem: is told of each record that cannot be read, and of what else a person should know; reading
            goes on. None logs them as warnings.
        assistant: speakers that are the assistant, where the log calls them by name.
        on_bytes: receives the number of bytes each time that some of the file were read.

    Raises:
        UsageError: an unknown format; columns with another format than csv; a table whose columns cannot be
            told (the message lists them).
        LogError: the file as a whole cannot be read: missing, empty, binary, damaged, of no known format.
        MissingExtraError: it is a Parquet, Arrow, Excel or zstd file, and the extra `logs` is not installed.
    """
    return _Reading(format, columns, assistant, on_problem or _warn).conversations(Path(path), on_bytes)


def check_reading(format: str | None = None, columns: ColumnMap | None = None) -> None:
    """Checks what `read_log` checks before it opens a file.

    Raises:
        UsageError: an unknown format; columns with another format than csv.
    """
    if format is not None:
        LOG_FORMATS.get(format)
    if columns is not None and format not in (None, "csv"):
        raise UsageError(f"columns: only a table (format 'csv') has columns, not format {format!r}")


def inspect_log(
    path: str | Path,
    *,
    format: str | None = None,
    columns: ColumnMap | None = None,
    assistant: Iterable[str] = (),
    limit: int = 100,
) -> LogInspection:
    """What is recognised in a log, from its first conversations.

    Args:
        path, format, columns, assistant: as of `read_log`.
        limit: so many conversations are read.

    Raises:
        UsageError, MissingExtraError: as of `read_log`. What cannot be read is among the problems.
    """
    found = LogInspection()
    reading = _Reading(format, columns, assistant, found.problems.append, found)
    conversations = reading.conversations(Path(path))
    try:
        for conversation in islice(conversations, limit):
            found.first = found.first or conversation
            found.conversations += 1
            found.turns += len(conversation.turns)
        found.whole = found.conversations < limit
    except LogError as error:
        found.problems.append(Problem(error.path, error.line, error.reason))
    return found


class _Reading:
    """How one log is read."""

    def __init__(
        self,
        format: str | None,
        columns: ColumnMap | None,
        assistant: Iterable[str],
        on_problem: Callable[[Problem], None],
        found: LogInspection | None = None,
    ) -> None:
        check_reading(format, columns)
        self._format = "csv" if columns is not None else format
        self._columns = columns
        self._assistant = normalized_names((assistant,) if isinstance(assistant, str) else tuple(assistant))
        self._on_problem = on_problem
        self._found = found

    def conversations(self, path: Path, on_bytes: OnBytes | None = None) -> Iterator[Conversation]:
        """Those of one file."""
        with open_file(path, on_bytes) as stream:
            outer = Part(path, path, stream)
            if (export := slack_export.open_export(outer)) is not None:
                yield from self._of_slack(export)
                return
            part = unpack(outer)
            members = archives.members(part, self._report(path))
            if members is None:
                yield from self._alone(part)
                return
            empty = True
            for member in members:
                empty = False
                yield from self._member(member)
        if empty:
            raise LogError(path, None, "is an archive without a file that may be a log")

    def _alone(self, part: Part) -> Iterator[Conversation]:
        try:
            yield from self._of(part)
        except LogError as error:
            if not self._is_side(part, error):
                raise

    def _member(self, part: Part) -> Iterator[Conversation]:
        try:
            yield from self._of(part)
        except LogError as error:
            if not self._is_side(part, error):
                self._on_problem(Problem(error.path, error.line, error.reason))
        except UsageError as error:  # a table whose columns cannot be told
            self._on_problem(Problem(part.path, None, str(error)))

    def _is_side(self, part: Part, error: LogError) -> bool:
        """Whether a file that cannot be read as a log is one that exports hold besides; says so."""
        side = self._format is None and archives.is_side_file(part.path) and isinstance(error, NoLogError)
        if side:
            self._report(part.path)(None, "is no log; exports hold such files besides: left out", kept=True)
        return side

    def _of(self, part: Part) -> Iterator[Conversation]:
        report = self._report(part.path)
        if self._found is not None:
            self._found.containers[part.container] += 1
        settle = self._settler(part.path, report, part.name.stem)
        for entry in self._entries(part, report):
            yield from settle.conversations(entry)

    def _entries(self, part: Part, report: ProblemReporter) -> Iterator[ParsedRecord]:
        seen = None if self._found is None else self._found.formats
        head = part.head()
        if kind := binary_tables.table_kind(head):
            yield from binary_tables.read_binary_table(part, kind, self._columns, self._format, report, seen)
            return
        if part.member and is_archive(head):
            raise LogError(part.path, None, "is an archive inside an archive: unpack it first")
        text = LogText(part.path, part.stream, report, part.name)
        if self._found is not None:
            self._found.encodings[text.encoding] += 1
        kind = self._kind(text)
        if kind == "json":
            yield from records.read_json_records(part.path, json_values(text), self._format, report, seen)
        elif kind == "csv":
            rows = turn_table.csv_rows(text, self._columns)
            yield from tables.read_text_table(part.path, rows, self._columns, self._format, report, seen)
        else:
            if seen is not None:
                seen[kind] += 1
            read_text = LOG_FORMATS.get(kind).read_text
            if read_text is not None:
                yield from read_text(text, self._assistant, report)

    def _kind(self, text: LogText) -> str:
        """What the text is: "json", "csv", or the name of another format of texts."""
        if self._format is None:
            return recognise(text, self._assistant)
        log_format = LOG_FORMATS.get(self._format)
        if not log_format.has_records:
            return log_format.name
        # The records of the format may be the rows of a table.
        return "csv" if not is_json(text.head) and tables.is_table(text.head) else "json"

    def _of_slack(self, export: slack_export.Export) -> Iterator[Conversation]:
        if self._found is not None:
            self._found.containers["zip"] += 1
            self._found.formats["slack"] += len(export.channels)
        for path, entries in export.entries(self._report):
            settle = self._settler(path, self._report(path), path.name)
            for entry in entries:
                yield from settle.conversations(entry)

    def _settler(self, path: Path, report: ProblemReporter, stem: str) -> ConversationBuilder:
        return ConversationBuilder(
            path, report, self._assistant, stem, None if self._found is None else self._found.speakers
        )

    def _report(self, path: Path) -> ProblemReporter:
        def report(line: int | None, reason: str, *, kept: bool = False) -> None:
            self._on_problem(Problem(path, line, reason, kept=kept))

        return report


def _warn(problem: Problem) -> None:
    _logger.warning("%s", problem)
