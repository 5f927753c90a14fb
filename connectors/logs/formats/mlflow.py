"""MLflow's traces (objects with their spans, rows of a search) and cases of its evaluation data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine import trace_calls
from convexplain.connectors.logs.engine.call_payloads import decoded_value, parse_payload
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ProblemReporter
from convexplain.connectors.logs.engine.trace_calls import Call, first_id, parse_time

_AUXILIARY_KINDS = ("TOOL", "RETRIEVER", "EMBEDDING", "RERANKER", "PARSER", "EVALUATOR", "GUARDRAIL", "MEMORY")
_MODEL_KINDS = ("LLM", "CHAT_MODEL")
_SESSION_KEY = "mlflow.trace.session"
_SESSION_PLACES = ("trace_metadata", "request_metadata", "tags")


def is_mlflow(value: Any) -> bool:
    """Return whether a JSON value is a trace, a row of traces, or a case with inputs and expectations."""
    if not isinstance(value, dict):
        return False
    info, data = value.get("info"), value.get("data")
    if isinstance(info, dict) and isinstance(data, dict):
        return "spans" in data and not info.keys().isdisjoint(("trace_id", "request_id"))
    row = not value.keys().isdisjoint(("trace_id", "request_id")) and {"request", "response"} <= value.keys()
    has_trace_key = not value.keys().isdisjoint(
        (*_SESSION_PLACES, "spans", "execution_duration", "request_time", "timestamp_ms")
    )
    return (row and has_trace_key) or ("inputs" in value and "expectations" in value)


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations: one a session (`mlflow.trace.session`), else one a trace."""
    parsed_calls: list[Call] = []
    for position, value in records:
        try:
            parsed_calls += _record_calls(position, value)
        except RecursionError:
            report(position, "JSON nested too deeply")
    yield from trace_calls.read_calls(parsed_calls, report)


def _record_calls(position: int, value: Mapping[str, Any]) -> Iterator[Call]:
    if "expectations" in value:
        call = Call(position, first_id(value, "dataset_record_id", "id"), is_model=True)
        call.inputs = parse_payload(value.get("inputs"), "user", call.remarks)
        call.outputs = parse_payload(value.get("outputs"), "assistant", call.remarks)
        call.metadata = extra_metadata(value, {"inputs", "outputs", "dataset_record_id", "id"})
        yield call
        return
    info = value["info"] if isinstance(value.get("info"), dict) else value
    data = value["data"] if isinstance(value.get("data"), dict) else value
    trace = first_id(info, "trace_id", "request_id")
    trace_call = Call(
        position,
        trace,
        "trace",
        thread=_session_id(info),
        began=parse_time(info.get("request_time") or info.get("timestamp_ms")),
        metadata=extra_metadata({key: info[key] for key in ("state", "status", "tags") if key in info}, ()),
    )
    trace_call.inputs = parse_payload(data.get("request"), "user", trace_call.remarks)
    trace_call.outputs = parse_payload(data.get("response"), "assistant", trace_call.remarks)
    trace_call.payload = (decoded_value(data.get("request")), decoded_value(data.get("response")))
    spans = decoded_value(data.get("spans"))
    listed = spans if isinstance(spans, list) else []
    inside = [_span_call(position, trace, span) for span in listed if isinstance(span, dict)]
    if not (
        trace_call.inputs or trace_call.outputs or any(inner_call.inputs or inner_call.outputs for inner_call in inside)
    ):
        trace_call.inputs = parse_payload(info.get("request_preview"), "user", trace_call.remarks)
        trace_call.outputs = parse_payload(info.get("response_preview"), "assistant", trace_call.remarks)
        trace_call.remarks.append("only the trace's previews are there, which may be cut")
    yield trace_call
    yield from inside


def _span_call(position: int, trace: str, span: Mapping[str, Any]) -> Call:
    attributes = span.get("attributes")
    attribute_values = (
        {key: decoded_value(value) for key, value in attributes.items()} if isinstance(attributes, dict) else {}
    )
    context = span["context"] if isinstance(span.get("context"), dict) else span
    kind = str(attribute_values.get("mlflow.spanType") or span.get("span_type")).strip('"')
    call = Call(
        position,
        trace,
        first_id(context, "span_id"),
        first_id(span, "parent_id", "parent_span_id") or "trace",
        began=parse_time(span.get("start_time_unix_nano") or span.get("start_time") or span.get("start_time_ns")),
        ended=parse_time(span.get("end_time_unix_nano") or span.get("end_time") or span.get("end_time_ns")),
        is_model=kind in _MODEL_KINDS,
        is_auxiliary=kind in _AUXILIARY_KINDS,
    )
    call.payload = (
        span.get("inputs", attribute_values.get("mlflow.spanInputs")),
        span.get("outputs", attribute_values.get("mlflow.spanOutputs")),
    )
    call.inputs = parse_payload(call.payload[0], "user", call.remarks)
    call.outputs = parse_payload(call.payload[1], "assistant", call.remarks)
    return call


def _session_id(info: Mapping[str, Any]) -> str:
    for place in map(info.get, _SESSION_PLACES):
        inner = decoded_value(place)
        if isinstance(inner, dict) and (session_id := first_id(inner, _SESSION_KEY)):
            return session_id
    return ""


MLFLOW = LogFormat(
    "mlflow",
    "MLflow's traces (objects, or rows of a search) and cases of its evaluation data; a conversation a session, "
    "else one a trace.",
    '{"info": {"trace_id": "t1", "trace_metadata": {"mlflow.trace.session": "s1"}}, "data": {"spans": [{"span_id": '
    '"b1", "attributes": {"mlflow.spanInputs": "{\\"question\\": \\"Hi\\"}", '
    '"mlflow.spanOutputs": "\\"Hello\\""}}]}}',
    is_mlflow,
    read_records=read_records,
)
