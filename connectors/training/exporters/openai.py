"""Conversations as OpenAI messages, which the log reader reads back as the same conversations."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine import message_lists
from convexplain.connectors.logs.engine.registry import format_of
from convexplain.types import Conversation, Turn

from ..exporter import ConversationExporter
from ..messages import calls_of, result_of, tool_call, words_of

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
    fields: dict[str, Any] = {"role": turn.role, **_content(turn)}
    if turn.name is not None:
        fields["name"] = turn.name
    if turn.at is not None:
        fields["timestamp"] = turn.at.isoformat()
    metadata = {key: value for key, value in turn.metadata.items() if key not in fields}
    message = {**metadata, **fields}
    if _is_read_as(turn, message):
        return message
    message = fields
    for key, value in metadata.items():
        if _is_read_as(turn, {**message, key: value}):
            message = {key: value, **message}
    return message


def _content(turn: Turn) -> dict[str, Any]:
    """Return a turn's content with its calls, its reasoning and the id of a result; of other turns the text alone.

    Raises:
        UnwritableError: no message holds it.
    """
    if not turn.parts:
        return {"content": turn.content}
    if (result := result_of(turn)) is not None:
        return {"content": result.text, **({"tool_call_id": result.id} if result.id else {})}
    calls = calls_of(turn)
    fields: dict[str, Any] = {"content": words_of(turn) if calls else turn.content}
    if len(calls) == 1 and not calls[0].id:
        fields["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments}
    elif calls:
        named = (replace(call, id=call.id or f"call_{place}") for place, call in enumerate(calls))
        fields["tool_calls"] = [tool_call(call) for call in named]
    if turn.reasoning:
        fields["reasoning_content"] = turn.reasoning
    return fields


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
