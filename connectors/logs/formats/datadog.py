"""Datadog's spans of language models (LLM Observability)."""

from convexplain.connectors.logs.engine.described_calls import DescribedCalls

DATADOG = DescribedCalls(
    "datadog",
    "Datadog's spans of language models (LLM Observability); a conversation a session, else one a trace.",
    '{"span_id": "1", "trace_id": "t", "meta": {"kind": "llm", "input": {"messages": [{"role": "user", "content": '
    '"Hi"}]}, "output": {"messages": [{"role": "assistant", "content": "Hello"}]}}}',
    keys=("span_id", "meta.kind|meta.span.kind", "meta.input|meta.output"),
    inputs="meta.input.messages|meta.input.value",
    outputs="meta.output.messages|meta.output.value",
    id="span_id",
    parent="parent_id",
    trace="trace_id",
    thread="session_id",
    began="start_ns|start",
    model="meta.kind=llm",
    auxiliary=("meta.kind=tool", "meta.kind=retrieval", "meta.kind=embedding", "meta.kind=task"),
    error="meta.error.message",
    metadata=("name", "ml_app", "tags"),
    decoded=("meta",),
).log_format()
