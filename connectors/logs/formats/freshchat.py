"""Freshchat: messages in parts. Private messages among agents are left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import file_placeholder, first_text, object_at, objects
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ProblemReporter

_KEYS = ("message_parts", "actor_type")


def message_text(message: Mapping[str, Any]) -> str:
    """Return the text of a message, with placeholders for files and choices."""
    parts = [*objects(message.get("message_parts")), *objects(message.get("reply_parts"))]
    return "\n".join(filter(None, (line for part in parts for line in _lines(part))))


def _lines(part: Mapping[str, Any]) -> Iterator[str]:
    yield first_text(object_at(part, "text"), "content")
    for kind in ("image", "video", "audio", "file"):
        if file := object_at(part, kind):
            yield file_placeholder(kind, first_text(file, "name"))
    if label := first_text(object_at(part, "url_button") or object_at(part, "quick_reply_button"), "label"):
        yield f"[buttons: {label}]"


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations in a file; messages that name none are one conversation a list."""
    named = []
    for position, record in records:
        place = f"conversation-{position}" if "messages" in record else "conversation"
        named.append((position, {**record, "conversation_id": record.get("conversation_id") or place}))
    yield from _DESCRIBED.read_records(named, report)


_DESCRIBED = DescribedFormat(
    "freshchat",
    "Freshchat's messages of conversations; private messages are left out.",
    '{"messages": [{"id": "1", "conversation_id": "c", "actor_type": "user", "message_type": "normal", "message_parts"'
    ': [{"text": {"content": "Hi"}}]}, {"id": "2", "conversation_id": "c", "actor_type": "agent", "message_type": '
    '"normal", "message_parts": [{"text": {"content": "Hello"}}]}]}',
    keys=tuple(f"messages[*].{key}|{key}" for key in _KEYS),
    turns="messages[*]|",
    group="conversation_id",
    role="actor_type",
    roles={"user": "user", "agent": "assistant", "bot": "assistant", "system": "assistant"},
    content=message_text,
    at="created_time",
    order="created_time",
    left_out={"message_type=private": "private messages", "message_type=system": "messages of Freshchat itself"},
    unused=("message_parts", "reply_parts", "conversation_id", "created_time", "message_type"),
    precedence=1,
)
FRESHCHAT = replace(_DESCRIBED.log_format(), read_records=read_records)
