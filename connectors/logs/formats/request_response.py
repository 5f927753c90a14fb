"""Requests to models with their responses, in the shapes of any platform: logs of gateways and of programs."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described_calls import DescribedCalls
from convexplain.connectors.logs.engine.fields import object_at
from convexplain.connectors.logs.engine.paths import has_key

_REQUESTS = ("request", "full_request", "RequestMessages", "input")
_RESPONSES = ("response", "full_response", "ResponseMessages", "output")
_SURE = ("full_request", "RequestMessages")
"""Keys of requests that no other log has: of Vertex AI's logging, and of Azure's gateway."""
_REQUEST_FIELDS = ("messages", "contents", "input", "inputs", "prompt")
_RESPONSE_FIELDS = (
    "choices",
    "candidates",
    "output",
    "content",
    "message",
    "completion",
    "generation",
    "generations",
    "generated_text",
    "results",
    "text",
)
_ANSWERS = ("choices[*].message", "candidates[*].content", "output.message", "message.role", "output_message.role")


def is_pair(record: Mapping[str, Any]) -> bool:
    """Return whether a record holds a request to a model, and a response of it under the key that goes with it."""
    for request_key, response_key in zip(_REQUESTS, _RESPONSES, strict=True):
        if request_key in record and response_key in record:
            request, response = (
                object_at(record, key, "body") or object_at(record, key) for key in (request_key, response_key)
            )
            is_text = isinstance(record[response_key], str | list) and request_key != "input"
            if request_key in _SURE:
                return True
            return any(key in request for key in _REQUEST_FIELDS) and (
                is_text or any(key in response for key in _RESPONSE_FIELDS)
            )
    return False


def is_answered(record: Mapping[str, Any]) -> bool:
    """Return whether a request's own object holds the answer too."""
    return any(has_key(record, path) for path in _ANSWERS)


REQUEST_RESPONSE = DescribedCalls(
    "request-response",
    "Requests to models with their responses (`request`, `response`), in the shapes of any platform.",
    '{"request": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}, "response": {"choices": [{"message": '
    '{"role": "assistant", "content": "Hello"}}]}}',
    keys=("|".join(_REQUESTS), "|".join(_RESPONSES)),
    test=is_pair,
    inputs="request.body|request|full_request|RequestMessages|input",
    outputs="response.body.results[0].generated_text|response.results[0].generated_text|response.body|response|"
    "full_response|ResponseMessages|output",
    id="id|request_id|requestId|CorrelationId|response.id",
    trace="trace_id|traceId",
    thread="session_id|sessionId|thread_id|conversation_id",
    began="timestamp|created_at|logging_time|TimeGenerated|time|ts",
    tools="request.body.tools|request.tools|full_request.tools",
    error="error|response.body.error|response.error",
    metadata=("model", "user", "tags"),
    decoded=(*_REQUESTS, *_RESPONSES),
    precedence=-6,
).log_format()

ANSWERED_REQUEST = DescribedCalls(
    "answered-request",
    "Requests to models whose object holds the answer too: `messages` with `choices`, `candidates`, `message` or "
    "`output.message`.",
    '{"messages": [{"role": "user", "content": "Hi"}], "choices": [{"message": {"role": "assistant", "content": '
    '"Hello"}}]}',
    keys=("messages[*].role",),
    test=is_answered,
    inputs="",
    outputs="output_message|message|",
    id="id|request_id|requestId|conversation_id",
    thread="session_id|sessionId|thread_id|conversation_id",
    began="timestamp|created_at|created|time|ts",
    tools="tools|toolConfig.tools",
    metadata=("model", "modelId", "user", "metadata", "tags"),
    # Over requests of Anthropic's shape, which Bedrock's are too, and below the formats of traces.
    precedence=-2,
).log_format()
