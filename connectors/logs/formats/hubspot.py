"""HubSpot: messages of conversations in its inbox. Comments among colleagues are left out."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import first_text
from convexplain.connectors.logs.engine.html_text import html_to_text


def speaker(message: Mapping[str, Any]) -> str:
    """Return the speaker of a message: what came in is the user's; a welcome message has no direction."""
    return "user" if first_text(message, "direction").upper() == "INCOMING" else "assistant"


def message_content(message: Mapping[str, Any]) -> str:
    """Return the text of a message."""
    return first_text(message, "text") or html_to_text(first_text(message, "richText"))


HUBSPOT = DescribedFormat(
    "hubspot",
    "HubSpot's messages of conversations, newest first or last; internal comments are left out.",
    '{"results": [{"id": "2", "conversationsThreadId": "8", "type": "MESSAGE", "direction": "OUTGOING", "createdAt": '
    '"2024-05-01T10:01:00Z", "text": "Hello"}, {"id": "1", "conversationsThreadId": "8", "type": "MESSAGE", '
    '"direction": "INCOMING", "createdAt": "2024-05-01T10:00:00Z", "text": "Hi"}]}',
    keys=("results[*].conversationsThreadId|conversationsThreadId", "results[*].type|type"),
    turns="results[*]|",
    group="conversationsThreadId",
    role=speaker,
    content=message_content,
    attachments="attachments[*]",
    speaker_name="senders[*].name",
    order="createdAt",
    left_out={
        "type=COMMENT": "internal comments",
        "type=ASSIGNMENT": "assignments",
        "type=THREAD_STATUS_CHANGE": "changes of the status",
        "type=THREAD_INBOX_CHANGE": "changes of the inbox",
    },
    unused=("text", "richText", "direction", "conversationsThreadId", "type", "senders", "recipients", "attachments"),
    precedence=1,
).log_format()
