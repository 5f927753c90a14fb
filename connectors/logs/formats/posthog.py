"""PostHog's events of language models."""

from typing import Any

from convexplain.connectors.logs.engine.described_calls import DescribedCalls
from convexplain.connectors.logs.engine.log_format import LogFormat

_EVENTS = ("$ai_generation", "$ai_trace", "$ai_span", "$ai_embedding")


def is_event(record: Any) -> bool:
    """Return whether a record is an event of a language model."""
    return record.get("event") in _EVENTS


POSTHOG: LogFormat = DescribedCalls(
    "posthog",
    "PostHog's events of language models (`$ai_generation`); a conversation a session, else one a trace.",
    '{"event": "$ai_generation", "properties": {"$ai_trace_id": "t1", "$ai_input": [{"role": "user", "content": '
    '"Hi"}], "$ai_output_choices": [{"role": "assistant", "content": "Hello"}]}}',
    keys=("event", "properties"),
    test=is_event,
    inputs="properties.$ai_input|properties.$ai_input_state",
    outputs="properties.$ai_output_choices|properties.$ai_output|properties.$ai_output_state",
    id="properties.$ai_span_id|properties.$ai_generation_id|uuid",
    parent="properties.$ai_parent_id",
    trace="properties.$ai_trace_id",
    thread="properties.$ai_session_id",
    began="timestamp",
    model="event=$ai_generation",
    auxiliary=("event=$ai_embedding",),
    tools="properties.$ai_tools",
    error="properties.$ai_error",
    metadata=("distinct_id",),
    decoded=("properties",),
).log_format()
