"""Conversations as OpenAI messages, which the log reader reads back as the same conversations."""

from collections.abc import Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine import message_lists
from convexplain.connectors.logs.engine.registry import format_of
from convexplain.connectors.logs.engine.roles import role_of
from convexplain.types import Conversation, Turn

from ..exporter import ConversationExporter
from ..messages import calls_of, linked_turns, result_of, words_of

_FORMS = ("openai", "sharegpt")  # the second where a turn's metadata has `from`; both are read the same way


def message_record(conversation: Conversation) -> dict[str, Any]:
    """Return a conversation with its id, its turns' names and times, and its metadata.

    Metadata that a reader would take for a part of the form (a key `role`, a `system` text, say) is left out. Calls
    without an id get one, unless all are in OpenAI's earlier form, which has none.

    Raises:
        UnwritableError: no message holds a turn.
    """
    turns = conversation.turns if _is_legacy(conversation.turns) else linked_turns(conversation.turns)
    form = {"id": conversation.id, "messages": [_message(turn) for turn in turns]}
    metadata = {key: value for key, value in conversation.metadata.items() if key not in form}
    if _is_read_back({**form, **metadata}, metadata):
        return {**form, **metadata}
    harmless: dict[str, Any] = {}
    for key, value in metadata.items():
        if _is_read_back({**form, **harmless, key: value}, {**harmless, key: value}):
            harmless[key] = value
    return {**form, **harmless}


def _message(turn: Turn) -> dict[str, Any]:
    fields = {"role": turn.role, **_content(turn)}
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


def _is_legacy(turns: Sequence[Turn]) -> bool:
    """Return whether each turn has at most one call, no call has an id, and each result says whose it is by a name."""
    calls = [calls_of(turn) for turn in turns]
    results = [(turn, result) for turn in turns if (result := result_of(turn)) is not None]
    return all(len(of_turn) < 2 and not any(call.id for call in of_turn) for of_turn in calls) and all(
        result.name and result.name == turn.name and not result.id for turn, result in results
    )


def _content(turn: Turn) -> dict[str, Any]:
    """Return a turn's content with its calls, its reasoning and the id of a result; of other turns the text alone.

    Lone surrogates stay: the file is ASCII.

    Raises:
        UnwritableError: no message holds it.
    """
    if (result := result_of(turn)) is not None:
        if result.name and result.name == turn.name and not result.id:
            return {"role": "function", "content": result.text}
        return {"content": result.text, **({"tool_call_id": result.id} if result.id else {})}
    if not turn.parts:
        return {"content": turn.content}
    calls = calls_of(turn)
    fields: dict[str, Any] = {"content": words_of(turn) if calls else turn.content}
    functions = [{"name": call.name, "arguments": call.arguments} for call in calls]
    if len(calls) == 1 and not calls[0].id:
        fields["function_call"] = functions[0]
    elif calls:
        fields["tool_calls"] = [
            {"id": call.id, "type": "function", "function": function}
            for call, function in zip(calls, functions, strict=True)
        ]
    if turn.reasoning:
        fields["reasoning_content"] = turn.reasoning
    return fields


def _is_read_as(turn: Turn, message: Mapping[str, Any]) -> bool:
    """Return whether a reader takes the message for that turn; metadata that is too large for it may be missing."""
    utterance = message_lists.parse_turn(message)
    if utterance is None or (role_of(utterance.speaker), utterance.content, utterance.name, utterance.at) != (
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
