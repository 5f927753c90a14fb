"""Calls of tools and their results that stand as JSON in a text, between marks: `<tool_call>…</tool_call>` (Hermes)."""

import ast
import json
from collections.abc import Iterator
from typing import Any

from convexplain.parts import Text, ToolCall, ToolResult

from .json_values import parse_json

_CALL_MARK, _CALL_END = "<tool_call>", "</tool_call>"
_RESULT_MARK, _RESULT_END = "<tool_response>", "</tool_response>"
_TOOLS_MARK, _TOOLS_END = "<tools>", "</tools>"
_ARGUMENTS = ("arguments", "parameters")
_MAX_PYTHON = 20_000
"""Characters of a call as Python writes it."""


def has_calls(text: str) -> bool:
    """Return whether a text may hold marked calls; where it is false, it holds none."""
    return _CALL_MARK in text


def call_pieces(text: str) -> Iterator[Text | ToolCall]:
    """Yield the marked calls in a text, and the words between them; what is marked and is no call stays text."""
    place = 0
    for start, end, inner in _marked(text, _CALL_MARK, _CALL_END):
        call = _call(inner.strip())
        if call is None:
            continue
        if words := text[place:start].strip():
            yield Text(words)
        yield call
        place = end
    remaining = text[place:].strip() if place else text
    if remaining:
        yield Text(remaining)


def marked_tools(text: str) -> list[Any]:
    """Return the tools that a system text offers as JSON between marks, in a list or one a line; none where there are
    none.
    """
    for _, _, inner in _marked(text, _TOOLS_MARK, _TOOLS_END):
        listed = _decoded(inner.strip())
        tools = listed if isinstance(listed, list) else [_decoded(line.strip()) for line in inner.strip().split("\n")]
        tools = [listed] if isinstance(listed, dict) else tools
        if tools and all(isinstance(tool, dict) for tool in tools):
            return tools
    return []


def marked_results(text: str) -> tuple[ToolResult, ...]:
    """Return the results of tools of which a text consists; none where it holds anything else."""
    if not text.lstrip().startswith(_RESULT_MARK):
        return ()
    results, place = [], 0
    for start, end, inner in _marked(text, _RESULT_MARK, _RESULT_END):
        if text[place:start].strip():
            return ()
        result = inner.removeprefix("\n").removesuffix("\n")
        results.append(ToolResult(result, name=_name(_decoded(result))))
        place = end
    return () if text[place:].strip() else tuple(results)


def _marked(text: str, mark: str, closing: str) -> Iterator[tuple[int, int, str]]:
    """Yield what stands between marks: where it begins and ends with them, and the text between the innermost two."""
    place = 0
    while (end := text.find(closing, place)) >= 0:
        start = text.rfind(mark, place, end)
        if start >= 0:
            yield start, end + len(closing), text[start + len(mark) : end]
        place = end + len(closing)


def _call(text: str) -> ToolCall | None:
    call = _decoded(text)
    arguments = next((call[key] for key in _ARGUMENTS if key in call), None) if isinstance(call, dict) else None
    if not (name := _name(call)) or not isinstance(arguments, dict | list | str):
        return None
    return ToolCall(name, arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False))


def _name(value: Any) -> str:
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) else ""


def _decoded(text: str) -> Any:
    """Return the object in a text of JSON, or as Python writes it; None for any other text."""
    value, error = parse_json(text)
    if error is None:
        return value
    try:
        return ast.literal_eval(text) if len(text) <= _MAX_PYTHON and text.startswith(("{", "[")) else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
