"""Turns as messages of chat models: calls of tools with ids and arguments, their results, reasoning; and tools."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convexplain.connectors.json_texts import map_texts
from convexplain.errors import ConvexplainError
from convexplain.models.chat import sendable
from convexplain.parts import Media, Reasoning, Text, ToolCall, ToolResult, visible_content
from convexplain.types import Turn

WRITTEN_CALL = "a call of a tool stands in a text: import the log again, or the edit changed the call"
TEXT_AFTER_CALL = "a text follows a call of a tool in one turn, which no message can hold"
NO_OBJECT = "the arguments of a call of a tool are no JSON object"
UNANSWERED = "a call of a tool has no result"
UNCALLED = "a result of a tool answers no call"
MEDIA = "the answer holds an image or a file, which the log does not contain"

_WRITTEN_CALL = re.compile(r"^\[tool call(?: [^\n(]*\(.*\))?\]$", re.MULTILINE)


class UnwritableError(ConvexplainError):
    """A turn that a format cannot hold; the message is the reason. It never leaves this package."""


def calls_of(turn: Turn) -> list[ToolCall]:
    """Return the calls of tools in a turn."""
    return [part for part in turn.parts if isinstance(part, ToolCall)]


def result_of(turn: Turn) -> ToolResult | None:
    """Return the result of a tool that a turn holds; None where it is none."""
    if turn.role != "tool":
        return None
    parts = turn.parts or (ToolResult(turn.content, "", turn.name or ""),)
    return parts[0] if len(parts) == 1 and isinstance(parts[0], ToolResult) else None


def has_calls(turns: Iterable[Turn]) -> bool:
    """Return whether a turn calls a tool."""
    return any(map(calls_of, turns))


def words_of(turn: Turn) -> str:
    """Return the words of an assistant's turn that stand before its calls of tools.

    Raises:
        UnwritableError: words stand behind a call, or a call stands in the words.
    """
    visible = [part for part in turn.parts or (Text(turn.content),) if not isinstance(part, Reasoning)]
    count = next((at for at, part in enumerate(visible) if isinstance(part, ToolCall)), len(visible))
    if not all(isinstance(part, ToolCall) for part in visible[count:]):
        raise UnwritableError(TEXT_AFTER_CALL)
    text = visible_content(visible[:count])
    if "[tool call" in text and _WRITTEN_CALL.search(text):
        raise UnwritableError(WRITTEN_CALL)
    return text


def answer_turn(turn: Turn) -> Turn:
    """Return the turn that a trainer trains on, without reasoning: edited words have none.

    Raises:
        UnwritableError: it holds media.
    """
    if any(isinstance(part, Media) for part in turn.parts):
        raise UnwritableError(MEDIA)
    parts = tuple(part for part in turn.parts if not isinstance(part, Reasoning))
    return replace(turn, parts=parts) if len(parts) < len(turn.parts) else turn


def linked_turns(turns: Sequence[Turn], *, strict: bool = False) -> list[Turn]:
    """Return turns in which each call has an id, and each result the id of its call.

    Results without an id answer the calls before them in order.

    Args:
        turns: the conversation.
        strict: refuse what OpenAI's interface refuses.

    Raises:
        UnwritableError: if `strict`, a call without a result or a result without a call; the last turn may call tools.
    """
    linked: list[Turn] = []
    open_calls: list[ToolCall] = []
    for number, turn in enumerate(turns):
        result = result_of(turn)
        if result is not None:
            call = next((call for call in open_calls if result.id in (call.id, "")), None)
            if call is None and strict:
                raise UnwritableError(UNCALLED)
            if call is not None:
                open_calls.remove(call)
            answered = result if call is None else replace(result, id=call.id)
            linked.append(replace(turn, parts=(answered,)))
        else:
            if open_calls and strict:
                raise UnwritableError(UNANSWERED)
            linked.append(_with_ids(turn, number))
            open_calls = calls_of(linked[-1])
    return linked


def message(turn: Turn, *, objects: bool = False, reasoning: bool = True) -> dict[str, Any]:
    """Return a turn as a message of OpenAI's form.

    Args:
        turn: the turn.
        objects: write the arguments of calls as objects, which chat templates want, and not as JSON texts.
        reasoning: write the turn's reasoning as `reasoning_content`, which chat templates read.

    Raises:
        UnwritableError: no message holds it.
    """
    result = result_of(turn)
    if result is not None:
        name = {"name": sendable(result.name)} if result.name else {}
        call_id = {"tool_call_id": sendable(result.id)} if result.id else {}
        return {"role": "tool", **call_id, **name, "content": sendable(result.text)}
    if turn.role != "assistant":
        return {"role": turn.role, "content": sendable(turn.content)}
    fields: dict[str, Any] = {"role": "assistant", "content": sendable(words_of(turn))}
    if calls := calls_of(turn):
        fields["tool_calls"] = [tool_call(call, objects=objects) for call in calls]
    if reasoning and turn.reasoning:
        fields["reasoning_content"] = sendable(turn.reasoning)
    return fields


def messages(turns: Sequence[Turn], *, objects: bool = False, strict: bool = False) -> list[dict[str, Any]]:
    """Return turns as messages, calls and results linked by ids; arguments as of `message` and `linked_turns`."""
    return [message(turn, objects=objects, reasoning=not strict) for turn in linked_turns(turns, strict=strict)]


def tool_call(call: ToolCall, *, objects: bool = False) -> dict[str, Any]:
    """Return a call as OpenAI's messages hold it.

    Raises:
        UnwritableError: `objects`, and the arguments are none.
    """
    arguments: Any = call_arguments(call) if objects else sendable(call.arguments)
    function = {"name": sendable(call.name), "arguments": arguments}
    return {**({"id": sendable(call.id)} if call.id else {}), "type": "function", "function": function}


def call_arguments(call: ToolCall) -> dict[str, Any]:
    """Return the arguments of a call as an object.

    Raises:
        UnwritableError: they are none.
    """
    try:
        arguments = json.loads(call.arguments, parse_constant=_refused_constant) if call.arguments.strip() else {}
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise UnwritableError(NO_OBJECT)
    return dict(map_texts(arguments, sendable))


def openai_tools(tools: str) -> list[dict[str, Any]]:
    """Return the tools that a log names, as OpenAI's interface takes them: also where they are in Anthropic's form.

    Args:
        tools: JSON as the log has it; empty for none.
    """
    try:
        listed = json.loads(tools) if tools.strip() else []
    except (ValueError, RecursionError):
        return []
    described = [_openai_tool(tool) for tool in listed if isinstance(tool, dict)] if isinstance(listed, list) else []
    return [map_texts(tool, sendable) for tool in described if tool]


def _openai_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(tool.get("function"), dict):
        return {"type": "function", "function": tool["function"]}
    if not isinstance(tool.get("name"), str):
        return {}
    schema: Any = next((tool[key] for key in ("parameters", "input_schema") if isinstance(tool.get(key), dict)), {})
    described = {"description": tool["description"]} if isinstance(tool.get("description"), str) else {}
    return {"type": "function", "function": {"name": tool["name"], **described, "parameters": schema}}


def _with_ids(turn: Turn, number: int) -> Turn:
    calls = calls_of(turn)
    if all(call.id for call in calls):
        return turn
    parts = (
        replace(part, id=f"call_{number}_{place}") if isinstance(part, ToolCall) and not part.id else part
        for place, part in enumerate(turn.parts)
    )
    return replace(turn, parts=tuple(parts))


def _refused_constant(name: str) -> None:
    raise ValueError(name)
