"""Langfuse's traces, sessions and observations, from its interface, its API and its storage exports."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine import trace_calls
from convexplain.connectors.logs.engine.call_payloads import decoded, parse_payload
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ProblemReporter
from convexplain.connectors.logs.engine.trace_calls import Call, first_id, parse_time

_MODELS = ("GENERATION",)
_SIDE = ("TOOL", "RETRIEVER", "EMBEDDING", "EVALUATOR", "GUARDRAIL", "EVENT")
_KINDS = ("SPAN", "AGENT", "CHAIN", *_MODELS, *_SIDE)
_SESSIONS = ("sessionId", "session_id")
_TRACES = ("traceId", "trace_id")
_KEPT = ("name", "userId", "user_id", "tags", "release", "environment", "level", "statusMessage")


def is_langfuse(value: Any) -> bool:
    """Whether a JSON value is a trace, a session with its traces, or an observation."""
    if not isinstance(value, dict):
        return False
    traces = value.get("traces")
    return (
        _is_trace(value)
        or _is_observation(value)
        or (isinstance(value.get("trace"), dict) and isinstance(value.get("observations"), list))
        or (isinstance(traces, list) and any(isinstance(item, dict) and _is_trace(item) for item in traces))
    )


def joined(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """The conversations: one a session, else one a trace."""
    found: list[Call] = []
    for position, value in records:
        try:
            found += _of(position, value)
        except RecursionError:
            report(position, "JSON nested too deeply")
    traces = {call.own for call in found if not call.parent}
    for call in found:
        if not call.parent and call.trace in traces and call.own != call.trace:
            call.parent = call.trace  # an observation of its own, in a trace that is there as well
    yield from trace_calls.read_calls(found, report)


def _of(position: int, value: Mapping[str, Any]) -> Iterator[Call]:
    if isinstance(traces := value.get("traces"), list):
        for trace in traces:
            if isinstance(trace, dict):
                yield from _of(position, {**trace, "sessionId": first_id(trace, *_SESSIONS) or first_id(value, "id")})
        return
    inner = value.get("trace")
    if isinstance(inner, dict):
        yield from _of(position, {**inner, "observations": value.get("observations")})
        return
    if _is_observation(value):
        yield _call(position, value, first_id(value, *_TRACES), first_id(value, "id"))
        return
    own = first_id(value, "id")
    whole = _call(position, value, own, own)
    yield whole
    observations = value.get("observations")
    for item in observations if isinstance(observations, list) else ():
        if isinstance(item, dict):
            call = _call(position, item, own, first_id(item, "id"))
            call.parent = call.parent or own
            yield call


def _call(position: int, value: Mapping[str, Any], trace: str, own: str) -> Call:
    kind = str(value.get("type")).upper()
    metadata = decoded(value.get("metadata"))
    inside = metadata if isinstance(metadata, dict) else {}
    made = Call(
        position,
        trace,
        own,
        first_id(value, "parentObservationId", "parent_observation_id"),
        thread=first_id(value, *_SESSIONS) or first_id(inside, "langfuse_session_id"),
        began=parse_time(value.get("startTime") or value.get("start_time") or value.get("timestamp")),
        ended=parse_time(value.get("endTime") or value.get("end_time")),
        is_model=kind in _MODELS,
        is_side=kind in _SIDE,
        metadata=extra_metadata({key: value[key] for key in _KEPT if value.get(key) not in (None, "", [])}, ()),
    )
    made.given = parse_payload(value.get("input"), "user", made.remarks)
    made.answered = parse_payload(value.get("output"), "assistant", made.remarks)
    return made


def _is_observation(value: Mapping[str, Any]) -> bool:
    return (
        not value.keys().isdisjoint(_TRACES)
        and str(value.get("type")).upper() in _KINDS
        and not value.keys().isdisjoint(("input", "output", "parentObservationId", "parent_observation_id"))
    )


def _is_trace(value: Mapping[str, Any]) -> bool:
    if "id" not in value or value.keys().isdisjoint(("input", "output")):
        return False
    return isinstance(value.get("observations"), list) or (
        not value.keys().isdisjoint(_SESSIONS)
        and not value.keys().isdisjoint(("timestamp", "userId", "user_id", "htmlPath"))
    )


LANGFUSE = LogFormat(
    "langfuse",
    "Langfuse's traces, sessions and observations; a conversation a session, else one a trace.",
    '{"id": "o1", "traceId": "t1", "type": "GENERATION", "input": "[{\\"role\\": \\"user\\", '
    '\\"content\\": \\"Hi\\"}]", "output": "Hello"}',
    is_langfuse,
    read_records=joined,
    # Over the messages in an observation; but spans and test cases have an `input` and an id too.
    precedence=-1,
)
