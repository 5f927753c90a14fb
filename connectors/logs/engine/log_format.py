"""The record of a log format."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .log_text import LogText
from .parse_results import ParsedConversation, ParsedRecord, ProblemReporter


@dataclass(frozen=True, slots=True)
class LogFormat:
    """One log format: its description, how its logs are recognised, and how they are read.

    Attributes:
        name: the value that the option `format` takes.
        description: what the format is, in a sentence or two.
        example: the smallest log of it.
        is_record: returns whether a JSON value is a record of it; always False for a format that is no JSON.
        read_record: returns the conversations in one record; raises UnreadableError where it cannot be read.
        read_records: in place of `read_record`, where several records of a file make up one conversation (spans, one
            turn a row): yields the conversations in all records of a file, each given with its position. The records
            are held in memory until then.
        is_message: returns whether a JSON value is one message of it: messages that follow each other by themselves
            make up a list, and the list is a record.
        is_text: of a format that is no JSON: returns whether a file's first 65,536 characters begin a log of it.
        read_text: of a format that is no JSON: yields the conversations in a text; its second argument are the names
            of the assistant, as `roles.normalized_word` returns them.
        id_key: the key of a record's id, where that has no usual name.
        precedence: where a log fits several formats, the one with the highest precedence reads it; of equal ones, the
            first in the registry. A format of another package comes before all built-in ones.
        joins_files: whether the records of several files that are read together make up conversations.
        only_named: whether it reads a log only where a person names it.
    """

    name: str
    description: str
    example: str
    is_record: Callable[[Any], bool] = lambda _: False
    read_record: Callable[[Any], list[ParsedConversation]] | None = None
    read_records: Callable[[Sequence[tuple[int, Any]], ProblemReporter], Iterator[ParsedRecord]] | None = None
    is_message: Callable[[Any], bool] = lambda _: False
    is_text: Callable[[str], bool] = lambda _: False
    read_text: Callable[[LogText, frozenset[str], ProblemReporter], Iterator[ParsedRecord]] | None = None
    id_key: str | None = None
    precedence: int = 0
    joins_files: bool = False
    only_named: bool = False

    @property
    def has_records(self) -> bool:
        """Return whether it is a format of JSON records."""
        return self.read_record is not None or self.read_records is not None
