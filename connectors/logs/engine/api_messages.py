"""Messages of models' interfaces and frameworks as turns: OpenAI's chat messages and items of its Responses API,
Anthropic's, Gemini's, OpenTelemetry's, and both of LangChain's dumps.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convexplain.parts import Media, Part, Reasoning, ToolCall, ToolResult, visible_content

from .content_blocks import (
    call_part,
    content_parts,
    content_text,
    result_part,
    thought_keys,
    thought_text,
    thoughts_beside,
)
from .message_lists import substitute_parts
from .metadata import clean_text, extra_metadata, find_timestamp
from .parse_results import ParsedTurn
from .roles import role_of

_LANGCHAIN_WORDS = (
    "human ai system tool function chat developer HumanMessageChunk AIMessageChunk SystemMessageChunk "
    "ToolMessageChunk FunctionMessageChunk ChatMessageChunk"
)
_LANGCHAIN = frozenset(_LANGCHAIN_WORDS.split())
_CONTENTS = ("content", "parts")
_MESSAGE_KEYS = frozenset((*_CONTENTS, "tool_calls", "function_call", "refusal", "audio"))
_USED_KEY_WORDS = "role type example refusal lc kwargs tool_calls invalid_tool_calls function_call tool_call_id"
_USED_KEYS = (*_USED_KEY_WORDS.split(), *_CONTENTS)
_OUTPUTS = (
    "function_call_output",
    "custom_tool_call_output",
    "computer_call_output",
    "local_shell_call_output",
    "shell_call_output",
    "apply_patch_call_output",
    "mcp_approval_response",
)


def is_message(value: Any) -> bool:
    """Return whether a JSON value is a message in one of the shapes, or an item of the Responses API."""
    return isinstance(value, dict) and (_unwrapped(value) is not None or is_item(value))


def is_langchain(value: Any) -> bool:
    """Return whether a JSON value is a message in one of LangChain's shapes."""
    return isinstance(value, dict) and "role" not in value and _unwrapped(value) is not None


def is_item(value: Any) -> bool:
    """Return whether a JSON value is an item that only the Responses API has."""
    if not isinstance(value, dict) or not isinstance(kind := value.get("type"), str):
        return False
    if kind == "message":
        content = value.get("content")
        parts = content if isinstance(content, list) else []
        return isinstance(value.get("role"), str) and any(
            isinstance(part, dict) and part.get("type") in ("input_text", "output_text", "input_image", "input_file")
            for part in parts
        )
    if kind == "reasoning":
        return "summary" in value or "encrypted_content" in value
    return (kind.endswith("_call") and ("call_id" in value or "status" in value)) or kind in _OUTPUTS


def parse_messages(values: Sequence[Any], remarks: list[str]) -> list[ParsedTurn]:
    """Return the turns in a list of messages; a remark is added for each element that is no message.

    The assistant's items (texts, calls, thoughts) in a row are one turn, and so is a thought with the turn after it.
    """
    turns: list[ParsedTurn] = []
    continues = (
        False  # whether the last turn is an item of the Responses API without text, which the next one continues
    )
    for number, value in enumerate(values, 1):
        if _is_pair(value):
            turns.append(ParsedTurn(value[0], value[1]))
        elif not is_message(value):
            remarks.append(f"message {number} cannot be read")
        elif isinstance(value, dict) and _unwrapped(value) is None:
            continues = _add_item(turns, value, continues)
        else:
            turns += parse_message(value)
            continues = False
    return merge_thoughts(turns)


def parse_message(message: Mapping[str, Any]) -> list[ParsedTurn]:
    """Return the turns in a message: several where it also holds the results of tools."""
    unwrapped = _unwrapped(message)
    if unwrapped is None:
        return [ParsedTurn.of_parts(speaker, parts) for speaker, parts in _item_turns(message)]
    speaker, body = unwrapped
    name = body.get("name")
    name = name if isinstance(name, str) and name.strip() else None
    at, at_key = find_timestamp(body)
    metadata = {
        key: value
        for key, value in extra_metadata(body, {*_USED_KEYS, *thought_keys(body), at_key, "name"}).items()
        if value not in ({}, [], "")
    }
    is_result = role_of(speaker) == "tool"
    parts = (_result(body, name),) if is_result else _message_parts(body)
    turn = ParsedTurn.of_parts(speaker, parts, name, at, metadata)
    return [turn] if is_result else turn.without_results()


def merge_thoughts(turns: Sequence[ParsedTurn]) -> list[ParsedTurn]:
    """Return the turns, with an assistant's turn that is only a thought joined to the assistant's next one."""
    merged: list[ParsedTurn] = []
    for turn in turns:
        if merged and merged[-1].is_thought and _role_or_word(merged[-1]) == _role_or_word(turn) == "assistant":
            thought = merged.pop()
            metadata = {**thought.metadata, **turn.metadata}
            merged.append(replace(thought.joined(turn), name=turn.name, at=turn.at or thought.at, metadata=metadata))
        else:
            merged.append(turn)
    return merged


