"""Gemini's contents: requests, and Vertex AI's data for tuning."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.call_payloads import parse_payload
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation
from convexplain.connectors.logs.engine.paths import has_key

_USED = ("contents", "systemInstruction", "system_instruction", "candidates", "response")


def is_contents(value: Any) -> bool:
    """Return whether a JSON value is a request to Gemini, with or without its response."""
    return isinstance(value, dict) and isinstance(value.get("contents"), list) and has_key(value, "contents[*].parts")


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation in a request, with its response where that is there."""
    conversation = ParsedConversation([], extra_metadata(record, _USED))
    request = {key: value for key, value in record.items() if key not in ("candidates", "response")}
    conversation.turns = parse_payload(request, "user", conversation.remarks)
    response = record.get("response") or {"candidates": record.get("candidates")}
    conversation.turns += parse_payload(response, "assistant", conversation.remarks)
    return [conversation]


GEMINI_CONTENTS = LogFormat(
    "gemini-contents",
    "Gemini's `contents` (roles user and model, `parts`), of requests and of Vertex AI's tuning data.",
    '{"contents": [{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": [{"text": "Hello"}]}]}',
    is_contents,
    read_record,
)
