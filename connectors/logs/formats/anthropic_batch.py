"""Anthropic's Message Batches: requests, and results that share their `custom_id`."""

from convexplain.connectors.logs.engine.joins import JoinedFormat

ANTHROPIC_BATCH = JoinedFormat(
    "anthropic-batch",
    "Anthropic's Message Batches: requests and results (`custom_id`).",
    '{"custom_id": "x1", "params": {"messages": [{"role": "user", "content": "Hi"}]}}\n'
    '{"custom_id": "x1", "result": {"type": "succeeded", "message": {"role": "assistant", "content": [{"type": "text", '
    '"text": "Hello"}]}}}',
    id="custom_id",
    request="params",
    result="result.message",
    error="result.error",
    keys=("custom_id", "params.messages|result.type"),
    tools="params.tools",
    metadata={"model": "result.message.model"},
).log_format()
