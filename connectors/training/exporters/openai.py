"""Conversations as OpenAI messages, which the log reader reads back as the same conversations."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine import message_lists
from convexplain.connectors.logs.engine.registry import format_of
from convexplain.types import Conversation, Turn

from ..exporter import ConversationExporter

_CALLS = ("tool_calls", "function_call")
_FORMS = ("openai", "sharegpt")  # the second where a turn's metadata has `from`; both are read the same way


def message_record(conversation: Conversation) -> dict[str, Any]:
    """Return a conversation with its id, its turns' names and times, and its metadata.

    Metadata that a reader would take for a part of the form (a key `role`, a `system` text, say) is left out.
    """
    form = {"id": conversation.id, "messages": [_message(turn) for turn in conversation.turns]}
    metadata = {key: value for key, value in conversation.metadata.items() if key not in form}
    if _is_read_back({**form, **metadata}, metadata):
        return {**form, **metadata}
    harmless: dict[str, Any] = {}
    for key, value in metadata.items():
        if _is_read_back({**form, **harmless, key: value}, {**harmless, key: value}):
            harmless[key] = value
    return {**form, **harmless}


def _message(turn: Turn) -> dict[str, Any]:
    fields: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.name is not None:
        fields["name"] = turn.name
    if turn.at is not None:
        fields["timestamp"] = turn.at.isoformat()
    metadata = {key: value for key, value in turn.metadata.items() if key not in fields}
    message = {**metadata, **fields, "content": _without_calls(turn)}
    if _is_read_as(turn, message):
        return message
    message = fields
    for key, value in metadata.items():
        if _is_read_as(turn, {**message, key: value}):
            message = {key: value, **message}
    return message


def _without_calls(turn: Turn) -> str:
    """Return a turn's text without the placeholders that a reader makes of its calls, and would make again."""
    calls = {key: turn.metadata[key] for key in _CALLS if key in turn.metadata}
    placeholders = message_lists.parse_turn({"role": turn.role, **calls}) if calls else None
    if placeholders is None or not placeholders.content:
        return turn.content
    if turn.content == placeholders.content:
        return ""
    return turn.content.removesuffix(f"\n{placeholders.content}")


def _is_read_as(turn: Turn, message: Mapping[str, Any]) -> bool:
    """Return whether a reader takes the message for that turn; metadata that is too large for it may be missing."""
    utterance = message_lists.parse_turn(message)
    if utterance is None or (utterance.speaker, utterance.content, utterance.name, utterance.at) != (
        turn.role,
        turn.content,
        turn.name,
        turn.at,
    ):
        return False
    return _agrees(utterance.metadata, turn.metadata)


def _is_read_back(record: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    """Return whether a reader finds the record's messages and nothing else in it, and all metadata as metadata."""
    form = format_of(record)
    if form is None or form.name not in _FORMS or message_lists.list_key(record) != "messages":
        return False
    (parsed,) = message_lists.parse_conversation(record)
    return len(parsed.turns) == len(record["messages"]) and _agrees(parsed.metadata, {**metadata, "id": record["id"]})


def _agrees(read: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    return all(key in metadata and metadata[key] == value for key, value in read.items())


OPENAI = ConversationExporter(
    "openai", "The run's conversations as OpenAI messages, which can be read as a log again.", message_record
)
