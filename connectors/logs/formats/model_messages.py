"""Requests and answers of models' interfaces: items of OpenAI's Responses API, and Anthropic's messages."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.blocks import is_tool_block, said_by
from convexplain.connectors.logs.engine.chat import is_item, is_message, said
from convexplain.connectors.logs.engine.drafts import Draft, Said, UnreadableError
from convexplain.connectors.logs.engine.roles import role_of
from convexplain.connectors.logs.engine.values import extras

_ANSWERS = ("response", "output", "result", "completion")


def is_responses(value: Any) -> bool:
    """Whether a JSON value is a list of items, a response of the Responses API, or a request with items."""
    if isinstance(value, list):
        return any(map(is_item, value))
    if not isinstance(value, dict):
        return False
    response = value.get("response")
    return _is_response(value) or (isinstance(response, dict) and _is_response(response))


def responses_drafts(record: Mapping[str, Any] | list[Any]) -> list[Draft]:
    """The conversation in items.

    Raises:
        UnreadableError: a response without items.
    """
    found = Draft([])
    if isinstance(record, list):
        found.said = said(record, found.remarks)
        return [found]
    inner = record["response"] if isinstance(record.get("response"), dict) else {}
    request = record["request"] if isinstance(record.get("request"), dict) else {}
    places = [request, record, inner]
    found.metadata = extras({**inner, **record}, {"input", "output", "instructions", "object", "response", "request"})
    items: list[Any] = []
    for key in ("instructions", "input", "output"):
        value = next((place[key] for place in places if place.get(key)), None)
        if isinstance(value, str):
            speaker = {"instructions": "system", "input": "user", "output": "assistant"}[key]
            items.append({"role": speaker, "content": value})
        elif isinstance(value, list):
            items += value
    if not items:
        raise UnreadableError("a response without items")
    found.said = said(items, found.remarks)
    return [found]


def is_anthropic(value: Any) -> bool:
    """Whether a JSON value holds messages in Anthropic's form: with parts that only it has, or a system text in parts,
    or an answer of the interface.
    """
    if isinstance(value, list):
        return any(map(_has_blocks, value))
    if not isinstance(value, dict):
        return False
    if _answer(value) is not None:
        return True
    messages = value.get("messages")
    if not isinstance(messages, list):
        return False
    return any(map(_has_blocks, messages)) or (isinstance(value.get("system"), list) and any(map(is_message, messages)))


def anthropic_drafts(record: Mapping[str, Any] | list[Any]) -> list[Draft]:
    """The conversation in messages, or in a request with its answer.

    Raises:
        UnreadableError: there is no message.
    """
    found = Draft([])
    if isinstance(record, list):
        found.said = said(record, found.remarks)
        return [found]
    request = record["request"] if isinstance(record.get("request"), dict) else record
    answer = _answer(record)
    listed = request.get("messages")
    messages = [*(listed if isinstance(listed, list) else []), *([answer] if answer is not None else [])]
    found.metadata = extras(record, {"messages", "system", "content", "role", "type", "request", *_ANSWERS})
    found.said = said(messages, found.remarks)
    system = request.get("system")
    blocks = system if isinstance(system, list) else [system] if system else []
    text = "\n".join(filter(None, (said_by(block, "system")[1] for block in blocks)))
    if text.strip() and not (found.said and role_of(found.said[0].speaker) == "system"):
        found.said.insert(0, Said("system", text))
    if not found.said:
        raise UnreadableError("there is no message in it")
    return [found]


def _is_response(value: Mapping[str, Any]) -> bool:
    if value.get("object") == "response":
        return True
    lists = [value[key] for key in ("input", "output") if isinstance(value.get(key), list)]
    if any(any(map(is_item, items)) for items in lists):
        return True
    asked = isinstance(value.get("input"), str) or any(any(map(is_message, items)) for items in lists)
    return asked and "model" in value and isinstance(value.get("instructions"), str) and "output" not in value


def _has_blocks(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("role"), str):
        return False
    content = value.get("content")
    return isinstance(content, list) and any(is_tool_block(part) or _is_source(part) for part in content)


def _is_source(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in ("image", "document") and isinstance(part.get("source"), dict)


def _answer(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The answer of Anthropic's interface in a record: the record itself, or next to its request."""
    for place in (value, *(value.get(key) for key in _ANSWERS)):
        inner = place.get("message") if isinstance(place, dict) and place.get("type") == "succeeded" else place
        if (
            isinstance(inner, dict)
            and inner.get("type") == "message"
            and inner.get("role") == "assistant"
            and isinstance(inner.get("content"), list)
            and "stop_reason" in inner
        ):
            return inner
    return None
