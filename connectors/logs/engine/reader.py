"""The reader of log files: `read_log` yields a file's conversations, `inspect_log` returns what is recognised in it."""

import logging
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from convexplain.errors import ConvexplainError, LogError, Problem, UsageError
from convexplain.types import Conversation

from . import archives, binary_tables, records, slack_export, tables, turn_table
from .binary_tables import data_set_files
from .containers import LogFile, is_archive, unpack
from .conversation_builder import ConversationBuilder
from .field_map import FieldMap, given_map
from .input_file import OnBytes
from .joint_records import JointRecords
from .json_values import json_values
from .log_text import LogText, NoLogError, open_file
from .loss_audit import LossAudit
from .map_proposal import MapProposal
from .parse_results import ParsedRecord, ProblemReporter
from .reading import MapNeededError, Reading
from .recognition import is_json, recognise
from .registry import LOG_FORMATS
from .roles import normalized_word

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class LogInspection:
    """The recognised properties of the first part of a log.

    Attributes:
        containers: the containers of its files; "" for a file as it is.
        encodings: the encodings of its texts.
        formats: the number of records of each format, or of files where a format has no records.
        speakers: the number of turns for each speaker's word, name and role; the role "?" where it is not known.
        conversations: the number of conversations that were read.
        turns: the number of their turns.
        complete: whether the log was read to its end.
        first: the first conversation; None where there is none.
        proposals: the maps by which logs of no known format were read.
        joined: the number of conversations that it makes up with other logs; they are among the others in the log of
            their answers.
        problems: what cannot be read.
    """

    containers: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    speakers: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    conversations: int = 0
    turns: int = 0
    complete: bool = False
    first: Conversation | None = None
    proposals: list[MapProposal] = field(default_factory=list)
    joined: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def joins(self) -> bool:
        """Return whether it may make up conversations with other logs: it holds requests or results of batches."""
        return any(name in LOG_FORMATS.names and LOG_FORMATS.get(name).joins_files for name in self.formats)

    def add(self, conversation: Conversation) -> None:
        """Count a conversation that it makes up with other logs."""
        self.first = self.first or conversation
        self.conversations += 1
        self.joined += 1
        self.turns += len(conversation.turns)
        self.speakers.update((turn.role, turn.name or "", turn.role) for turn in conversation.turns)


def read_log(
    path: str | Path,
    *,
    format: str | None = None,
    map: FieldMap | str | None = None,
    on_problem: Callable[[Problem], None] | None = None,
    assistant: Iterable[str] = (),
    on_bytes: OnBytes | None = None,
    joint: JointRecords | None = None,
) -> Iterator[Conversation]:
    """Read the conversations of one log file, one after the other.

    The file is opened at the first conversation that is requested. JSON logs and transcripts are never held whole; a
    table with a turn a row is, and so are JSON messages by themselves, because they may come in any order. Compressed
    files (gzip, bzip2, xz, zstd) are read as their content, archives (zip, tar) member by member, each a file of its
    own called `archive.zip/member.json`; a member that cannot be read is a problem.

    A conversation's id is the log's own, or else the file's name without its ending and the record's number; where an
    id comes again it gets `#2`, `#3` and so on. A conversation without an assistant's turn is read; one without text is
    not.

    Args:
        path: the file.
        format: a name of `LOG_FORMATS`; None to recognise it from the content.
        map: where the log's turns, speakers and texts are (`FieldMap` or its text, as
            `turns=transcript, role=speaker, content=text`); None to recognise it.
        on_problem: is called with each record that cannot be read, and with what else a person should know; reading
            goes on. None logs them as warnings.
        assistant: speakers that are the assistant, where the log calls them by name.
        on_bytes: receives the number of bytes each time that some of the file were read.
        joint: takes the requests and results of batches, of several files; its `conversations` are read at the end.

    Raises:
        UsageError: an unknown format; a map with a format; a map that fits nothing; a log or a table for which a person
            should decide on the map (the message proposes one).
        LogError: the file as a whole cannot be read: missing, empty, binary, damaged, of no known format.
        MissingExtraError: it is a Parquet, Arrow, Excel or zstd file, and the extra `logs` is not installed.
    """
    return _LogReader(format, map, assistant, on_problem or _warn, joint=joint).conversations(Path(path), on_bytes)


