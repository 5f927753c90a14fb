"""Contents of messages in the shapes of all platforms, as parts of turns: texts, reasoning, calls, results, media."""

import json
from collections.abc import Mapping
from typing import Any

from convexplain.parts import Media, Part, Reasoning, Text, ToolCall, ToolResult, visible_content

from .json_values import parse_json
from .metadata import clean_text

_CALLS_WORDS = (
    "tool_use server_tool_use mcp_tool_use tool_call server_tool_call tool_call_chunk invalid_tool_call "
    "function_call toolCall tool-call dynamic-tool function"
)
_CALLS = frozenset(_CALLS_WORDS.split())
_RESULTS_WORDS = (
    "tool_result tool_call_response server_tool_call_response server_tool_result function_response "
    "function_call_output tool-result"
)
_RESULTS = frozenset(_RESULTS_WORDS.split())
_THOUGHTS = frozenset(["thinking", "redacted_thinking", "thought", "thoughts", "reasoning", "reasoning_content"])
_MEDIA = ("image", "audio", "video")
_MEDIA_KINDS = {
    "image_url": "image",
    "input_image": "image",
    "input_audio": "audio",
    "audio_url": "audio",
    "video_url": "video",
}
_FILES_WORDS = "file document input_file blob uri media inline_data container_upload"
_FILES = frozenset(_FILES_WORDS.split())
_NAMES = ("file_name", "filename", "name", "title")
_CALL_KEYS = ("functionCall", "function_call", "toolUse")
_RESULT_KEYS = ("functionResponse", "function_response", "toolResult")
"""Keys of parts without a type: Gemini's and Bedrock's."""
_NO_PARTS = frozenset(["step-start", "step_start", "step-finish", "step_finish", "checkpoint"])
"""Types of parts that only mark a place."""
_TEXTS = ("text", "value", "refusal", "input_text", "output_text")
_LISTS = ("parts", "content")
_THOUGHT_TEXTS = ("thinking", "reasoning", "reasoningText", "text", "content", "value", "summary", "thoughts")
THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "reasoning_details", "thinking_blocks")
"""Keys of a model's thoughts beside its answer."""
_RESULT_TEXTS = ("content", "output", "result", "response", "errorText")
_ARGUMENTS = ("arguments", "args", "input")
_CALL_NAMES = ("name", "toolName", "tool_name")
_CALL_IDS = ("call_id", "tool_use_id", "tool_call_id", "toolUseId", "toolCallId", "id")


def is_block(value: Any) -> bool:
    """Return whether a JSON value is a part of a content and no message: a text, a call of a tool, or an object with a
    type.
    """
    return (
        isinstance(value, dict)
        and "role" not in value
        and (isinstance(value.get("type"), str) or _untyped_key(value) != "")
    )


def is_tool_block(value: Any) -> bool:
    """Return whether a part calls a tool, gives a tool's result, or thinks: plain messages hold no such parts."""
    kind = _kind(value) if isinstance(value, dict) else ""
    return kind in _CALLS or _is_result(kind) or kind in ("thinking", "redacted_thinking", "thought")


def is_call(value: Any) -> bool:
    """Return whether a part calls a tool."""
    return isinstance(value, dict) and (_kind(value) in _CALLS or _untyped_key(value) in _CALL_KEYS)


def content_parts(content: Any) -> tuple[Part, ...]:
    """Return the parts of a message's content, in any of its forms; none of an empty text."""
    if content is None or content == "":
        return ()
    if isinstance(content, str):
        return (Text(content),)
    if isinstance(content, list):
        return tuple(part for block in content for part in content_parts(block))
    if isinstance(content, dict):
        return _block_parts(content)
    return (Text(json.dumps(content, ensure_ascii=False)),)


def content_text(content: Any) -> str:
    """Return what people see of a message's content, in any of its forms."""
    return content if isinstance(content, str) else visible_content(content_parts(content))


def call_part(call: Any) -> ToolCall:
    """Return a call of a tool, in OpenAI's form or with name and arguments (args, input) at the top."""
    if not isinstance(call, dict):
        return ToolCall("")
    function = call.get("function")
    inner = function if isinstance(function, dict) else call
    name = function if isinstance(function, str) else _first_text(inner, _CALL_NAMES) or "?"
    arguments = next((inner[key] for key in _ARGUMENTS if inner.get(key) is not None), "")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return ToolCall(name, arguments, _first_text(call, _CALL_IDS))


def result_part(block: Any) -> ToolResult:
    """Return the result of a tool."""
    if not isinstance(block, dict):
        return ToolResult(content_text(block))
    return ToolResult(result_text(block), _first_text(block, _CALL_IDS), _first_text(block, _CALL_NAMES))


def result_text(block: Any) -> str:
    """Return the text of a tool's result."""
    if not isinstance(block, dict):
        return content_text(block)
    for name in _RESULT_TEXTS:
        if (result := block.get(name)) is not None:
            if isinstance(result, dict) and "type" not in result:
                return json.dumps(result, ensure_ascii=False)
            return content_text(result)
    return ""


def attachment_part(item: Any) -> Media:
    """Return a file that comes with a message."""
    if not isinstance(item, dict):
        return Media("file")
    name = next((item[key] for key in _NAMES if isinstance(item.get(key), str) and item[key].strip()), "")
    return Media(_medium(item) or "file", " ".join(clean_text(name).split()))


