"""Parts of a message's content in the shapes of all platforms: their speakers and their texts."""

import json
from collections.abc import Mapping
from typing import Any

from .message_lists import call_text, content_text
from .metadata import clean_text

_CALLS_WORDS = (
    "tool_use server_tool_use mcp_tool_use tool_call server_tool_call tool_call_chunk invalid_tool_call "
    "function_call toolCall tool-call"
)
_CALLS = frozenset(_CALLS_WORDS.split())
_RESULTS_WORDS = (
    "tool_result tool_call_response server_tool_call_response server_tool_result function_response "
    "function_call_output tool-result"
)
_RESULTS = frozenset(_RESULTS_WORDS.split())
_THOUGHTS = frozenset(["thinking", "redacted_thinking", "thought"])
_MEDIA = ("image", "audio", "video")
_FILES_WORDS = "file document input_file blob uri media image_url inline_data container_upload"
_FILES = frozenset(_FILES_WORDS.split())
_NAMES = ("file_name", "filename", "name", "title")


def is_block(value: Any) -> bool:
    """Return whether a JSON value is a part of a content and no message: a text, a call of a tool, or an object with a
    type.
    """
    return (
        isinstance(value, dict)
        and "role" not in value
        and (isinstance(value.get("type"), str) or _call_key(value) != "")
    )


def is_tool_block(value: Any) -> bool:
    """Return whether a part calls a tool, gives a tool's result, or thinks: plain messages hold no such parts."""
    kind = _kind(value) if isinstance(value, dict) else ""
    return kind in _CALLS or _is_result(kind) or kind in _THOUGHTS


def is_call(value: Any) -> bool:
    """Return whether a part calls a tool."""
    return isinstance(value, dict) and (_kind(value) in _CALLS or _call_key(value) in ("functionCall", "function_call"))


def speaker_and_text(block: Any, speaker: str) -> tuple[str, str]:
    """Return a part's speaker ("tool" for a tool's result, else the message's), and its text or placeholder."""
    if not isinstance(block, dict):
        return speaker, content_text(block)
    kind = _kind(block)
    key = _call_key(block)
    if is_call(block):
        return speaker, call_text(block if key == "" else block[key])
    if key in ("functionResponse", "function_response") or _is_result(kind):
        return "tool", result_text(block if key == "" else block[key])
    if kind in _THOUGHTS or block.get("thought") is True:
        return speaker, "[thinking]"
    if kind == "reasoning":
        return speaker, "[reasoning]"
    return speaker, _block_text(block)


def result_text(block: Any) -> str:
    """Return the text of a tool's result."""
    if not isinstance(block, dict):
        return content_text(block)
    for name in ("content", "output", "result", "response"):
        if (result := block.get(name)) is not None:
            if isinstance(result, list):
                return "\n".join(filter(None, (speaker_and_text(item, "")[1] for item in result)))
            if isinstance(result, dict) and "type" not in result:
                return json.dumps(result, ensure_ascii=False)
            return content_text(result)
    return ""


def attachment_placeholder(item: Any) -> str:
    """Return the placeholder of a file that comes with a message."""
    if not isinstance(item, dict):
        return "[file]"
    word = _media(item) or "file"
    name = next((item[key] for key in _NAMES if isinstance(item.get(key), str) and item[key].strip()), None)
    return f"[{word}: {' '.join(clean_text(name).split())}]" if name else f"[{word}]"


def _block_text(block: Mapping[str, Any]) -> str:
    kind = _kind(block)
    inner = next(
        (block[key] for key in ("inlineData", "inline_data", "fileData") if isinstance(block.get(key), dict)), None
    )
    if inner is not None:
        return attachment_placeholder(inner)
    if kind in _FILES or kind in _MEDIA:
        return attachment_placeholder(block)
    text = block.get("content")
    return text if kind == "text" and "text" not in block and isinstance(text, str) else content_text(block)


def _media(item: Mapping[str, Any]) -> str:
    """Return the medium of a file; "" where it is none of those that have a word."""
    source = item.get("source")
    places = [item, *([source] if isinstance(source, dict) else [])]
    words = [
        place.get(key)
        for place in places
        for key in ("type", "modality", "mime_type", "mimeType", "media_type", "file_type")
    ]
    return next((word for value in words if isinstance(value, str) for word in _MEDIA if value.startswith(word)), "")


def _call_key(block: Mapping[str, Any]) -> str:
    """Return the key that shows the kind of a part without a type, in Gemini's shape; "" for none."""
    if isinstance(block.get("type"), str):
        return ""
    keys = ("functionCall", "function_call", "functionResponse", "function_response")
    return next((key for key in keys if isinstance(block.get(key), dict)), "")


def _kind(block: Mapping[str, Any]) -> str:
    kind = block.get("type")
    return kind if isinstance(kind, str) else ""


def _is_result(kind: str) -> bool:
    return kind in _RESULTS or kind.endswith("_tool_result")
