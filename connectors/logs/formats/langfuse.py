"""Langfuse's traces, sessions and observations, from its interface, its API and its storage exports."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine import trace_calls
from convexplain.connectors.logs.engine.call_payloads import decoded_value, parse_payload
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ProblemReporter
from convexplain.connectors.logs.engine.trace_calls import Call, first_id, parse_time

_MODEL_KINDS = ("GENERATION",)
_AUXILIARY_KINDS = ("TOOL", "RETRIEVER", "EMBEDDING", "EVALUATOR", "GUARDRAIL", "EVENT")
_KINDS = ("SPAN", "AGENT", "CHAIN", *_MODEL_KINDS, *_AUXILIARY_KINDS)
_SESSION_KEYS = ("sessionId", "session_id")
_TRACE_KEYS = ("traceId", "trace_id")
_METADATA_KEYS = ("name", "userId", "user_id", "tags", "release", "environment", "level", "statusMessage")


def is_langfuse(value: Any) -> bool:
    """Return whether a JSON value is a trace, a session with its traces, or an observation."""
    if not isinstance(value, dict):
        return False
    traces = value.get("traces")
    return (
        _is_trace(value)
        or _is_observation(value)
        or (isinstance(value.get("trace"), dict) and isinstance(value.get("observations"), list))
        or (isinstance(traces, list) and any(isinstance(item, dict) and _is_trace(item) for item in traces))
    )


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations: one a session, else one a trace."""
    parsed_calls: list[Call] = []
    for position, value in records:
        try:
            parsed_calls += _record_calls(position, value)
        except RecursionError:
            report(position, "JSON nested too deeply")
    traces = {call.id for call in parsed_calls if not call.parent}
    for call in parsed_calls:
        if not call.parent and call.trace in traces and call.id != call.trace:
            call.parent = call.trace  # an observation of its own, in a trace that is there as well
    yield from trace_calls.read_calls(parsed_calls, report)


def _record_calls(position: int, value: Mapping[str, Any]) -> Iterator[Call]:
    if isinstance(traces := value.get("traces"), list):
        for trace in traces:
            if isinstance(trace, dict):
                yield from _record_calls(
                    position, {**trace, "sessionId": first_id(trace, *_SESSION_KEYS) or first_id(value, "id")}
                )
        return
    inner = value.get("trace")
    if isinstance(inner, dict):
        yield from _record_calls(position, {**inner, "observations": value.get("observations")})
        return
    if _is_observation(value):
        yield _call(position, value, first_id(value, *_TRACE_KEYS), first_id(value, "id"))
        return
    trace_id = first_id(value, "id")
    trace_call = _call(position, value, trace_id, trace_id)
    yield trace_call
    observations = value.get("observations")
    for item in observations if isinstance(observations, list) else ():
        if isinstance(item, dict):
            call = _call(position, item, trace_id, first_id(item, "id"))
            call.parent = call.parent or trace_id
            yield call


def _call(position: int, value: Mapping[str, Any], trace: str, call_id: str) -> Call:
    kind = str(value.get("type")).upper()
    metadata = decoded_value(value.get("metadata"))
    inside = metadata if isinstance(metadata, dict) else {}
    call = Call(
        position,
        trace,
        call_id,
        first_id(value, "parentObservationId", "parent_observation_id"),
        thread=first_id(value, *_SESSION_KEYS) or first_id(inside, "langfuse_session_id"),
        began=parse_time(value.get("startTime") or value.get("start_time") or value.get("timestamp")),
        ended=parse_time(value.get("endTime") or value.get("end_time")),
        is_model=kind in _MODEL_KINDS,
        is_auxiliary=kind in _AUXILIARY_KINDS,
        metadata=extra_metadata(
            {key: value[key] for key in _METADATA_KEYS if value.get(key) not in (None, "", [])}, ()
        ),
    )
    call.inputs = parse_payload(value.get("input"), "user", call.remarks)
    call.outputs = parse_payload(value.get("output"), "assistant", call.remarks)
    call.payload = (decoded_value(value.get("input")), decoded_value(value.get("output")))
    return call


def _is_observation(value: Mapping[str, Any]) -> bool:
    return (
        not value.keys().isdisjoint(_TRACE_KEYS)
        and str(value.get("type")).upper() in _KINDS
        and not value.keys().isdisjoint(("input", "output", "parentObservationId", "parent_observation_id"))
    )


def _is_trace(value: Mapping[str, Any]) -> bool:
    if "id" not in value or value.keys().isdisjoint(("input", "output")):
        return False
    return isinstance(value.get("observations"), list) or (
        not value.keys().isdisjoint(_SESSION_KEYS)
        and not value.keys().isdisjoint(("timestamp", "userId", "user_id", "htmlPath"))
    )


LANGFUSE = LogFormat(
    "langfuse",
    "Langfuse's traces, sessions and observations; a conversation a session, else one a trace.",
    '{"id": "o1", "traceId": "t1", "type": "GENERATION", "input": "[{\\"role\\": \\"user\\", '
    '\\"content\\": \\"Hi\\"}]", "output": "Hello"}',
    is_langfuse,
    read_records=read_records,
    # Over the messages in an observation; but spans and test cases have an `input` and an id too.
    precedence=-1,
)
