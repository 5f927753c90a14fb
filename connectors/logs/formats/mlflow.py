"""MLflow's traces (objects with their spans, rows of a search) and cases of its evaluation data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine import trace_calls
from convexplain.connectors.logs.engine.call_payloads import decoded, parse_payload
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ProblemReporter
from convexplain.connectors.logs.engine.trace_calls import Call, first_id, parse_time

_SIDE = ("TOOL", "RETRIEVER", "EMBEDDING", "RERANKER", "PARSER", "EVALUATOR", "GUARDRAIL", "MEMORY")
_MODELS = ("LLM", "CHAT_MODEL")
_SESSION = "mlflow.trace.session"
_PLACES = ("trace_metadata", "request_metadata", "tags")


def is_mlflow(value: Any) -> bool:
    """Whether a JSON value is a trace, a row of traces, or a case with inputs and expectations."""
    if not isinstance(value, dict):
        return False
    info, data = value.get("info"), value.get("data")
    if isinstance(info, dict) and isinstance(data, dict):
        return "spans" in data and not info.keys().isdisjoint(("trace_id", "request_id"))
    row = not value.keys().isdisjoint(("trace_id", "request_id")) and {"request", "response"} <= value.keys()
    told = not value.keys().isdisjoint((*_PLACES, "spans", "execution_duration", "request_time", "timestamp_ms"))
    return (row and told) or ("inputs" in value and "expectations" in value)


def joined(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """The conversations: one a session (`mlflow.trace.session`), else one a trace."""
    found: list[Call] = []
    for position, value in records:
        try:
            found += _of(position, value)
        except RecursionError:
            report(position, "JSON nested too deeply")
    yield from trace_calls.read_calls(found, report)


def _of(position: int, value: Mapping[str, Any]) -> Iterator[Call]:
    if "expectations" in value:
        made = Call(position, first_id(value, "dataset_record_id", "id"), is_model=True)
        made.given = parse_payload(value.get("inputs"), "user", made.remarks)
        made.answered = parse_payload(value.get("outputs"), "assistant", made.remarks)
        made.metadata = extra_metadata(value, {"inputs", "outputs", "dataset_record_id", "id"})
        yield made
        return
    info = value["info"] if isinstance(value.get("info"), dict) else value
    data = value["data"] if isinstance(value.get("data"), dict) else value
    trace = first_id(info, "trace_id", "request_id")
    whole = Call(
        position,
        trace,
        "trace",
        thread=_session(info),
        began=parse_time(info.get("request_time") or info.get("timestamp_ms")),
        metadata=extra_metadata({key: info[key] for key in ("state", "status", "tags") if key in info}, ()),
    )
    whole.given = parse_payload(data.get("request"), "user", whole.remarks)
    whole.answered = parse_payload(data.get("response"), "assistant", whole.remarks)
    spans = decoded(data.get("spans"))
    listed = spans if isinstance(spans, list) else []
    inside = [_span(position, trace, span) for span in listed if isinstance(span, dict)]
    if not (whole.given or whole.answered or any(call.given or call.answered for call in inside)):
        whole.given = parse_payload(info.get("request_preview"), "user", whole.remarks)
        whole.answered = parse_payload(info.get("response_preview"), "assistant", whole.remarks)
        whole.remarks.append("only the trace's previews are there, which may be cut")
    yield whole
    yield from inside


def _span(position: int, trace: str, span: Mapping[str, Any]) -> Call:
    attributes = span.get("attributes")
    told = {key: decoded(value) for key, value in attributes.items()} if isinstance(attributes, dict) else {}
    context = span["context"] if isinstance(span.get("context"), dict) else span
    kind = str(told.get("mlflow.spanType") or span.get("span_type")).strip('"')
    made = Call(
        position,
        trace,
        first_id(context, "span_id"),
        first_id(span, "parent_id", "parent_span_id") or "trace",
        began=parse_time(span.get("start_time_unix_nano") or span.get("start_time") or span.get("start_time_ns")),
        ended=parse_time(span.get("end_time_unix_nano") or span.get("end_time") or span.get("end_time_ns")),
        is_model=kind in _MODELS,
        is_side=kind in _SIDE,
    )
    made.given = parse_payload(span.get("inputs", told.get("mlflow.spanInputs")), "user", made.remarks)
    made.answered = parse_payload(span.get("outputs", told.get("mlflow.spanOutputs")), "assistant", made.remarks)
    return made


def _session(info: Mapping[str, Any]) -> str:
    for place in map(info.get, _PLACES):
        inner = decoded(place)
        if isinstance(inner, dict) and (found := first_id(inner, _SESSION)):
            return found
    return ""


MLFLOW = LogFormat(
    "mlflow",
    "MLflow's traces (objects, or rows of a search) and cases of its evaluation data; a conversation a session, "
    "else one a trace.",
    '{"info": {"trace_id": "t1", "trace_metadata": {"mlflow.trace.session": "s1"}}, "data": {"spans": [{"span_id": '
    '"b1", "attributes": {"mlflow.spanInputs": "{\\"question\\": \\"Hi\\"}", '
    '"mlflow.spanOutputs": "\\"Hello\\""}}]}}',
    is_mlflow,
    read_records=joined,
)