def check_reading(format: str | None = None, map: FieldMap | str | None = None) -> FieldMap | None:
    """Check what `read_log` checks before it opens a file, and return the map.

    Raises:
        UsageError: an unknown format; a map that is not written as it should be, or beside a format.
    """
    if format is not None:
        LOG_FORMATS.get(format)
    field_map = given_map(map)
    if field_map is not None and format not in (None, "csv") and not field_map.unwraps_only:
        raise UsageError(f"map: a map of fields takes the place of a format; give no format {format!r} beside it")
    return field_map


def inspect_log(
    path: str | Path,
    *,
    format: str | None = None,
    map: FieldMap | str | None = None,
    assistant: Iterable[str] = (),
    limit: int = 100,
    joint: JointRecords | None = None,
) -> LogInspection:
    """Return what is recognised in a log, from its first conversations.

    Args:
        path, format, map, assistant: as of `read_log`.
        limit: the number of conversations that are read.
        joint: as of `read_log`; the conversations of several logs are not among those of the inspection.

    Raises:
        UsageError, MissingExtraError: as of `read_log`. Unreadable records and files are among the problems.
    """
    inspection = LogInspection()
    reader = _LogReader(format, map, assistant, inspection.problems.append, inspection, joint)
    try:
        with closing(reader.conversations(Path(path))) as conversations:  # what is said of many comes at its end
            for conversation in islice(conversations, limit):
                inspection.first = inspection.first or conversation
                inspection.conversations += 1
                inspection.turns += len(conversation.turns)
        inspection.complete = inspection.conversations < limit
    except LogError as error:
        inspection.problems.append(Problem(error.path, error.line, error.reason))
    return inspection