def _role_or_word(turn: ParsedTurn) -> str:
    return role_of(turn.speaker) or turn.speaker


def _is_pair(value: Any) -> bool:
    """Return whether a value is LangChain's short form of a message: `["human", "Hi"]`."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(item, str) for item in value)
        and role_of(value[0]) is not None
    )


def _unwrapped(value: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Return a message's word for its speaker and the object that holds its content; None where it is no message."""
    kind, inner, names = value.get("type"), value.get("data"), value.get("id")
    if isinstance(kind, str) and value.get("lc") is not None and isinstance(names, list) and names:
        body = value.get("kwargs")
        last = names[-1]
        if isinstance(last, str) and isinstance(body, dict) and last.removesuffix("Chunk").endswith("Message"):
            return _speaker_word(last, body), body
        return None
    if isinstance(value.get("role"), str):
        return (value["role"], value) if not _MESSAGE_KEYS.isdisjoint(value) and not is_item(value) else None
    if isinstance(kind, str) and kind in _LANGCHAIN:
        body = inner if isinstance(inner, dict) else value
        return (_speaker_word(kind, body), body) if "content" in body else None
    return None


def _speaker_word(kind: str, body: Mapping[str, Any]) -> str:
    word = clean_text(kind.removesuffix("Chunk").removesuffix("Message").lower())
    role = body.get("role")
    return role if word == "chat" and isinstance(role, str) else word


def _message_parts(body: Mapping[str, Any]) -> tuple[Part, ...]:
    content = next((body[key] for key in _CONTENTS if body.get(key) is not None), None)
    more = body.get("additional_kwargs")
    thoughts = thoughts_beside(body) or (thoughts_beside(more) if isinstance(more, dict) else ())
    parts = content_parts(content) if content else substitute_parts(body)
    if any(isinstance(part, Reasoning) for part in parts):
        thoughts = ()
    calls = () if any(isinstance(part, ToolCall) for part in parts) else map(call_part, _calls(body))
    return (*thoughts, *parts, *calls)


def _result(body: Mapping[str, Any], name: str | None) -> ToolResult:
    """Return a message of a tool as its result; parts of the content that wrap the result are taken off."""
    content = next((body[key] for key in _CONTENTS if body.get(key) is not None), None)
    parts = content_parts(content)
    inner = next((part for part in parts if isinstance(part, ToolResult)), ToolResult(""))
    call_id = body.get("tool_call_id")
    return ToolResult(visible_content(parts), call_id if isinstance(call_id, str) else inner.id, name or inner.name)


def _calls(body: Mapping[str, Any]) -> Iterator[Any]:
    more = body.get("additional_kwargs")
    places = [body, more] if isinstance(more, dict) else [body]
    for place in places:
        call_lists = [place.get("tool_calls"), place.get("invalid_tool_calls")]
        calls = [call for call_list in call_lists if isinstance(call_list, list) for call in call_list]
        if isinstance(place.get("function_call"), dict):
            calls.append({"function": place["function_call"]})
        if calls:  # LangChain keeps them twice
            yield from calls
            return


def _item_turns(item: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Part, ...]]]:
    """Yield the speakers in an item of the Responses API, each with the parts of the turn."""
    kind = str(item.get("type"))
    if kind == "message":
        yield str(item.get("role") or "assistant"), content_parts(item.get("content"))
    elif kind in _OUTPUTS:
        yield "tool", (result_part(item),)
    elif kind == "reasoning":
        yield "assistant", (Reasoning(thought_text({key: item.get(key) for key in ("content", "summary")})),)
    elif kind == "image_generation_call":
        yield "assistant", (Media("image"),)
    else:
        call = call_part({"arguments": _item_arguments(item), "id": item.get("call_id") or item.get("id")})
        name = item.get("name")
        name = name if isinstance(name, str) else kind.removesuffix("_call")
        yield "assistant", (replace(call, name=name),)
        if item.get("output") is not None or item.get("results") is not None:
            yield "tool", (ToolResult(content_text(item.get("output") or item.get("results")), call.id, name),)


def _item_arguments(item: Mapping[str, Any]) -> Any:
    return next((item[key] for key in ("arguments", "input", "action", "code", "queries") if item.get(key)), None)


def _add_item(turns: list[ParsedTurn], item: Mapping[str, Any], continues: bool) -> bool:
    """Add an item's parts to the turns, and return whether the next item continues the same turn."""
    for speaker, parts in _item_turns(item):
        turn = ParsedTurn.of_parts(speaker, parts)
        by_assistant = role_of(speaker) == "assistant"
        silent = by_assistant and item.get("type") != "message"
        if by_assistant and turns and role_of(turns[-1].speaker) == "assistant" and (continues or silent):
            turns.append(turns.pop().joined(turn))
        else:
            turns.append(turn)
        continues = silent
    return continues
