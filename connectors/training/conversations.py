"""Conversations as OpenAI messages, which the log reader reads back as the same conversations."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.formats import messages
from convexplain.connectors.logs.formats.registry import format_of
from convexplain.types import Conversation, Turn

_CALLS = ("tool_calls", "function_call")
_FORMS = ("openai", "sharegpt")  # the second where a turn's metadata tells `from`; both are read the same way


def message_record(conversation: Conversation) -> dict[str, Any]:
    """A conversation with its id, its turns' names and times, and its metadata.

    Metadata that a reader would take for a part of the form (a key `role`, a `system` text, say) is left out.
    """
    form = {"id": conversation.id, "messages": [_message(turn) for turn in conversation.turns]}
    metadata = {key: value for key, value in conversation.metadata.items() if key not in form}
    if _is_read_back({**form, **metadata}, metadata):
        return {**form, **metadata}
    kept: dict[str, Any] = {}
    for key, value in metadata.items():
        if _is_read_back({**form, **kept, key: value}, {**kept, key: value}):
            kept[key] = value
    return {**form, **kept}


def _message(turn: Turn) -> dict[str, Any]:
    known: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.name is not None:
        known["name"] = turn.name
    if turn.at is not None:
        known["timestamp"] = turn.at.isoformat()
    metadata = {key: value for key, value in turn.metadata.items() if key not in known}
    message = {**metadata, **known, "content": _without_calls(turn)}
    if _is_said(turn, message):
        return message
    message = known
    for key, value in metadata.items():
        if _is_said(turn, {**message, key: value}):
            message = {key: value, **message}
    return message


def _without_calls(turn: Turn) -> str:
    """A turn's text without the placeholders that a reader makes of its calls, and would make again."""
    calls = {key: turn.metadata[key] for key in _CALLS if key in turn.metadata}
    called = messages.say({"role": turn.role, **calls}) if calls else None
    if called is None or not called.content:
        return turn.content
    if turn.content == called.content:
        return ""
    return turn.content.removesuffix(f"\n{called.content}")


def _is_said(turn: Turn, message: Mapping[str, Any]) -> bool:
    """Whether a reader takes the message for that turn; what it finds too large to keep may be missing."""
    said = messages.say(message)
    if said is None or (said.speaker, said.content, said.name, said.at) != (
        turn.role,
        turn.content,
        turn.name,
        turn.at,
    ):
        return False
    return _agrees(said.metadata, turn.metadata)


def _is_read_back(record: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    """Whether a reader finds the record's messages and nothing else in it, and takes no metadata for another thing."""
    form = format_of(record)
    if form is None or form.name not in _FORMS or messages.list_key(record) != "messages":
        return False
    (draft,) = messages.drafts(record)
    return len(draft.said) == len(record["messages"]) and _agrees(draft.metadata, {**metadata, "id": record["id"]})


def _agrees(found: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    return all(key in metadata and metadata[key] == value for key, value in found.items())
