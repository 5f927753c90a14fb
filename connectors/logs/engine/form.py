"""What a format is: how its logs are told from others, and how they become drafts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .drafts import Draft, Entry, Report
from .text import LogText


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        name: what the option `format` takes.
        description: what it is, in a sentence or two.
        example: the smallest log of it.
        is_record: whether a JSON value is a record of it; never of a format that is no JSON.
        drafts: the conversations in such a record; raises UnreadableError where it cannot be read.
        joined: instead of `drafts`, where several records of a file make up one conversation (spans, one turn a row):
            the conversations in all its records, each given with its position. They are held in memory until then.
        is_part: whether a JSON value is one message of it: those that follow each other by themselves make up a list,
            which is a record.
        is_text: of a format that is no JSON: whether a file's first 65,536 characters begin a log of it.
        of_text: of a format that is no JSON: the conversations in a text, given the names of the assistant as
            `roles.keys` gives them.
        id_key: the key of a record's id, where that has no usual name.
    """

    name: str
    description: str
    example: str
    is_record: Callable[[Any], bool] = lambda _: False
    drafts: Callable[[Any], list[Draft]] | None = None
    joined: Callable[[Sequence[tuple[int, Any]], Report], Iterator[Entry]] | None = None
    is_part: Callable[[Any], bool] = lambda _: False
    is_text: Callable[[str], bool] = lambda _: False
    of_text: Callable[[LogText, frozenset[str], Report], Iterator[Entry]] | None = None
    id_key: str | None = None

    @property
    def of_records(self) -> bool:
        """Whether it is a format of JSON records."""
        return self.drafts is not None or self.joined is not None
