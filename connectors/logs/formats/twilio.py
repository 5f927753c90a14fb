"""Twilio: messages of conversations with their authors, and text messages between two telephones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import file_placeholder, first_text, objects
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ProblemReporter
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


def read_text_messages(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations with each telephone."""
    described = []
    for position, record in records:
        messages = objects(record.get("messages")) or [record]
        described.append((position, {"messages": [_with_customer(message) for message in messages]}))
    yield from _TEXT_MESSAGES.read_records(described, report)


def _with_customer(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message with the customer's telephone, and its time as ISO 8601."""
    customer = first_text(message, "from" if _is_inbound(message) else "to")
    try:
        moment = parsedate_to_datetime(first_text(message, "date_sent", "date_created")).isoformat()
    except ValueError:
        moment = first_text(message, "date_sent", "date_created")
    return {**message, "customer": customer, "moment": moment}


def _is_inbound(message: Mapping[str, Any]) -> bool:
    return first_text(message, "direction") == "inbound"


_TEXT_KEYS = ("sid", "direction", "from", "to", "body")
_TEXT_MESSAGES = DescribedFormat(
    "twilio-sms",
    "Twilio's text messages; all with one telephone are a conversation, and what came in is the user's.",
    '{"messages": [{"sid": "SM2", "direction": "outbound-api", "from": "+4930", "to": "+1555", "body": "Hello", '
    '"date_sent": "Wed, 01 May 2024 10:01:00 +0000"}, {"sid": "SM1", "direction": "inbound", "from": "+1555", "to": '
    '"+4930", "body": "Hi", "date_sent": "Wed, 01 May 2024 10:00:00 +0000"}]}',
    keys=tuple(f"messages[*].{key}|{key}" for key in _TEXT_KEYS),
    turns="messages[*]",
    group="customer",
    role=lambda message: "user" if _is_inbound(message) else "assistant",
    content=message_text,
    at="moment",
    order="moment",
    unused=(
        "sid",
        "from",
        "to",
        "direction",
        "body",
        "date_sent",
        "date_created",
        "date_updated",
        "uri",
        "account_sid",
    ),
    precedence=1,
)
TWILIO_SMS = replace(_TEXT_MESSAGES.log_format(), read_records=read_text_messages)
