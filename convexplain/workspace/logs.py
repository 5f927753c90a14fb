"""Settings for reading logs: format, columns, names of the assistant, and which personal data is replaced."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convexplain.connectors.logs import ColumnMap, LogInspection, check_reading, inspect_log, read_log
from convexplain.connectors.redaction import Finder, Redactor, names_of, patterns, presidio, redacted
from convexplain.errors import Problem, UsageError
from convexplain.types import Conversation, sha256_json

COLUMNS = ("conversation", "role", "content", "order", "name", "at")
"""The parts of a message that a column of a table may hold."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Settings for reading logs.

    Attributes:
        format: a format's name; None recognises it.
        columns: the columns of a table, as `conversation=chat_id,role=who,content=msg`; None goes by their names.
        assistant: speakers who are the assistant.
        redact: replace personal data before anything else sees it.
        redact_names: replace the names in this file too, one a line.
        redact_presidio: replace what Presidio finds too (people, places, …).
    """

    format: str | None = None
    columns: str | None = None
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
        signature: list[Any] = [self.format, self.columns, list(self.assistant)]
        if self.redacts:
            path = self.redact_names
            names = None if path is None else sha256_json(path.read_text(encoding="utf-8-sig"))
            signature.append(["redacted", names, self.redact_presidio])
        return signature

    def reader(self) -> "LogReader":
        """Return the reader with these settings.

        Raises:
            UsageError: there is no such format, the columns are not written as they should be, or there are no names.
            MissingExtraError, UnavailableError: Presidio cannot be had.
        """
        columns = column_map(self.columns)
        check_reading(self.format, columns)
        finders: list[Finder] = [patterns] if self.redacts else []
        finders += [names_of(self.redact_names)] if self.redact_names is not None else []
        finders += [presidio()] if self.redact_presidio else []
        return LogReader(self, columns, tuple(finders))


@dataclass(frozen=True, slots=True)
class LogReader:
    """Reads logs.

    Attributes:
        settings: how.
        columns: the columns of a table.
        finders: what finds personal data.
        counts: how often each kind of personal data was replaced, log by log.
    """

    settings: LogSettings
    columns: ColumnMap | None
    finders: tuple[Finder, ...]
    counts: dict[Path, Counter[str]] = field(default_factory=dict, compare=False)

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
            columns=self.columns,
            assistant=settings.assistant,
            on_problem=on_problem,
            on_bytes=on_bytes,
        )
        if not self.finders:
            return conversations
        redactor = Redactor(self.finders)
        self.counts[path] = redactor.counts  # in place of an earlier reading's
        return redacted(conversations, redactor)

    def inspect(self, path: Path, limit: int) -> LogInspection:
        """Return what is recognised in the first `limit` conversations of a log.

        Raises:
            UsageError: a table whose columns cannot be told.
        """
        settings = self.settings
        inspected = inspect_log(
            path, format=settings.format, columns=self.columns, assistant=settings.assistant, limit=limit
        )
        if inspected.first is not None:
            inspected.first = Redactor(self.finders)(inspected.first)
        return inspected

    @property
    def replaced(self) -> Counter[str]:
        """Return how often each kind of personal data was replaced."""
        return sum(self.counts.values(), Counter[str]())


def column_map(text: str | None) -> ColumnMap | None:
    """Return the columns that a text names, as `role=who,content=msg`.

    Raises:
        UsageError: they are not written as they should be.
    """
    if text is None:
        return None
    pairs = dict(part.partition("=")[::2] for part in text.split(","))
    if not {"role", "content"} <= set(pairs) <= {*COLUMNS} or not all(pairs.values()):
        raise UsageError(
            f"columns {text!r} is not valid; write role=…,content=… and, where there are such columns, "
            "conversation=…, order=…, name=…, at=…"
        )
    return ColumnMap(conversation=pairs.pop("conversation", None), **pairs)


def columns_text(columns: dict[str, str]) -> str | None:
    """Return columns by their part as the text that `column_map` reads; None where none is named.

    Raises:
        UsageError: they cannot be written like that.
    """
    named = {part: name.strip() for part, name in columns.items() if name.strip()}
    if not named:
        return None
    text = ",".join(f"{part}={named[part]}" for part in COLUMNS if part in named)
    column_map(text)
    return text
