"""Inputs and outputs of calls in traces, as turns."""

import json
from collections.abc import Mapping
from typing import Any

from .api_messages import is_message, parse_messages
from .content_blocks import content_parts, content_text, is_block
from .json_values import parse_json
from .parse_results import ParsedTurn
from .stream_chunks import is_chunk, streamed_turns

_TEXT_KEYS = ("text", "content", "output_text", "completion", "generation", "answer", "reply")
"""Keys whose text is the turn's content, although it may be JSON."""
_MAX_DEPTH = 12
"""Levels of objects and texts inside each other that are read."""
_SYSTEM_KEYS = ("system", "system_prompt", "instructions", "system_instruction", "systemInstruction")
_HISTORY_KEYS = ("chat_history", "history")
_SHARED_KEYS = ("messages", "contents", "message", "content", "text", "kwargs", "data", "value", "values", "args")
_INPUT_KEYS = (
    "input",
    "inputs",
    "question",
    "query",
    "prompt",
    "prompts",
    "user_input",
    "human_input",
    "user_message",
    "user_query",
    "request",
    "input_value",
    *_SHARED_KEYS,
)
_OUTPUT_KEYS = (
    "choices",
    "generations",
    "candidates",
    "output",
    "outputs",
    "answer",
    "response",
    "result",
    "reply",
    "completion",
    "generation",
    "final_answer",
    "final_output",
    "output_text",
    *_SHARED_KEYS,
)


def parse_payload(value: Any, speaker: str, remarks: list[str], depth: int = 0) -> list[ParsedTurn]:
    """Return the turns in an input or an output of a call.

    Args:
        value: a text, a message, a list of them, or an object that holds them under a usual key; JSON in a text too.
        speaker: the speaker of a text by itself: "user" of inputs, "assistant" of outputs.
        remarks: receives what a person should know of the turns.
        depth: the level of `value`.

    Returns:
        No turns where there are none, or the value holds something else.
    """
    if depth > _MAX_DEPTH:
        return []
    if isinstance(value, str):
        return _text_turns(value, speaker, remarks, depth)
    if isinstance(value, list):
        return _list_turns(value, speaker, remarks, depth)
    if not isinstance(value, dict):
        return []
    if is_message(value):
        return parse_messages([value], remarks)
    if is_block(value):
        return ParsedTurn.of_parts(speaker, content_parts(value)).without_results()
    return _object_turns(value, speaker, remarks, depth)


def decoded_value(value: Any) -> Any:
    """Return the object or list in a JSON text; anything else unchanged."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        parsed, error = parse_json(value)
        return value if error else parsed
    return value


def id_text(value: Any) -> str:
    """Return an id as text, also where it is a number; "" for any other value."""
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _text_turns(value: str, speaker: str, remarks: list[str], depth: int) -> list[ParsedTurn]:
    parsed = decoded_value(value)
    if parsed is not value:
        return parse_payload(parsed, speaker, remarks, depth + 1)
    if value.lstrip()[:1] == '"':
        inner, error = parse_json(value)
        value = inner if error is None and isinstance(inner, str) else value
    return [ParsedTurn(speaker, value)] if value.strip() and value != "null" else []


def _list_turns(value: list[Any], speaker: str, remarks: list[str], depth: int) -> list[ParsedTurn]:
    if value and is_chunk(value[0]):
        return streamed_turns(value)
    if any(map(is_message, value)):
        return parse_messages(value, remarks)
    if value and all(map(is_block, value)):
        return ParsedTurn.of_parts(speaker, content_parts(value)).without_results()
    if value and all(isinstance(item, list) and len(item) == 2 and _is_pair(item) for item in value):
        return parse_messages(value, remarks)
    if len(value) > 1 and any(isinstance(item, list) for item in value):
        remarks.append(f"of {len(value)} lists of messages in one call the first is read")
    return next((turns for item in value[:5] if (turns := parse_payload(item, speaker, remarks, depth + 1))), [])


def _is_pair(item: list[Any]) -> bool:
    """Return whether a list is a speaker's word with a text."""
    return all(isinstance(part, str) for part in item) and item[0] in ("human", "user", "ai", "assistant", "system")


def _object_turns(value: Mapping[str, Any], speaker: str, remarks: list[str], depth: int) -> list[ParsedTurn]:
    for key in ("choices", "candidates"):
        if isinstance(value.get(key), list) and len(value[key]) > 1:
            remarks.append(f"of {len(value[key])} {key} the first is read")
    keys = _INPUT_KEYS if speaker == "user" else _OUTPUT_KEYS
    for key in keys:
        inner = value.get(key)
        if key in _TEXT_KEYS and isinstance(inner, str) and inner.strip():
            turns = [ParsedTurn(speaker, inner)]
        else:
            turns = parse_payload(inner, speaker, remarks, depth + 1) if inner else []
        if turns:
            break
    else:
        if len(value) != 1:
            return []
        (only,) = value.values()
        return parse_payload(only, speaker, remarks, depth + 1)
    history = [
        turn for key in _HISTORY_KEYS if isinstance(value.get(key), list) for turn in parse_messages(value[key], [])
    ]
    if history and key not in _SHARED_KEYS[:2]:
        turns = [*history, *turns]
    if speaker == "user" and turns[0].speaker != "system" and (system := _system_text(value)):
        turns = [ParsedTurn("system", system), *turns]
    return turns


def _system_text(value: Mapping[str, Any]) -> str:
    text = next((value[key] for key in _SYSTEM_KEYS if value.get(key)), None)
    if isinstance(text, dict):
        text = text.get("parts")
    if isinstance(text, list):
        return content_text(text)
    return text if isinstance(text, str) else ""


def value_text(value: Any) -> str:
    """Return a value of unknown shape as text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
