"""Items of OpenAI's Responses API: requests and responses."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.api_messages import is_item, is_message, parse_messages
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, UnreadableError


def is_responses(value: Any) -> bool:
    """Return whether a JSON value is a list of items, a response of the Responses API, or a request with items."""
    if isinstance(value, list):
        return any(map(is_item, value))
    if not isinstance(value, dict):
        return False
    response = value.get("response")
    return _is_response(value) or (isinstance(response, dict) and _is_response(response))


def read_record(record: Mapping[str, Any] | list[Any]) -> list[ParsedConversation]:
    """Return the conversation in items.

    Raises:
        UnreadableError: a response without items.
    """
    conversation = ParsedConversation([])
    if isinstance(record, list):
        conversation.turns = parse_messages(record, conversation.remarks)
        return [conversation]
    inner = record["response"] if isinstance(record.get("response"), dict) else {}
    request = record["request"] if isinstance(record.get("request"), dict) else {}
    places = [request, record, inner]
    conversation.metadata = extra_metadata(
        {**inner, **record}, {"input", "output", "instructions", "object", "response", "request"}
    )
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
    conversation.turns = parse_messages(items, conversation.remarks)
    return [conversation]


def _is_response(value: Mapping[str, Any]) -> bool:
    if value.get("object") == "response":
        return True
    lists = [value[key] for key in ("input", "output") if isinstance(value.get(key), list)]
    if any(any(map(is_item, items)) for items in lists):
        return True
    has_input = isinstance(value.get("input"), str) or any(any(map(is_message, items)) for items in lists)
    return has_input and "model" in value and isinstance(value.get("instructions"), str) and "output" not in value


OPENAI_RESPONSES = LogFormat(
    "openai-responses",
    "Items of OpenAI's Responses API: lists of them, requests with `input` and `instructions`, whole responses.",
    '{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}], '
    '"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}]}',
    is_responses,
    read_record,
    is_message=is_item,
    # Over `messages`; but traces hold requests and responses of the API.
    precedence=-3,
)
