"""Helicone's requests, from its API and its exports."""

from convexplain.connectors.logs.engine.described_calls import DescribedCalls

HELICONE = DescribedCalls(
    "helicone",
    "Helicone's requests with their answers; a conversation a session, else one a request.",
    '{"request_id": "h1", "request_created_at": "2025-01-01T00:00:00Z", "request_body": {"messages": [{"role": "user", '
    '"content": "Hi"}]}, "response_body": {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}}',
    keys=("request_body|body.request", "response_body|body.response|response_id"),
    test=lambda record: not record.keys().isdisjoint(("request_id", "request_created_at", "request_properties")),
    inputs="request_body|body.request",
    outputs="response_body|body.response",
    id="request_id",
    thread="request_properties.Helicone-Session-Id|properties.Helicone-Session-Id|session_id",
    began="request_created_at",
    ended="response_created_at",
    tools="request_body.tools|body.request.tools",
    error="response_body.error|body.response.error",
    metadata=("request_properties", "properties", "request_model", "model", "request_user_id", "feedback_rating"),
    decoded=("request_body", "response_body", "request_properties", "properties"),
).log_format()
