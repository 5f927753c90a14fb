"""Microsoft Teams: messages of Graph. Applications are the assistant, people are users."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import decoded_json, first_text, object_at, objects
from convexplain.connectors.logs.engine.html_text import html_to_text

from .botframework import activity_text


def speaker(message: Mapping[str, Any]) -> str:
    """Return the speaker of a message."""
    return "assistant" if object_at(message, "from", "application") else "user"


def message_text(message: Mapping[str, Any]) -> str:
    """Return the text of a message, with cards and files as placeholders."""
    body = object_at(message, "body")
    text = first_text(body, "content")
    text = html_to_text(text) if first_text(body, "contentType") == "html" else text
    files = [{**file, "content": decoded_json(file.get("content"))} for file in objects(message.get("attachments"))]
    return activity_text({"text": text, "attachments": files})


_KEYS = ("messageType", "body.contentType", "createdDateTime")

TEAMS = DescribedFormat(
    "teams",
    "Microsoft Teams' messages (Graph): a chat, or a thread of a channel, is a conversation; applications are the "
    "assistant, people are users.",
    '{"value": [{"id": "1", "chatId": "19:a", "messageType": "message", "createdDateTime": "2024-05-01T10:00:00Z", '
    '"from": {"user": {"displayName": "Anna"}}, "body": {"contentType": "text", "content": "Hi"}}, {"id": "2", '
    '"chatId": "19:a", "messageType": "message", "createdDateTime": "2024-05-01T10:00:01Z", "from": {"application": '
    '{"displayName": "Shop"}}, "body": {"contentType": "html", "content": "<p>Hello</p>"}}]}',
    keys=tuple(f"value[*].{key}|{key}" for key in _KEYS),
    turns="value[*]|",
    group="chatId|replyToId|id",
    role=speaker,
    content=message_text,
    speaker_name="from.user.displayName|from.application.displayName",
    at="createdDateTime",
    order="createdDateTime",
    left_out={
        "messageType=systemEventMessage": "messages of Teams itself",
        "messageType=unknownFutureValue": "messages of Teams itself",
        "deletedDateTime": "deleted messages",
    },
    unused=(
        *("from", "body", "chatId", "attachments", "messageType", "createdDateTime", "lastModifiedDateTime"),
        *("channelIdentity", "etag", "locale", "mentions", "importance", "policyViolation", "webUrl"),
    ),
    precedence=1,
).log_format()
