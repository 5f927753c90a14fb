"""Conversations as OpenAI messages, which the log reader reads back as the same conversations."""

from typing import Any

from convexplain.types import Conversation, Turn


def message_record(conversation: Conversation) -> dict[str, Any]:
    """A conversation with its id, its turns' names and times, and its metadata.

    Metadata that cannot be told from a part of the form (a key `role`, say) is left out.
    """
    metadata = {key: value for key, value in conversation.metadata.items() if key not in ("id", "messages")}
    return {"id": conversation.id, "messages": [_message(turn) for turn in conversation.turns], **metadata}


def _message(turn: Turn) -> dict[str, Any]:
    known: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.name is not None:
        known["name"] = turn.name
    if turn.at is not None:
        known["timestamp"] = turn.at.isoformat()
    return {**{key: value for key, value in turn.metadata.items() if key not in known}, **known}
