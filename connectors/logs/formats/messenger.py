"""Facebook's Messenger and Instagram: the threads of an export (`message_1.json`), which are newest first."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import first_text, object_at, objects
from convexplain.connectors.logs.engine.parse_results import ParsedConversation

_MEDIA = {
    "photos": "image",
    "gifs": "image",
    "videos": "video",
    "audio_files": "audio",
    "files": "file",
    "media": "file",
    "sticker": "sticker",
}
_DEPTH = 50


def repaired(value: Any, depth: int = 0) -> Any:
    """Return a JSON value whose texts are as people wrote them: the exports write each byte of UTF-8 as a letter."""
    if isinstance(value, str):
        try:
            return value if value.isascii() else value.encode("latin-1").decode("utf-8")
        except UnicodeError:
            return value
    if depth >= _DEPTH:
        return value
    if isinstance(value, list):
        return [repaired(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: repaired(item, depth + 1) for key, item in value.items()}
    return value


def message_content(message: Mapping[str, Any]) -> list[Any]:
    """Return the content of a message: its text, a shared link, and media."""
    share = object_at(message, "share")
    lines = [first_text(message, "content", "text"), first_text(share, "share_text"), first_text(share, "link")]
    blocks: list[Any] = ["\n".join(dict.fromkeys(filter(None, lines)))]
    for key, kind in _MEDIA.items():
        media = message.get(key)
        for item in [media] if isinstance(media, dict) else objects(media):
            name = first_text(item, "uri").rpartition("/")[2]
            blocks.append({"type": kind, "filename": name} if kind == "file" else {"type": kind})
    return blocks


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation in a thread."""
    return _DESCRIBED.read_record(repaired(record))


_DESCRIBED = DescribedFormat(
    "messenger",
    "Facebook Messenger's and Instagram's exports, a thread a file; name the assistant.",
    '{"participants": [{"name": "Bot"}, {"name": "User"}], "messages": [{"sender_name": "Bot", "timestamp_ms": '
    '1714557601000, "content": "Hello"}, {"sender_name": "User", "timestamp_ms": 1714557600000, "content": "Hi"}]}',
    keys=(
        "messages[*].sender_name|messages[*].senderName",
        "messages[*].timestamp_ms|messages[*].timestamp",
    ),
    turns="messages[*]",
    role="sender_name|senderName",
    content=message_content,
    at="timestamp_ms|timestamp",
    order="timestamp_ms|timestamp",
    left_out={
        "is_unsent": "messages that were taken back",
        "isUnsent": "messages that were taken back",
        "type=Call": "calls",
        "type=Subscribe": "events of members",
        "type=Unsubscribe": "events of members",
    },
    id="thread_path|threadName",
    unused=("content", "text", "share", "timestamp", "timestamp_ms", "sender_id_INTERNAL", "ip", *_MEDIA),
)
MESSENGER = replace(_DESCRIBED.log_format(), read_record=read_record)
