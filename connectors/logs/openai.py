"""OpenAI messages: `{"messages": [{"role": …, "content": …}, …]}`, or the bare list of messages."""

import json
from collections.abc import Mapping
from typing import Any

from .drafts import Draft, Said
from .problems import UnreadableError
from .roles import role_of
from .values import extras, moment_of

_PLACEHOLDERS = {
    "image_url": "[image]",
    "input_image": "[image]",
    "input_audio": "[audio]",
    "audio_url": "[audio]",
    "input_file": "[file]",
    "video_url": "[video]",
    "document": "[file]",
    "redacted_thinking": "[thinking]",
}
"""Parts without text whose type is not itself the word to show."""
_TEXT_KEYS = ("text", "value", "refusal", "input_text", "output_text")


def is_message(value: Any) -> bool:
    """Whether a JSON value looks like one message."""
    keys = ("content", "tool_calls", "function_call")
    return isinstance(value, dict) and isinstance(value.get("role"), str) and any(key in value for key in keys)


def draft(record: Mapping[str, Any] | list[Any], key: str = "messages") -> Draft:
    """The conversation in a record.

    Args:
        record: the object, or the bare list of messages.
        key: where an object holds its messages.

    Raises:
        UnreadableError: a message with text does not say who speaks.
    """
    found = Draft([])
    if isinstance(record, list):
        messages = record
    else:
        messages = record[key]
        found.metadata = extras(record, {key})
    for number, message in enumerate(messages, 1):
        if (said := say(message, number, found.remarks)) is not None:
            found.said.append(said)
    add_system(found)
    return found


def add_system(found: Draft) -> None:
    """Makes the record's own `system` text the first turn, where the turns have no system text themselves."""
    text = found.metadata.get("system")
    told = found.said and role_of(found.said[0].speaker) == "system"
    if isinstance(text, str) and text.strip() and not told:
        found.said.insert(0, Said("system", text))
        del found.metadata["system"]


def say(message: Any, number: int, remarks: list[str]) -> Said | None:
    """A message as a turn, None where there is none; what is missing is added to the remarks."""
    if not isinstance(message, dict):
        remarks.append(f"turn {number} is missing")
        return None
    content = message_text(message)
    role = message.get("role")
    if not isinstance(role, str):
        if content.strip():
            raise UnreadableError(f"turn {number} does not say who speaks")
        remarks.append(f"turn {number} is missing")
        return None
    if not content.strip():
        remarks.append(f"turn {number} ({role!r}) is empty")
    name = message.get("name")
    name = name if isinstance(name, str) and name.strip() else None
    at, at_key = moment_of(message)
    used = {"role", "content", "refusal", at_key, "name" if name else None}
    return Said(role, content, name, at, extras(message, used))


def message_text(message: Mapping[str, Any]) -> str:
    """What a message shows: its content, then a visible placeholder for each tool call.

    A content that is a string comes back unchanged; a list of parts is joined with line ends.
    """
    content = content_text(message.get("content"))
    shown = [content] if content else []
    if not shown and isinstance(message.get("refusal"), str):
        shown.append(message["refusal"])
    audio = message.get("audio")
    if not shown and isinstance(audio, dict):
        transcript = audio.get("transcript")
        shown.append(transcript if isinstance(transcript, str) else "[audio]")
    calls = message.get("tool_calls")
    shown += [_call_text(call) for call in calls] if isinstance(calls, list) else []
    if isinstance(message.get("function_call"), dict):
        shown.append(_call_text({"function": message["function_call"]}))
    return "\n".join(shown)


def content_text(content: Any) -> str:
    """A message's content as text, whichever of its forms it has."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(filter(None, map(_part_text, content)))
    return _part_text(content)


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return "" if part is None else json.dumps(part, ensure_ascii=False)
    for key in _TEXT_KEYS:
        text = part.get(key)
        if isinstance(text, dict):
            text = text.get("value")
        if isinstance(text, str):
            return text
    kind = str(part.get("type") or "part")
    if kind == "tool_use":
        return _call_text({"function": {"name": part.get("name"), "arguments": part.get("input")}})
    if kind == "tool_result":
        return content_text(part.get("content"))
    return _PLACEHOLDERS.get(kind, f"[{kind}]")


def _call_text(call: Any) -> str:
    if not isinstance(call, dict):
        return "[tool call]"
    function = call.get("function")
    if not isinstance(function, dict):
        function = call
    name = function.get("name")
    arguments = function.get("arguments")
    if arguments is None:
        arguments = ""
    elif not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return f"[tool call {name if isinstance(name, str) else '?'}({arguments})]"
