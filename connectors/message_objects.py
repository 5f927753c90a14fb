"""Turns from LangChain's messages. Nothing here imports LangChain: messages are recognised by their attributes."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.content_blocks import content_text
from convexplain.connectors.logs.engine.message_lists import parse_turn
from convexplain.connectors.logs.engine.roles import role_of, turn_of
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
_STRUCTURED = "Returning structured response: "  # begins the result of the tool by which an agent answers
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
            return _state_turns(value)
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


def _state_turns(state: Mapping[str, Any]) -> tuple[Turn, ...]:
    """Return the turns of an agent's state, with its structured response as an answer."""
    messages = state["messages"]
    if state.get("structured_response") is not None and isinstance(messages, list):
        tool = answer_tool(messages)
        messages = messages if tool is None else with_structured_answers(messages, [tool])
    return turns_of(messages)


def is_answer(turn: Turn) -> bool:
    """Return whether a turn is an answer to judge: written by the model, with more in it than calls of tools."""
    if turn.role != "assistant" or ORIGIN in turn.metadata or not turn.content.strip():
        return False
    return not turn.metadata.get("only_tool_calls")


def answer_tool(messages: Sequence[Any]) -> str | None:
    """Return the tool by whose call an agent gave its structured response, the last thing in these messages.

    Agents with a response format (`create_agent(response_format=…)`) may answer by calling a tool of its name. The last
    messages are then the call and the results of tools. None where the messages end otherwise, or the tool is unclear.
    """
    start = _answer_start(messages)
    if start is None or start == len(messages) - 1:
        return None
    calls = _calls(messages[start])
    if len(calls) > 1:
        results = [message_fields(message) or {} for message in messages[start + 1 :]]
        ids = {r.get("tool_call_id") for r in results if str(r.get("content")).startswith(_STRUCTURED)}
        calls = [call for call in calls if call["id"] in ids]
    return str(calls[0]["name"]) if len(calls) == 1 else None


def with_structured_answers(messages: Sequence[Any], tools: Collection[str]) -> list[Any]:
    """Return messages in which each structured response is an answer in words, in place of its call and its result.

    An object with one text is that text, any other one is JSON. Calls after which the agent went on stay as they are.

    Args:
        messages: the messages, in any form that `turns_of` takes.
        tools: the names of the tools by whose call the agent answers.
    """
    answers: list[Any] = []
    start = 0
    while start < len(messages):
        end = start + 1
        calls = [call for call in _calls(messages[start]) if call["name"] in tools]
        while calls and end < len(messages) and _role(messages[end]) == "tool":
            end += 1
        is_last = end == len(messages) or _role(messages[end]) == "user"
        if len(calls) == 1 and end > start + 1 and is_last:
            if len(_calls(messages[start])) > 1:  # the other calls and their results are no part of the answer
                results = messages[start + 1 : end]
                answers += [messages[start], *(r for r in results if _call_id(r) != calls[0]["id"])]
            answers.append({"role": "assistant", "content": _answer_text(calls[0]["arguments"])})
        else:
            answers += messages[start:end]
        start = end
    return answers


def _answer_start(messages: Sequence[Any]) -> int | None:
    """Return the index of the last message that is no result of a tool."""
    return next((i for i in reversed(range(len(messages))) if _role(messages[i]) != "tool"), None)


def _role(message: Any) -> str:
    return str((message_fields(message) or {}).get("role"))


def _call_id(message: Any) -> Any:
    return (message_fields(message) or {}).get("tool_call_id")


def _calls(message: Any) -> list[dict[str, Any]]:
    """Return the calls of tools in a message, each with `id`, `name` and `arguments`."""
    calls = (message_fields(message) or {}).get("tool_calls")
    functions = [
        call for call in calls or () if isinstance(call, Mapping) and isinstance(call.get("function"), Mapping)
    ]
    return [
        {
            "id": call.get("id"),
            "name": call["function"].get("name"),
            "arguments": call["function"].get("arguments"),
        }
        for call in functions
    ]


def _answer_text(arguments: Any) -> str:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return str(arguments)
    if (
        isinstance(arguments, Mapping)
        and len(arguments) == 1
        and isinstance(text := next(iter(arguments.values())), str)
    ):
        return text
    return json.dumps(arguments, ensure_ascii=False, default=str)


def has_messages(value: Any) -> bool:
    """Return whether a value is a list with messages in it."""
    return isinstance(value, list) and any(_turn(item) is not None for item in value[-1:])


def _turn(message: Any) -> Turn | None:
    if isinstance(message, Turn):
        return message
    fields = message_fields(message)
    if fields is None or (spoken := parse_turn(fields)) is None:
        return None
    role = role_of(spoken.speaker)
    name = spoken.name if role is not None else spoken.name or spoken.speaker
    metadata = dict(spoken.metadata)
    if fields.get("tool_calls") and not content_text(fields.get("content")).strip():
        metadata["only_tool_calls"] = True
    return turn_of(replace(spoken, metadata=metadata), role or "user", name)


def _is_message(value: Any) -> bool:
    """Return whether a sequence is one message: a text, or a pair of role and text."""
    return isinstance(value, str) or (isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str))


def message_fields(message: Any) -> dict[str, Any] | None:
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
