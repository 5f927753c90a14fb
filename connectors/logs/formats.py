"""The formats that can be read.

A format of JSON records is one entry here with two functions from the module of its family: whether a value
is such a record, and the drafts in it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import messages, pairs
from .drafts import Draft, Entry, Report


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
    """

    name: str
    description: str
    example: str
    is_record: Callable[[Any], bool] = lambda _: False
    drafts: Callable[[Any], list[Draft]] | None = None
    joined: Callable[[Sequence[tuple[int, Any]], Report], Iterator[Entry]] | None = None

    @property
    def of_records(self) -> bool:
        """Whether it is a format of JSON records."""
        return self.drafts is not None or self.joined is not None


FORMATS: tuple[Format, ...] = (
    Format(
        "openai",
        "OpenAI messages as JSON Lines, a JSON array, one object, or a bare array of messages; also a message a "
        "line with its conversation's id.",
        '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}',
        messages.is_openai,
        messages.drafts,
    ),
    Format(
        "sharegpt",
        "ShareGPT conversations, turns by from/value or role/content, in the same layouts.",
        '{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}',
        messages.is_sharegpt,
        messages.drafts,
    ),
    Format(
        "hh",
        "HH preference pairs as JSON Lines: each gives a chosen and a rejected conversation.",
        r'{"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: What?"}',
        pairs.is_hh,
        pairs.drafts,
    ),
    Format(
        "hf",
        "Hugging Face columns: prompt with completion or response, or chosen with rejected (with or without a "
        "prompt); texts or lists of messages.",
        '{"prompt": "Hi", "completion": "Hello"}',
        pairs.is_hf,
        pairs.drafts,
    ),
    Format(
        "csv",
        "A table, one turn a row, cells separated by comma, tab, semicolon or bar; columns for the "
        "conversation, the role and the content, found by their usual names or given.",
        "conversation_id,turn,role,content\n1,1,user,Hi\n1,2,assistant,Hello",
    ),
    Format(
        "plain",
        "A transcript with `Speaker: text` lines, also with a time or a date and a time (WhatsApp); further lines "
        "belong to the turn before, and `=== id ===` begins a conversation.",
        "=== 1 ===\nUser: Hi\nAssistant: Hello",
    ),
)
NAMES = tuple(item.name for item in FORMATS)


def format_of(record: Any) -> Format | None:
    """The format of a JSON record, by its shape alone; of two that fit, the later in FORMATS counts."""
    return next((item for item in reversed(FORMATS) if item.is_record(record)), None)


def known() -> str:
    """The known formats in a sentence, for messages."""
    return f"Known formats: {', '.join(NAMES)}; where recognition fails, name one (command line: --format NAME)"