class _LogReader:
    """The reader of one log with its options."""

    def __init__(
        self,
        format: str | None,
        map: FieldMap | str | None,
        assistant: Iterable[str],
        on_problem: Callable[[Problem], None],
        inspection: LogInspection | None = None,
        joint: JointRecords | None = None,
    ) -> None:
        self._map = check_reading(format, map)
        self._format = format
        names = (assistant,) if isinstance(assistant, str) else tuple(assistant)
        self._names = {word: name for name in names if (word := normalized_word(name))}
        self._assistant = frozenset(self._names)
        self._on_problem = on_problem
        self._inspection = inspection
        self._joint = joint

    def conversations(self, path: Path, on_bytes: OnBytes | None = None) -> Generator[Conversation, None, None]:
        """Yield the conversations of one file, or of a data set's folder."""
        for file in data_set_files(path) or [path]:
            yield from self._file_conversations(file, on_bytes)

    def _file_conversations(self, path: Path, on_bytes: OnBytes | None) -> Iterator[Conversation]:
        with open_file(path, on_bytes) as stream:
            outer = LogFile(path, path, stream)
            if (export := slack_export.open_export(outer)) is not None:
                yield from self._read_slack(export)
                return
            log_file = unpack(outer)
            members = archives.members(log_file, self._report(path))
            if members is None:
                yield from self._read_single(log_file)
                return
            empty = True
            joint = JointRecords() if self._joint is None else self._joint
            for member in members:
                empty = False
                yield from self._read_member(member, joint)
        if self._joint is None:
            yield from joint.conversations(on_problem=self._on_problem, assistant=self._names.values())
        if empty:
            raise LogError(path, None, "is an archive without a file that may be a log")

    def _read_single(self, log_file: LogFile) -> Iterator[Conversation]:
        try:
            yield from self._conversations(log_file, self._joint)
        except (LogError, MapNeededError) as error:
            if not self._is_side_file(log_file, error):
                raise

    def _read_member(self, log_file: LogFile, joint: JointRecords) -> Iterator[Conversation]:
        try:
            yield from self._conversations(log_file, joint)
        except LogError as error:
            if not self._is_side_file(log_file, error):
                self._on_problem(Problem(error.path, error.line, error.reason))
        except UsageError as error:  # a log for which a person should decide on a map
            if not self._is_side_file(log_file, error):
                self._on_problem(Problem(log_file.path, None, str(error)))

    def _is_side_file(self, log_file: LogFile, error: ConvexplainError) -> bool:
        """Return whether an unreadable file is one that exports hold besides logs; report it where it is."""
        unknown = isinstance(error, NoLogError | MapNeededError)
        side = unknown and self._format is None and self._map is None and archives.is_side_file(log_file.path)
        if side:
            self._report(log_file.path)(None, "is no log; exports hold such files besides: left out", kept=True)
        return side

    def _conversations(self, log_file: LogFile, joint: JointRecords | None) -> Iterator[Conversation]:
        report = self._report(log_file.path)
        if self._inspection is not None:
            self._inspection.containers[log_file.container] += 1
        builder = self._builder(log_file.path, report, log_file.name.stem)
        audit = LossAudit()
        try:
            for record in self._records(log_file, report, joint, audit):
                yield from builder.conversations(record)
        finally:
            builder.finish()
            audit.report(report)

    def _records(
        self, log_file: LogFile, report: ProblemReporter, joint: JointRecords | None, audit: LossAudit
    ) -> Iterator[ParsedRecord]:
        reading = Reading(report, self._format, self._map, joint=joint, audit=audit)
        if self._inspection is not None:
            reading = replace(reading, counts=self._inspection.formats, proposals=self._inspection.proposals)
        head = log_file.head()
        if kind := binary_tables.table_kind(head):
            yield from binary_tables.read_binary_table(log_file, kind, reading)
            return
        if log_file.member and is_archive(head):
            raise LogError(log_file.path, None, "is an archive inside an archive: unpack it first")
        text = LogText(log_file.path, log_file.stream, report, log_file.name)
        if self._inspection is not None:
            self._inspection.encodings[text.encoding] += 1
        kind = self._text_kind(text)
        if kind == "json":
            yield from records.read_json_records(log_file.path, json_values(text), reading)
        elif kind == "csv":
            yield from tables.read_text_table(log_file.path, turn_table.csv_rows(text, self._map), reading)
        else:
            reading.count(kind)
            read_text = LOG_FORMATS.get(kind).read_text
            if read_text is not None:
                yield from audit.check_text(text, lambda text: read_text(text, self._assistant, report))

    def _text_kind(self, text: LogText) -> str:
        """Return the kind of the text: "json", "csv", or the name of another format of texts."""
        if self._map is not None:
            return "json" if is_json(text.head) else "csv"
        if self._format is None:
            return recognise(text, self._assistant)
        log_format = LOG_FORMATS.get(self._format)
        if not log_format.has_records:
            return log_format.name
        # The records of the format may be the rows of a table.
        return "csv" if not is_json(text.head) and tables.is_table(text.head) else "json"

    def _read_slack(self, export: slack_export.Export) -> Iterator[Conversation]:
        if self._inspection is not None:
            self._inspection.containers["zip"] += 1
            self._inspection.formats["slack"] += len(export.channels)
        for path, parsed_records, audit in export.entries(self._report):
            builder = self._builder(path, self._report(path), path.name)
            try:
                for record in parsed_records:
                    yield from builder.conversations(record)
            finally:
                builder.finish()
                audit.report(self._report(path))

    def _builder(self, path: Path, report: ProblemReporter, stem: str) -> ConversationBuilder:
        return ConversationBuilder(
            path, report, self._names, stem, None if self._inspection is None else self._inspection.speakers
        )

    def _report(self, path: Path) -> ProblemReporter:
        def report(line: int | None, reason: str, *, kept: bool = False) -> None:
            self._on_problem(Problem(path, line, reason, kept=kept))

        return report


def _warn(problem: Problem) -> None:
    _logger.warning("%s", problem)
