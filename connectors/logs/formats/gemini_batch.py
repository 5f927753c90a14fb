"""Batches of Gemini: Vertex AI's results hold their requests, the Gemini API's share a `key` with them."""

from convexplain.connectors.logs.engine.joins import JoinedFormat

GEMINI_BATCH = JoinedFormat(
    "gemini-batch",
    "Gemini's batches: Vertex AI's (`request` and `response` in a line), and the Gemini API's (joined by `key`).",
    '{"request": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}, "response": {"candidates": [{"content": '
    '{"role": "model", "parts": [{"text": "Hello"}]}}]}}',
    id="key|custom_id|id",
    request="request",
    result="response",
    error="error|status|response.promptFeedback.blockReason",
    keys=("request.contents|response.candidates|response.promptFeedback",),
    tools="request.tools",
    metadata={"model": "response.modelVersion"},
).log_format()
