"""LangChain's dumps of messages, read as JSON: what `messages_to_dict`, `dumpd` and `model_dump` write."""

from collections.abc import Iterator, Mapping
from typing import Any

from convexplain.connectors.logs.engine.api_messages import is_langchain, is_message, parse_messages
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation

_LISTS = ("messages", "history", "chat_history", "conversation")
_AROUND = ("kwargs", "values", "channel_values", "checkpoint", "input", "inputs", "output", "outputs", "state", "data")
_DEPTH = 4
"""Objects inside each other in which messages are looked for."""


def is_dump(value: Any) -> bool:
    """Whether a JSON value is a list of dumped messages, or an object that holds one."""
    return _found(value) is not None


def drafts(record: Mapping[str, Any] | list[Any]) -> list[ParsedConversation]:
    """The conversation in dumped messages."""
    found = ParsedConversation([])
    if isinstance(record, dict):
        found.metadata = extra_metadata(record, {*_LISTS, *_AROUND, "lc", "type", *(("id",) if "lc" in record else ())})
    found.turns = parse_messages(_found(record) or [], found.remarks)
    return [found]


def _found(value: Any, depth: int = 0) -> list[Any] | None:
    """The list of dumped messages in a value."""
    if isinstance(value, list):
        if any(map(is_langchain, value)) and any(map(is_message, value)):
            return value
        return (
            _found(value[0], depth + 1) if len(value) == 1 and isinstance(value[0], list) and depth < _DEPTH else None
        )
    if not isinstance(value, dict) or depth > _DEPTH:
        return None
    return next((found for inner in _inner(value) if (found := _found(inner, depth + 1)) is not None), None)


def _inner(value: Mapping[str, Any]) -> Iterator[Any]:
    for key in _LISTS:
        if isinstance(value.get(key), list):
            yield value[key]
    for key in _AROUND:
        if isinstance(value.get(key), dict):
            yield value[key]


LANGCHAIN = LogFormat(
    "langchain",
    "LangChain's dumps of messages (`messages_to_dict`, `dumpd`, `model_dump`), by themselves or in a state; read "
    "as JSON, nothing in them is loaded.",
    '[{"type": "human", "data": {"content": "Hi"}}, {"type": "ai", "data": {"content": "Hello"}}]',
    is_dump,
    drafts,
    is_message=is_langchain,
    # Over messages of model interfaces, which stand in its lists; but traces hold its dumps.
    precedence=-2,
)
