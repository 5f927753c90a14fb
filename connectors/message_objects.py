"""Turns from LangChain's messages. Nothing here imports LangChain: messages are recognised by their attributes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.message_lists import content_text, parse_turn
from convexplain.connectors.logs.engine.roles import role_of
from convexplain.types import Turn

ORIGIN = "convexplain"
"""Key in a message's `additional_kwargs`, and in a turn's metadata, that marks a text not written by the application's
model."""

_SPEAKERS = {
    "human": "user",
    "HumanMessageChunk": "user",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "system": "system",
    "SystemMessageChunk": "system",
    "tool": "tool",
    "ToolMessageChunk": "tool",
    "function": "tool",
    "FunctionMessageChunk": "tool",
}
_CALLS = frozenset(("tool_use", "tool_call", "function_call", "input_json_delta", "tool_call_chunk"))
"""Types of content blocks that repeat a message's own `tool_calls`."""
_TEXT_KEYS = ("output", "answer", "response", "question", "query", "input", "prompt", "text", "content", "result")


def turns_of(messages: Any) -> tuple[Turn, ...]:
    """Return the turns of messages, in any form that applications use.

    Args:
        messages: a list of messages (LangChain's, dictionaries with `role` or `type`, pairs of role and text, texts),
            a list with one such list, or one message. Anything else is left out.
    """
    if isinstance(messages, Sequence) and not _is_message(messages):
        if len(messages) == 1 and isinstance(messages[0], list):  # the input of chat models: a batch of one
            return turns_of(messages[0])
        return tuple(turn for message in messages if (turn := _turn(message)) is not None)
    turn = _turn(messages)
    return () if turn is None else (turn,)


def turns_in(value: Any, role: str) -> tuple[Turn, ...]:
    """Return the turns in the input or output of a function, a chain or an agent.

    Args:
        value: messages, as `turns_of` takes them; an object with `messages`; the output of a chat model; or anything
            else, which is one turn.
        role: the role of the turn where the value does not name one, `user` or `assistant`.
    """
    turns: tuple[Turn, ...] = ()
    if isinstance(value, Mapping):
        if "messages" in value:
            return turns_of(value["messages"])
        if "generations" in value:
            return turns_in(_first_generation(value["generations"]), role)
        turns = turns_of(value)
    elif not isinstance(value, str):
        turns = turns_of(value)
    if turns or value is None or value in ([], (), {}):
        return turns
    text = _text_in(value)
    turn = _turn({"role": role, "content": text}) if text.strip() else None
    return () if turn is None else (turn,)


def is_answer(turn: Turn) -> bool:
    """Return whether a turn is an answer to judge: written by the model, with more in it than calls of tools."""
    if turn.role != "assistant" or ORIGIN in turn.metadata or not turn.content.strip():
        return False
    return not turn.metadata.get("only_tool_calls")


def has_messages(value: Any) -> bool:
    """Return whether a value is a list with messages in it."""
    return isinstance(value, list) and any(_turn(item) is not None for item in value[-1:])


def _turn(message: Any) -> Turn | None:
    if isinstance(message, Turn):
        return message
    fields = _fields(message)
    if fields is None or (spoken := parse_turn(fields)) is None:
        return None
    role = role_of(spoken.speaker)
    name = spoken.name if role is not None else spoken.name or spoken.speaker
    metadata = dict(spoken.metadata)
    if fields.get("tool_calls") and not content_text(fields.get("content")).strip():
        metadata["only_tool_calls"] = True
    return Turn(role or "user", spoken.content, name, spoken.at, metadata)


def _is_message(value: Any) -> bool:
    """Return whether a sequence is one message: a text, or a pair of role and text."""
    return isinstance(value, str) or (isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str))


def _fields(message: Any) -> dict[str, Any] | None:
    """Return a message as a dictionary in OpenAI's form; None where it is no message."""
    if isinstance(message, str):
        return {"role": "user", "content": message}
    if isinstance(message, tuple):
        if len(message) != 2 or not isinstance(message[0], str):
            return None
        return {"role": _SPEAKERS.get(message[0], message[0]), "content": message[1]}
    if isinstance(message, Mapping):
        return _of_mapping(message)
    if not isinstance(getattr(message, "type", None), str) or not hasattr(message, "content"):
        return None
    names = ("role", "content", "name", "tool_calls", "invalid_tool_calls", "tool_call_id", "status")
    attributes = {name: getattr(message, name, None) for name in (*names, "additional_kwargs")}
    return _openai({**attributes, "type": message.type})


def _of_mapping(message: Mapping[str, Any]) -> dict[str, Any] | None:
    inner = message.get("kwargs") if message.get("lc") == 1 else message.get("data")  # LangChain's dumps
    if isinstance(inner, Mapping) and "content" in inner:
        names = message.get("id")
        kind = str(names[-1]).removesuffix("Chunk").removesuffix("Message").lower() if isinstance(names, list) else ""
        return _openai({"type": message.get("type") if message.get("lc") != 1 else kind, **inner})
    if "role" not in message and isinstance(message.get("type"), str) and "content" in message:
        return _openai(message)
    return dict(message) if isinstance(message.get("role"), str) else None


def _openai(message: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = str(message.get("type"))
    role = _SPEAKERS.get(kind) or message.get("role")
    if not isinstance(role, str):  # RemoveMessage and the like have no text
        return None
    calls = [*map(_call, message.get("tool_calls") or ()), *map(_call, message.get("invalid_tool_calls") or ())]
    fields = {"role": role, "content": _without_calls(message.get("content"), bool(calls))}
    if calls:
        fields["tool_calls"] = calls
    for name in ("name", "tool_call_id"):
        if message.get(name):
            fields[name] = message[name]
    if message.get("status") == "error":
        fields["status"] = "error"
    extra = message.get("additional_kwargs")
    if isinstance(extra, Mapping) and ORIGIN in extra:
        fields[ORIGIN] = extra[ORIGIN]
    return fields


def _call(call: Any) -> Any:
    """Return a tool call in OpenAI's form."""
    if not isinstance(call, Mapping) or "function" in call:
        return call
    return {"id": call.get("id"), "function": {"name": call.get("name"), "arguments": call.get("args")}}


def _without_calls(content: Any, calls: bool) -> Any:
    if not calls or not isinstance(content, list):
        return content
    return [part for part in content if not (isinstance(part, Mapping) and part.get("type") in _CALLS)]


def _first_generation(generations: Any) -> Any:
    """Return the message, or else the text, of a model's first generation."""
    while isinstance(generations, Sequence) and not isinstance(generations, str) and generations:
        generations = generations[0]
    if isinstance(generations, Mapping):
        return generations.get("message") or generations.get("text")
    return getattr(generations, "message", None) or getattr(generations, "text", None)


def _text_in(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        texts = [value[key] for key in _TEXT_KEYS if isinstance(value.get(key), str)]
        if texts or (len(value) == 1 and isinstance(next(iter(value.values())), str)):
            return texts[0] if texts else str(next(iter(value.values())))
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):  # keys that are no texts; objects that contain themselves
        return repr(value)
