"""Opik's traces and spans (Comet), from its API, its client and its interface."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described_calls import DescribedCalls

_TRACE_KEYS = frozenset(
    (
        "thread_id",
        "project_name",
        "project_id",
        "feedback_scores",
        "total_estimated_cost",
        "trace_id",
        "last_updated_at",
    )
)

_FOREIGN_KEYS = ("traceId", "run_type")
_KINDS = (None, "general", "llm", "tool", "guardrail")


def is_call(record: Mapping[str, Any]) -> bool:
    """Return whether a record with inputs and outputs is one of Opik; Langfuse writes types in capitals."""
    return (
        not _TRACE_KEYS.isdisjoint(record) and record.get("type") in _KINDS and record.keys().isdisjoint(_FOREIGN_KEYS)
    )


OPIK = DescribedCalls(
    "opik",
    "Opik's traces and spans (Comet); a conversation a thread, else one a trace.",
    '{"id": "o1", "name": "chat", "start_time": "2025-01-01T00:00:00Z", "input": {"messages": [{"role": "user", '
    '"content": "Hi"}]}, "output": {"output": "Hello"}, "thread_id": "t1", "project_name": "p"}',
    keys=("id", "start_time", "input", "output"),
    test=is_call,
    inputs="input",
    outputs="output",
    parent="parent_span_id|trace_id",
    trace="trace_id",
    thread="thread_id|metadata.thread_id",
    began="start_time",
    ended="end_time",
    model="type=llm",
    auxiliary=("type=tool", "type=guardrail"),
    tools="input.tools",
    error="error_info",
    metadata=("name", "tags", "project_name", "metadata"),
    decoded=("input", "output", "metadata"),
    precedence=0,
).log_format()
