"""OpenAI's Batch API, also as others offer it: requests, and results that share their `custom_id`."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.joins import JoinedFormat


def is_half(record: Mapping[str, Any]) -> bool:
    """Return whether a record with a `custom_id` is a request, or a result."""
    return ("body" in record and "url" in record) or ("response" in record and "error" in record)


OPENAI_BATCH = JoinedFormat(
    "openai-batch",
    "OpenAI's Batch API: requests and results (`custom_id`).",
    '{"custom_id": "r1", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": [{"role": "user", '
    '"content": "Hi"}]}}\n{"custom_id": "r1", "response": {"status_code": 200, "body": {"choices": [{"message": '
    '{"role": "assistant", "content": "Hello"}}]}}, "error": null}',
    id="custom_id",
    request="body",
    result="response.body",
    error="error|response.body.error",
    keys=("custom_id",),
    test=is_half,
    tools="body.tools",
    metadata={"model": "response.body.model"},
).log_format()
