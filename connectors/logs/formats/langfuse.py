"""Langfuse's traces, sessions and observations, from its interface, its API and its storage exports."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine import calls
from convexplain.connectors.logs.engine.calls import Call, first_of, time_of
from convexplain.connectors.logs.engine.drafts import Entry, Report
from convexplain.connectors.logs.engine.payloads import as_json, said_in
from convexplain.connectors.logs.engine.values import extras

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


def joined(records: Sequence[tuple[int, Any]], report: Report) -> Iterator[Entry]:
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
    yield from calls.entries(found, report)


def _of(position: int, value: Mapping[str, Any]) -> Iterator[Call]:
    if isinstance(traces := value.get("traces"), list):
        for trace in traces:
            if isinstance(trace, dict):
                yield from _of(position, {**trace, "sessionId": first_of(trace, *_SESSIONS) or first_of(value, "id")})
        return
    inner = value.get("trace")
    if isinstance(inner, dict):
        yield from _of(position, {**inner, "observations": value.get("observations")})
        return
    if _is_observation(value):
        yield _call(position, value, first_of(value, *_TRACES), first_of(value, "id"))
        return
    own = first_of(value, "id")
    whole = _call(position, value, own, own)
    yield whole
    observations = value.get("observations")
    for item in observations if isinstance(observations, list) else ():
        if isinstance(item, dict):
            call = _call(position, item, own, first_of(item, "id"))
            call.parent = call.parent or own
            yield call


def _call(position: int, value: Mapping[str, Any], trace: str, own: str) -> Call:
    kind = str(value.get("type")).upper()
    metadata = as_json(value.get("metadata"))
    inside = metadata if isinstance(metadata, dict) else {}
    made = Call(
        position,
        trace,
        own,
        first_of(value, "parentObservationId", "parent_observation_id"),
        thread=first_of(value, *_SESSIONS) or first_of(inside, "langfuse_session_id"),
        began=time_of(value.get("startTime") or value.get("start_time") or value.get("timestamp")),
        ended=time_of(value.get("endTime") or value.get("end_time")),
        is_model=kind in _MODELS,
        is_side=kind in _SIDE,
        metadata=extras({key: value[key] for key in _KEPT if value.get(key) not in (None, "", [])}, ()),
    )
    made.given = said_in(value.get("input"), "user", made.remarks)
    made.answered = said_in(value.get("output"), "assistant", made.remarks)
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
