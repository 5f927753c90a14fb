"""What went into a call of a model or a program, or came out of it, as turns: the inputs and outputs of traces."""

import json
from collections.abc import Mapping
from typing import Any

from .api_messages import is_message, parse_messages
from .content_blocks import is_block, speaker_and_text
from .json_values import parse_json
from .parse_results import ParsedTurn

_RAW = ("text", "content", "output_text", "completion", "generation", "answer", "reply")
"""Where a text is what was said, although it may be JSON."""
_DEPTH = 12
"""Objects and texts inside each other that are looked into."""
_SYSTEM = ("system", "system_prompt", "instructions", "system_instruction", "systemInstruction")
_HISTORIES = ("chat_history", "history")
_EITHER = ("messages", "contents", "message", "content", "text", "kwargs", "data", "value", "values", "args")
_GIVEN = (
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
    *_EITHER,
)
_ANSWERED = (
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
    *_EITHER,
)


def parse_payload(value: Any, speaker: str, remarks: list[str], depth: int = 0) -> list[ParsedTurn]:
    """The turns in what was given to a call, or what it answered.

    Args:
        value: a text, a message, a list of them, or an object that holds them under a usual key; JSON in a text too.
        speaker: who says a text by itself: "user" of what was given, "assistant" of what was answered.
        remarks: what a person should know of them is added.
        depth: of `value`, in what is looked into.

    Returns:
        No turns where there are none, or the value holds something else.
    """
    if depth > _DEPTH:
        return []
    if isinstance(value, str):
        return _of_text(value, speaker, remarks, depth)
    if isinstance(value, list):
        return _of_list(value, speaker, remarks, depth)
    if not isinstance(value, dict):
        return []
    if is_message(value):
        return parse_messages([value], remarks)
    if is_block(value):
        return [ParsedTurn(*speaker_and_text(value, speaker))]
    return _of_object(value, speaker, remarks, depth)


def decoded(value: Any) -> Any:
    """The object or list in a JSON text; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        found, error = parse_json(value)
        return value if error else found
    return value


def id_text(value: Any) -> str:
    """A value as a text: for ids that may be numbers; "" for what is none."""
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _of_text(value: str, speaker: str, remarks: list[str], depth: int) -> list[ParsedTurn]:
    found = decoded(value)
    if found is not value:
        return parse_payload(found, speaker, remarks, depth + 1)
    if value.lstrip()[:1] == '"':
        inner, error = parse_json(value)
        value = inner if error is None and isinstance(inner, str) else value
    return [ParsedTurn(speaker, value)] if value.strip() and value != "null" else []


def _of_list(value: list[Any], speaker: str, remarks: list[str], depth: int) -> list[ParsedTurn]:
    if any(map(is_message, value)):
        return parse_messages(value, remarks)
    if value and all(map(is_block, value)):
        value_text = [speaker_and_text(item, speaker)[1] for item in value]
        return [ParsedTurn(speaker, "\n".join(filter(None, value_text)))]
    if value and all(isinstance(item, list) and len(item) == 2 and is_pair(item) for item in value):
        return parse_messages(value, remarks)
    if len(value) > 1 and any(isinstance(item, list) for item in value):
        remarks.append(f"of {len(value)} lists of messages in one call the first is read")
    return next((found for item in value[:5] if (found := parse_payload(item, speaker, remarks, depth + 1))), [])


def is_pair(item: list[Any]) -> bool:
    """Whether a list is a speaker's word with a text."""
    return all(isinstance(part, str) for part in item) and item[0] in ("human", "user", "ai", "assistant", "system")


def _of_object(value: Mapping[str, Any], speaker: str, remarks: list[str], depth: int) -> list[ParsedTurn]:
    for key in ("choices", "candidates"):
        if isinstance(value.get(key), list) and len(value[key]) > 1:
            remarks.append(f"of {len(value[key])} {key} the first is read")
    keys = _GIVEN if speaker == "user" else _ANSWERED
    for key in keys:
        inner = value.get(key)
        if key in _RAW and isinstance(inner, str) and inner.strip():
            found = [ParsedTurn(speaker, inner)]
        else:
            found = parse_payload(inner, speaker, remarks, depth + 1) if inner else []
        if found:
            break
    else:
        if len(value) != 1:
            return []
        (only,) = value.values()
        return parse_payload(only, speaker, remarks, depth + 1)
    before = [turn for key in _HISTORIES if isinstance(value.get(key), list) for turn in parse_messages(value[key], [])]
    if before and key not in _EITHER[:2]:
        found = [*before, *found]
    if speaker == "user" and found[0].speaker != "system" and (system := _system(value)):
        found = [ParsedTurn("system", system), *found]
    return found


def _system(value: Mapping[str, Any]) -> str:
    text = next((value[key] for key in _SYSTEM if value.get(key)), None)
    if isinstance(text, dict):
        text = text.get("parts")
    if isinstance(text, list):
        return "\n".join(filter(None, (speaker_and_text(block, "system")[1] for block in text)))
    return text if isinstance(text, str) else ""


def value_text(value: Any) -> str:
    """A value as it is shown where nothing is known of it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
