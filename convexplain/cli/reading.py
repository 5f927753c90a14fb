"""How commands are told to read logs: the options, and the reader that they make."""

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from convexplain.cli.show.runs import plain
from convexplain.connectors.logs import ColumnMap, check_reading, read_log
from convexplain.connectors.redaction import Finder, Redactor, names_of, patterns, presidio, redacted
from convexplain.errors import Problem, UsageError
from convexplain.types import Conversation, sha256_json

_COLUMNS = ("conversation", "role", "content", "order", "name", "at")

_OPTIONS = (
    click.option(
        "--format",
        "format_",
        metavar="NAME",
        help="The logs' format, where it is not recognised; `convexplain formats` lists them.",
    ),
    click.option(
        "--columns",
        metavar="MAP",
        help="Columns of a table, e.g. conversation=chat_id,role=who,content=msg[,order=ts].",
    ),
    click.option("--assistant", multiple=True, metavar="NAME", help="A speaker who is the assistant; may be repeated."),
    click.option(
        "--redact",
        is_flag=True,
        help="Replace e-mail addresses, phone numbers, cards, IBANs and IP addresses before anything else sees them.",
    ),
    click.option(
        "--redact-names",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        metavar="FILE",
        help="With the same: the names in FILE too, one a line.",
    ),
    click.option(
        "--redact-presidio", is_flag=True, help="With the same: also what Presidio finds (people, places, …)."
    ),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How logs are read.

    Attributes:
        format, columns, assistant: as `read_log` takes them.
        redact, names, by_presidio: what is replaced.
        counts: how often each kind of personal data was replaced, log by log.
    """

    format: str | None = None
    columns: str | None = None
    assistant: tuple[str, ...] = ()
    redact: bool = False
    names: Path | None = None
    by_presidio: bool = False
    counts: dict[Path, Counter[str]] = field(default_factory=dict, compare=False)

    @property
    def signature(self) -> list[Any]:
        """Everything here that decides what conversations come out."""
        found: list[Any] = [self.format, self.columns, list(self.assistant)]
        if self.redacts:
            names = None if self.names is None else sha256_json(self.names.read_text(encoding="utf-8-sig"))
            found.append(["redacted", names, self.by_presidio])
        return found

    @property
    def redacts(self) -> bool:
        """Whether anything is replaced."""
        return self.redact or self.names is not None or self.by_presidio

    def reader(self) -> "LogReader":
        """Reads a log.

        Raises:
            UsageError: there is no such format, the columns are not written as they should be, or there are no names.
            MissingExtraError, UnavailableError: Presidio cannot be had.
        """
        given = columns_of(self.columns)
        check_reading(self.format, given)
        finders: list[Finder] = [patterns] if self.redacts else []
        finders += [names_of(self.names)] if self.names is not None else []
        finders += [presidio()] if self.by_presidio else []
        return LogReader(self, given, tuple(finders))

    def tell(self, console: Console) -> None:
        """Says what was replaced."""
        every = sum(self.counts.values(), Counter[str]())
        if every:
            said = ", ".join(f"{count:,} x {kind}" for kind, count in every.most_common())
            console.print(plain(f"Replaced: {said}."), soft_wrap=True)


@dataclass(frozen=True, slots=True)
class LogReader:
    """Reads logs as the options say."""

    reading: Reading
    columns: ColumnMap | None
    finders: tuple[Finder, ...]

    def __call__(self, path: Path, *, on_problem: Callable[[Problem], None]) -> Iterator[Conversation]:
        """The conversations of a log, redacted where that was asked for.

        Raises:
            LogError: the file cannot be read at all.
        """
        found = read_log(
            path,
            format=self.reading.format,
            columns=self.columns,
            assistant=self.reading.assistant,
            on_problem=on_problem,
        )
        if not self.finders:
            return found
        redactor = Redactor(self.finders)
        self.reading.counts[path] = redactor.counts  # in place of an earlier reading's
        return redacted(found, redactor)

    def shown(self, conversation: Conversation) -> Conversation:
        """A conversation as it would be read, by itself."""
        return Redactor(self.finders)(conversation)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options for reading logs; the command gets them as one argument, `reading`."""

    @functools.wraps(command)
    def collected(
        *args: Any,
        format_: str | None,
        columns: str | None,
        assistant: tuple[str, ...],
        redact: bool,
        redact_names: Path | None,
        redact_presidio: bool,
        **rest: Any,
    ) -> Any:
        reading = Reading(format_, columns, assistant, redact, redact_names, redact_presidio)
        return command(*args, reading=reading, **rest)

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return collected


def columns_of(text: str | None) -> ColumnMap | None:
    """The columns that a user gave.

    Raises:
        UsageError: they are not written as they should be.
    """
    if text is None:
        return None
    pairs = dict(part.partition("=")[::2] for part in text.split(","))
    if not {"role", "content"} <= set(pairs) <= {*_COLUMNS} or not all(pairs.values()):
        raise UsageError(
            f"--columns {text!r} is not valid; write role=…,content=… and, where there are such columns, "
            "conversation=…, order=…, name=…, at=…"
        )
    return ColumnMap(conversation=pairs.pop("conversation", None), **pairs)
