"""LangChain's dumps of messages, read as JSON: the output of `messages_to_dict`, `dumpd` and `model_dump`."""

from collections.abc import Iterator, Mapping
from typing import Any

from convexplain.connectors.logs.engine.api_messages import is_langchain, is_message, parse_messages
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation

_LIST_KEYS = ("messages", "history", "chat_history", "conversation")
_WRAPPER_KEYS = (
    "kwargs",
    "values",
    "channel_values",
    "checkpoint",
    "input",
    "inputs",
    "output",
    "outputs",
    "state",
    "data",
)
_MAX_DEPTH = 4
"""Objects inside each other in which messages are looked for."""


def is_langchain_record(value: Any) -> bool:
    """Return whether a JSON value is a list of dumped messages, or an object that holds one."""
    return _dumped_messages(value) is not None


def read_record(record: Mapping[str, Any] | list[Any]) -> list[ParsedConversation]:
    """Return the conversation in dumped messages."""
    conversation = ParsedConversation([])
    if isinstance(record, dict):
        conversation.metadata = extra_metadata(
            record, {*_LIST_KEYS, *_WRAPPER_KEYS, "lc", "type", *(("id",) if "lc" in record else ())}
        )
    conversation.turns = parse_messages(_dumped_messages(record) or [], conversation.remarks)
    return [conversation]


def _dumped_messages(value: Any, depth: int = 0) -> list[Any] | None:
    """Return the list of dumped messages in a value; None where there is none."""
    if isinstance(value, list):
        if any(map(is_langchain, value)) and any(map(is_message, value)):
            return value
        return (
            _dumped_messages(value[0], depth + 1)
            if len(value) == 1 and isinstance(value[0], list) and depth < _MAX_DEPTH
            else None
        )
    if not isinstance(value, dict) or depth > _MAX_DEPTH:
        return None
    return next(
        (messages for inner in _inner_values(value) if (messages := _dumped_messages(inner, depth + 1)) is not None),
        None,
    )


def _inner_values(value: Mapping[str, Any]) -> Iterator[Any]:
    for key in _LIST_KEYS:
        if isinstance(value.get(key), list):
            yield value[key]
    for key in _WRAPPER_KEYS:
        if isinstance(value.get(key), dict):
            yield value[key]


LANGCHAIN = LogFormat(
    "langchain",
    "LangChain's dumps of messages (`messages_to_dict`, `dumpd`, `model_dump`), by themselves or in a state; read "
    "as JSON, nothing in them is loaded.",
    '[{"type": "human", "data": {"content": "Hi"}}, {"type": "ai", "data": {"content": "Hello"}}]',
    is_langchain_record,
    read_record,
    is_message=is_langchain,
    # Over messages of model interfaces, which stand in its lists; but traces hold its dumps.
    precedence=-2,
)
