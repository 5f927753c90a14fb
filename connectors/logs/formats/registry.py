"""The formats that can be read.

A format of JSON records is one entry here with two functions from the module of its family: whether a value
is such a record, and the drafts in it.
"""

from functools import cache
from typing import Any

from convexplain.connectors.logs.engine.foreign import foreign
from convexplain.connectors.logs.engine.form import Format

from . import messages, pairs, slack, telegram
from . import signal as signal_messages
from .platforms import PLATFORMS
from .sets import SETS
from .support import SUPPORT

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
        "A transcript with `Speaker: text` lines, also with a time or a date and a time (WhatsApp, Signal); further "
        "lines belong to the turn before, and `=== id ===` begins a conversation.",
        "=== 1 ===\nUser: Hi\nAssistant: Hello",
    ),
    Format(
        "slack",
        "A Slack export (the zip as a whole, or one day of a channel): a conversation a channel and one a thread; "
        "bots are the assistant.",
        '[{"type": "message", "user": "U1", "text": "Hi", "ts": "1714557600.000100"}, '
        '{"type": "message", "bot_id": "B1", "text": "Hello", "ts": "1714557601.000200"}]',
        slack.is_message,
        joined=slack.joined,
    ),
    Format(
        "telegram",
        "Telegram's result.json, of one chat or of all; in a chat with a bot the bot is the assistant.",
        '{"name": "Bot", "type": "bot_chat", "id": 7, "messages": [{"type": "message", "date": "2024-05-01T10:00:00", '
        '"from": "Anna", "from_id": "user1", "text": "Hi"}, {"type": "message", "date": "2024-05-01T10:00:01", '
        '"from": "Bot", "from_id": "user7", "text": "Hello"}]}',
        telegram.is_telegram,
        telegram.drafts,
    ),
    Format(
        "signal",
        "Signal by signal-cli (JSON of what was received and sent) or signal-export (data.json); name the assistant, "
        "unless it is called so.",
        '{"date": "2024-05-01 10:00:00", "sender": "User", "body": "Hi", "quote": "", "attachments": []}\n'
        '{"date": "2024-05-01 10:00:01", "sender": "Bot", "body": "Hello", "quote": "", "attachments": []}',
        signal_messages.is_signal,
        joined=signal_messages.joined,
    ),
    *PLATFORMS,
    *SETS,
    *SUPPORT,
)


@cache
def formats() -> tuple[Format, ...]:
    """FORMATS and those of other packages, which registered them under the entry points `convexplain.log_formats`."""
    return (*FORMATS, *foreign({item.name for item in FORMATS}))


def names() -> tuple[str, ...]:
    """The names of all formats."""
    return tuple(item.name for item in formats())


def format_of(record: Any, wanted: str | None = None) -> Format | None:
    """The format of a JSON record, by its shape alone; of two that fit, the wanted one counts, else the later one."""
    fitting = (item for item in reversed(formats()) if item.is_record(record))
    if wanted is None:
        return next(fitting, None)
    found = list(fitting)
    return next((item for item in found if item.name == wanted), next(iter(found), None))


def text_format_of(head: str) -> Format | None:
    """The format of a text that is no JSON, by its start; of two that fit, the later one counts."""
    return next((item for item in reversed(formats()) if item.of_text is not None and item.is_text(head)), None)


def known() -> str:
    """The known formats in a sentence, for messages."""
    return (
        f"Known formats: {', '.join(names())} (`convexplain logs formats` describes them); where recognition fails, "
        "name one (command line: --format NAME)"
    )
