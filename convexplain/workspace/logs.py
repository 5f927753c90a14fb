"""Settings for reading logs: format, map of fields, names of the assistant, and which personal data is replaced."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from convexplain.connectors.logs import FieldMap, JointRecords, LogInspection, check_reading, inspect_log, read_log
from convexplain.connectors.redaction import Finder, Redactor, checked_patterns, names_of, presidio, redacted
from convexplain.errors import LogError, Problem
from convexplain.types import Conversation, sha256_json

from .remote_logs import RemoteLog
from .saved_maps import resolved_map


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Settings for reading logs.

    Attributes:
        format: a format's name; None recognises it.
        map: where turns, speakers and texts are, as `turns=transcript, role=speaker, content=text`, or
            the name of a saved map; None recognises it.
        assistant: speakers who are the assistant.
        redact: replace personal data before anything else sees it.
        redact_names: replace the names in this file too, one a line.
        redact_presidio: replace what Presidio finds too (people, places, …).
    """

    format: str | None = None
    map: str | None = None
    assistant: tuple[str, ...] = ()
    redact: bool = False
    redact_names: Path | None = None
    redact_presidio: bool = False

    @property
    def redacts(self) -> bool:
        """True if anything is replaced."""
        return self.redact or self.redact_names is not None or self.redact_presidio

    @property
    def signature(self) -> list[Any]:
        """Return everything that decides which conversations come out, as JSON values."""
        text = self.map if self.map is None or "=" in self.map else str(resolved_map(self.map))
        signature: list[Any] = [self.format, text, list(self.assistant)]
        if self.redacts:
            path = self.redact_names
            names = None if path is None else sha256_json(path.read_text(encoding="utf-8-sig"))
            signature.append(["redacted", names, self.redact_presidio])
        return signature

    def reader(self, remote: Mapping[Path, RemoteLog] | None = None) -> "LogReader":
        """Return the reader with these settings.

        Args:
            remote: by the paths of logs that are copies of logs elsewhere, the latter.

        Raises:
            UsageError: there is no such format, the map is not written as it should be, or there are no names.
            MissingExtraError, UnavailableError: the extra `redact` is missing, or Presidio cannot be had.
        """
        field_map = check_reading(self.format, resolved_map(self.map))
        finders: list[Finder] = [checked_patterns()] if self.redacts else []
        finders += [names_of(self.redact_names)] if self.redact_names is not None else []
        finders += [presidio()] if self.redact_presidio else []
        return LogReader(self, field_map, tuple(finders), remote=remote or {})


@dataclass(frozen=True, slots=True)
class LogReader:
    """Reads logs.

    Attributes:
        settings: how.
        field_map: where turns, speakers and texts are.
        finders: what finds personal data.
        counts: how often each kind of personal data was replaced, log by log.
        joint: the records that make up conversations with those of other logs; None to read each log alone.
        remote: by the paths of copies the logs elsewhere, which conversations and problems name as their source.
    """

    settings: LogSettings
    field_map: FieldMap | None
    finders: tuple[Finder, ...]
    counts: dict[Path, Counter[str]] = field(default_factory=dict, compare=False)
    joint: JointRecords | None = field(default=None, compare=False)
    remote: Mapping[Path, RemoteLog] = field(default_factory=dict, compare=False)

    def __call__(
        self, path: Path, *, on_problem: Callable[[Problem], None], on_bytes: Callable[[int], None] | None = None
    ) -> Iterator[Conversation]:
        """Return the conversations of a log, redacted where that is set.

        Args:
            path: the file, or a pipe.
            on_problem: receives what cannot be read.
            on_bytes: receives the number of bytes each time that some were read.

        Raises:
            LogError: the file cannot be read at all.
        """
        settings = self.settings
        conversations = read_log(
            path,
            format=settings.format,
            map=self.field_map,
            assistant=settings.assistant,
            on_problem=self._reporter(on_problem),
            on_bytes=on_bytes,
            joint=self.joint,
        )
        return self._named(self._redacted(path, conversations))

    def joining(self) -> "LogReader":
        """Return this reader for several logs that are read one after the other, before what `joined` returns."""
        return replace(self, joint=JointRecords())

    def joined(self, *, on_problem: Callable[[Problem], None]) -> Iterator[Conversation]:
        """Return the conversations that the logs make up together: requests of batches with their results.

        Args:
            on_problem: receives what cannot be read.
        """
        joint = JointRecords() if self.joint is None else self.joint
        conversations = joint.conversations(on_problem=self._reporter(on_problem), assistant=self.settings.assistant)
        return self._named(self._redacted(Path(), conversations))

    def place(self, source: str) -> str:
        """Return the source of a conversation or problem, with the URL in place of the copy's path."""
        for path, log in self.remote.items():
            if source == str(path) or source.startswith(f"{path}/"):
                return log.url + source.removeprefix(str(path))
        return source

    def _reporter(self, on_problem: Callable[[Problem], None]) -> Callable[[Problem], None]:
        if not self.remote:
            return on_problem
        return lambda remark: on_problem(Problem(self.place(remark.path), remark.line, remark.reason, kept=remark.kept))

    def _named(self, conversations: Iterator[Conversation]) -> Iterator[Conversation]:
        return self._at_their_places(conversations) if self.remote else conversations

    def _at_their_places(self, conversations: Iterator[Conversation]) -> Iterator[Conversation]:
        try:
            for conversation in conversations:
                yield replace(conversation, source=self.place(conversation.source))
        except LogError as error:
            raise LogError(self.place(error.path), error.line, error.reason) from error

    def _redacted(self, path: Path, conversations: Iterator[Conversation]) -> Iterator[Conversation]:
        if not self.finders:
            return conversations
        redactor = Redactor(self.finders)
        self.counts[path] = redactor.counts  # in place of an earlier reading's
        return redacted(conversations, redactor)

    def inspect(self, path: Path, limit: int) -> LogInspection:
        """Return what is recognised in the first `limit` conversations of a log.

        Raises:
            UsageError: the map fits nothing.
        """
        settings = self.settings
        inspected = inspect_log(
            path,
            format=settings.format,
            map=self.field_map,
            assistant=settings.assistant,
            limit=limit,
            joint=self.joint,
        )
        if inspected.first is not None:
            inspected.first = Redactor(self.finders)(inspected.first)
        return inspected

    @property
    def replaced(self) -> Counter[str]:
        """Return how often each kind of personal data was replaced."""
        return sum(self.counts.values(), Counter[str]())
