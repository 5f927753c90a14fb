"""From LangChain's messages to turns. Nothing here imports LangChain: its messages are known by what they have."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.message_lists import content_text, parse_turn
from convexplain.connectors.logs.engine.roles import role_of
from convexplain.types import Turn

ORIGIN = "convexplain"
"""Key in a message's `additional_kwargs`, and in a turn's metadata, of what is no answer of the application's model."""

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
"""Types of content blocks that say again what a message's own `tool_calls` say."""
_TEXT_KEYS = ("output", "answer", "response", "question", "query", "input", "prompt", "text", "content", "result")


def turns_of(messages: Any) -> tuple[Turn, ...]:
    """The turns of messages, in whatever form an application has them.

    Args:
        messages: a list of messages (LangChain's, dictionaries with `role` or `type`, pairs of role and text, texts),
            a list with one such list, or one message. What is no message is left out.
    """
    if isinstance(messages, Sequence) and not _is_one(messages):
        if len(messages) == 1 and isinstance(messages[0], list):  # as chat models are given them, a batch of one
            return turns_of(messages[0])
        return tuple(turn for message in messages if (turn := _turn(message)) is not None)
    turn = _turn(messages)
    return () if turn is None else (turn,)


def turns_in(value: Any, role: str) -> tuple[Turn, ...]:
    """The turns in what a function, a chain or an agent was given or gave back.

    Args:
        value: messages, as `turns_of` takes them; an object with `messages`; what a chat model gave back; or anything
            else, which is one turn.
        role: whose turn it is where the value does not say, `user` or `assistant`.
    """
    found: tuple[Turn, ...] = ()
    if isinstance(value, Mapping):
        if "messages" in value:
            return turns_of(value["messages"])
        if "generations" in value:
            return turns_in(_first_generation(value["generations"]), role)
        found = turns_of(value)
    elif not isinstance(value, str):
        found = turns_of(value)
    if found or value is None or value in ([], (), {}):
        return found
    text = _text_in(value)
    turn = _turn({"role": role, "content": text}) if text.strip() else None
    return () if turn is None else (turn,)


def is_answer(turn: Turn) -> bool:
    """Whether a turn is an answer to judge: the model's own, with more in it than calls of tools."""
    if turn.role != "assistant" or ORIGIN in turn.metadata or not turn.content.strip():
        return False
    return not turn.metadata.get("only_tool_calls")


def has_messages(value: Any) -> bool:
    """Whether a value is a list with messages in it."""
    return isinstance(value, list) and any(_turn(item) is not None for item in value[-1:])


def _turn(message: Any) -> Turn | None:
    if isinstance(message, Turn):
        return message
    fields = _fields(message)
    if fields is None or (said := parse_turn(fields)) is None:
        return None
    role = role_of(said.speaker)
    name = said.name if role is not None else said.name or said.speaker
    metadata = dict(said.metadata)
    if fields.get("tool_calls") and not content_text(fields.get("content")).strip():
        metadata["only_tool_calls"] = True
    return Turn(role or "user", said.content, name, said.at, metadata)


def _is_one(value: Any) -> bool:
    """Whether a sequence is one message: a text, or a pair of role and text."""
    return isinstance(value, str) or (isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str))


def _fields(message: Any) -> dict[str, Any] | None:
    """A message as the dictionary of OpenAI's form; None where it is none."""
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
    told = {name: getattr(message, name, None) for name in (*names, "additional_kwargs")}
    return _openai({**told, "type": message.type})


def _of_mapping(message: Mapping[str, Any]) -> dict[str, Any] | None:
    inner = message.get("kwargs") if message.get("lc") == 1 else message.get("data")  # as LangChain dumps messages
    if isinstance(inner, Mapping) and "content" in inner:
        names = message.get("id")
        kind = str(names[-1]).removesuffix("Chunk").removesuffix("Message").lower() if isinstance(names, list) else ""
        return _openai({"type": message.get("type") if message.get("lc") != 1 else kind, **inner})
    if "role" not in message and isinstance(message.get("type"), str) and "content" in message:
        return _openai(message)
    return dict(message) if isinstance(message.get("role"), str) else None


def _openai(told: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = str(told.get("type"))
    role = _SPEAKERS.get(kind) or told.get("role")
    if not isinstance(role, str):  # RemoveMessage and the like say nothing
        return None
    calls = [*map(_call, told.get("tool_calls") or ()), *map(_call, told.get("invalid_tool_calls") or ())]
    found = {"role": role, "content": _without_calls(told.get("content"), bool(calls))}
    if calls:
        found["tool_calls"] = calls
    for name in ("name", "tool_call_id"):
        if told.get(name):
            found[name] = told[name]
    if told.get("status") == "error":
        found["status"] = "error"
    extra = told.get("additional_kwargs")
    if isinstance(extra, Mapping) and ORIGIN in extra:
        found[ORIGIN] = extra[ORIGIN]
    return found


def _call(call: Any) -> Any:
    """A tool call in OpenAI's form."""
    if not isinstance(call, Mapping) or "function" in call:
        return call
    return {"id": call.get("id"), "function": {"name": call.get("name"), "arguments": call.get("args")}}


def _without_calls(content: Any, calls: bool) -> Any:
    if not calls or not isinstance(content, list):
        return content
    return [part for part in content if not (isinstance(part, Mapping) and part.get("type") in _CALLS)]


def _first_generation(generations: Any) -> Any:
    """The message, or else the text, of what a model generated first."""
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
    except (TypeError, ValueError, RecursionError):  # keys that are no texts; objects that hold themselves
        return repr(value)
