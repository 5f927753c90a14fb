"""The formats that can be read, as people are told of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        name: what the option `format` takes.
        description: what it is, in a sentence or two.
        example: the smallest log of it.
    """

    name: str
    description: str
    example: str


FORMATS: tuple[Format, ...] = (
    Format(
        "openai",
        "OpenAI messages as JSON Lines, a JSON array, one object, or a bare array of messages.",
        '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}',
    ),
    Format(
        "sharegpt",
        "ShareGPT conversations, turns by from/value or role/content, in the same layouts.",
        '{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}',
    ),
    Format(
        "hh",
        "HH preference pairs as JSON Lines: each gives a chosen and a rejected conversation.",
        r'{"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: What?"}',
    ),
    Format(
        "csv",
        "A table, one turn a row, cells separated by comma, tab, semicolon or bar; columns for the "
        "conversation, the role and the content, found by their usual names or given.",
        "conversation_id,turn,role,content\n1,1,user,Hi\n1,2,assistant,Hello",
    ),
    Format(
        "plain",
        "A transcript with `Speaker: text` lines, also after a date and a time (WhatsApp); further lines "
        "belong to the turn before, and `=== id ===` begins a conversation.",
        "=== 1 ===\nUser: Hi\nAssistant: Hello",
    ),
)
JSON_FORMATS = ("openai", "sharegpt", "hh")
NAMES = tuple(item.name for item in FORMATS)


def known() -> str:
    """The known formats in a sentence, for messages."""
    return f"Known formats: {', '.join(NAMES)}; where recognition fails, name one (command line: --format NAME)"
