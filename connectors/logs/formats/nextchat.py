"""NextChat's backups and exported sessions: the messages of a session come after the prompts of its mask."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import object_at, objects
from convexplain.connectors.logs.engine.parse_results import ParsedConversation
from convexplain.connectors.logs.engine.paths import has_key, values_at

_SESSIONS = "chat-next-web-store.sessions[*]"


def is_nextchat(value: Any) -> bool:
    """Return whether a JSON value is a session with its mask, or a backup of sessions."""
    return isinstance(value, dict) and any(map(_is_session, [value, *values_at(value, _SESSIONS)[:5]]))


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversations in sessions: the prompts of the mask, which the model has read, then the messages."""
    sessions = [record] if _is_session(record) else list(filter(_is_session, values_at(record, _SESSIONS)))
    return [
        _DESCRIBED.read_conversation(
            session, [*objects(object_at(session, "mask").get("context")), *objects(session["messages"])]
        )
        for session in sessions
    ]


def _is_session(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("messages"), list) and has_key(value, "mask.context")


_DESCRIBED = DescribedFormat(
    "nextchat",
    "NextChat's backups, and sessions (`mask`, `messages`); the prompts of a mask come first.",
    '{"chat-next-web-store": {"sessions": [{"id": "s1", "topic": "A greeting", "messages": [{"id": "m1", "role": '
    '"user", "content": "Hi"}, {"id": "m2", "role": "assistant", "content": "Hello"}], "mask": {"context": []}}]}}',
    turns="messages[*]",
    id="id",
    unused=("mask", "stat"),
)
NEXTCHAT = replace(_DESCRIBED.log_format(), is_record=is_nextchat, read_record=read_record)