def thought_text(thought: Any) -> str:
    """Return the text of a model's thoughts; "" where the log hides them."""
    if isinstance(thought, str):
        return thought
    if isinstance(thought, list):
        return "\n".join(filter(None, map(thought_text, thought)))
    if isinstance(thought, dict):
        return next(filter(None, (thought_text(thought.get(key)) for key in _THOUGHT_TEXTS)), "")
    return ""


def thoughts_beside(message: Mapping[str, Any]) -> tuple[Reasoning, ...]:
    """Return the thoughts that stand beside a message's content; those under several keys once."""
    texts: list[str] = []
    for key in THOUGHTS:
        text = thought_text(message[key]) if message.get(key) else ""
        if text.strip() and not any(text in longer for longer in texts):
            texts.append(text)
    return tuple(map(Reasoning, texts))


def thought_keys(message: Mapping[str, Any]) -> set[str]:
    """Return the keys of the thoughts beside a message's content, as far as they hold text."""
    return {key for key in THOUGHTS if message.get(key) and thought_text(message[key]).strip()}


def _block_parts(block: Mapping[str, Any]) -> tuple[Part, ...]:
    kind, key = _kind(block), _untyped_key(block)
    if kind in _THOUGHTS or block.get("thought") is True or key == "reasoningContent":
        return (Reasoning(thought_text(block[key] if key == "reasoningContent" else block)),)
    if kind == "tool-invocation" and isinstance(block.get("toolInvocation"), dict):
        return _call_parts(block["toolInvocation"], "dynamic-tool")
    if is_call(block) or _is_named_call(kind):
        return _call_parts(block if key == "" else block[key], kind)
    if key in _RESULT_KEYS or _is_result(kind):
        return (result_part(block if key == "" else block[key]),)
    if kind in _NO_PARTS:
        return ()
    inner = next(
        (block[name] for name in ("inlineData", "inline_data", "fileData") if isinstance(block.get(name), dict)), None
    )
    if inner is not None or kind in _FILES or kind in _MEDIA or kind in _MEDIA_KINDS:
        return (attachment_part(block if inner is None else inner),)
    return _text_parts(block, kind)


def _call_parts(call: Mapping[str, Any], kind: str) -> tuple[Part, ...]:
    """Return a call, of several those in a JSON text, and its result where it stands beside it (Vercel's AI SDK)."""
    value = call.get("value")
    if isinstance(value, str | list | dict) and not any(name in call for name in (*_CALL_NAMES, "function")):
        decoded, error = parse_json(value) if isinstance(value, str) else (value, None)
        if error is not None or not isinstance(decoded, list | dict):
            return (ToolCall("?", str(value)),)
        return tuple(map(call_part, decoded if isinstance(decoded, list) else [decoded]))
    if _is_named_call(kind):
        call = {"toolName": kind.removeprefix("tool-"), **call}
    part = call_part(call)
    if kind != "dynamic-tool" and not _is_named_call(kind):
        return (part,)
    result = result_text({name: call[name] for name in ("output", "result", "errorText") if name in call})
    return (part, ToolResult(result, part.id, part.name)) if result else (part,)


def _is_named_call(kind: str) -> bool:
    """Return whether a type holds the tool's name, as in Vercel's AI SDK: `tool-getWeather`."""
    return kind.startswith("tool-") and kind not in _CALLS and not _is_result(kind)


def _text_parts(block: Mapping[str, Any], kind: str) -> tuple[Part, ...]:
    if kind in ("json", "error-json"):
        return (Text(json.dumps(block.get("value", block.get("json")), ensure_ascii=False)),)
    for key in _TEXTS:
        text = block.get(key)
        if isinstance(text, dict):
            text = text.get("value")
        if isinstance(text, str):
            return content_parts(text)
    for key in _LISTS:
        if isinstance(block.get(key), list | str):
            return content_parts(block[key])
    if not kind:  # data, as tools give it back
        return (Text(json.dumps(block, ensure_ascii=False)),)
    return (Media(kind),)


def _medium(item: Mapping[str, Any]) -> str:
    """Return the medium of a file; "" where it is none of those that have a word."""
    if (kind := _kind(item)) in _MEDIA_KINDS:
        return _MEDIA_KINDS[kind]
    source = item.get("source")
    places = [item, *([source] if isinstance(source, dict) else [])]
    words = [
        place.get(key)
        for place in places
        for key in ("type", "modality", "mime_type", "mimeType", "media_type", "file_type")
    ]
    return next((word for value in words if isinstance(value, str) for word in _MEDIA if value.startswith(word)), "")


def _untyped_key(block: Mapping[str, Any]) -> str:
    """Return the key that shows the kind of a part without a type, in Gemini's and Bedrock's shape; "" for none."""
    if isinstance(block.get("type"), str):
        return ""
    keys = (*_CALL_KEYS, *_RESULT_KEYS, "reasoningContent")
    return next((key for key in keys if isinstance(block.get(key), dict)), "")


def _kind(block: Mapping[str, Any]) -> str:
    kind = block.get("type")
    return kind if isinstance(kind, str) else ""


def _is_result(kind: str) -> bool:
    return kind in _RESULTS or kind.endswith("_tool_result")


def _first_text(item: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """Return the first text under one of the keys; "" for none."""
    return next((value for key in keys if isinstance(value := item.get(key), str) and value), "")
