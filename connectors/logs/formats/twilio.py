"""Twilio Conversations: messages with their authors."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import file_placeholder, first_text, objects
from convexplain.connectors.logs.engine.roles import role_of


def speaker(message: Mapping[str, Any]) -> str:
    """Return the speaker of a message: who writes from a telephone is the user, who is no participant the assistant."""
    author = first_text(message, "author")
    if role_of(author) is not None:
        return author
    if author.startswith(("+", "whatsapp:", "messenger:")):
        return "user"
    return "assistant" if message.get("participant_sid", "") is None else author


def message_text(message: Mapping[str, Any]) -> str:
    """Return the text of a message, with placeholders for its files."""
    files = objects(message.get("media"))
    placeholders = [file_placeholder(file.get("content_type"), file.get("filename")) for file in files]
    return "\n".join(filter(None, [first_text(message, "body"), *placeholders]))


_KEYS = ("sid", "author", "body")

TWILIO = DescribedFormat(
    "twilio",
    "Twilio's messages of conversations; who writes from a telephone is the user.",
    '{"messages": [{"sid": "IM1", "conversation_sid": "CH1", "index": 0, "author": "+15550100", "body": "Hi"}, {"sid": '
    '"IM2", "conversation_sid": "CH1", "index": 1, "author": "bot", "body": "Hello"}]}',
    keys=(
        *(f"messages[*].{key}|{key}" for key in _KEYS),
        "messages[*].conversation_sid|messages[*].channel_sid|conversation_sid|channel_sid",
    ),
    turns="messages[*]|",
    group="conversation_sid|channel_sid",
    role=speaker,
    content=message_text,
    speaker_name="author",
    at="date_created",
    order="index",
    unused=("sid", "author", "body", "media", "date_created", "date_updated", "url", "links", "account_sid"),
    precedence=1,
).log_format()
