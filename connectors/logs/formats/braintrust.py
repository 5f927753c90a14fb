"""Braintrust's spans, from its API and its exports."""

from convexplain.connectors.logs.engine.described_calls import DescribedCalls

BRAINTRUST = DescribedCalls(
    "braintrust",
    "Braintrust's spans of logs and experiments; a conversation a trace (`root_span_id`), or one a session where the "
    "metadata name one.",
    '{"id": "b1", "span_id": "s1", "root_span_id": "s1", "span_parents": [], "input": [{"role": "user", "content": '
    '"Hi"}], "output": [{"role": "assistant", "content": "Hello"}], "created": "2025-01-01T00:00:00Z"}',
    keys=("span_id", "root_span_id"),
    test=lambda record: not record.keys().isdisjoint(("input", "output", "span_parents", "span_attributes")),
    inputs="input",
    outputs="output",
    id="span_id",
    parent="span_parents[0]",
    trace="root_span_id",
    thread="metadata.session_id|metadata.thread_id|metadata.conversation_id",
    began="metrics.start|created",
    ended="metrics.end",
    model="span_attributes.type=llm",
    auxiliary=("span_attributes.type=tool", "span_attributes.type=score", "span_attributes.type=scorer"),
    tools="metadata.tools",
    error="error",
    metadata=("scores", "tags", "expected"),
    decoded=("input", "output", "metadata", "span_attributes", "span_parents", "metrics"),
).log_format()
