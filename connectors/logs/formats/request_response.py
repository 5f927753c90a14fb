"""Requests to models with their responses, in the shapes of any platform: logs of gateways and of programs."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described_calls import DescribedCalls
from convexplain.connectors.logs.engine.fields import object_at

_ASKED = ("messages", "contents", "input", "prompt")
_ANSWERED = ("choices", "candidates", "output", "content", "message", "completion", "generations", "text")


def is_call(record: Mapping[str, Any]) -> bool:
    """Return whether a record holds a request to a model and a response of it."""
    request, response = (object_at(record, name, "body") or object_at(record, name) for name in ("request", "response"))
    is_answer = isinstance(record["response"], str | list) or any(key in response for key in _ANSWERED)
    return is_answer and any(key in request for key in _ASKED)


REQUEST_RESPONSE = DescribedCalls(
    "request-response",
    "Requests to models with their responses (`request`, `response`), in the shapes of any platform.",
    '{"request": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}, "response": {"choices": [{"message": '
    '{"role": "assistant", "content": "Hello"}}]}}',
    keys=("request", "response"),
    test=is_call,
    inputs="request.body|request",
    outputs="response.body|response",
    id="id|request_id|requestId|response.id",
    trace="trace_id|traceId",
    thread="session_id|sessionId|thread_id|conversation_id",
    began="timestamp|created_at|time|ts",
    tools="request.body.tools|request.tools",
    error="error|response.body.error|response.error",
    metadata=("model", "user", "tags"),
    precedence=-6,
).log_format()
