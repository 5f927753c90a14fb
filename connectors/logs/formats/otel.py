"""Spans of models' calls: OpenTelemetry's GenAI attributes and events, and OpenInference's (Phoenix)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine import trace_calls
from convexplain.connectors.logs.engine.api_messages import parse_messages
from convexplain.connectors.logs.engine.call_payloads import decoded, id_text, parse_payload
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import clean_text, extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ParsedTurn, ProblemReporter
from convexplain.connectors.logs.engine.trace_calls import Call

from ._otlp import Span, at, is_span, spans

_GIVEN = (
    "gen_ai.input.messages",
    "gen_ai.prompt",
    "llm.input_messages",
    "ai.prompt.messages",
    "gen_ai.prompt.messages",
)
_ANSWERED = ("gen_ai.output.messages", "gen_ai.completion", "llm.output_messages", "gen_ai.completion.messages")
_THREADS = (
    "gen_ai.conversation.id",
    "session.id",
    "traceloop.association.properties.session_id",
    "thread.id",
    "metadata.thread_id",
    "metadata.session_id",
    "metadata.conversation_id",
    "langfuse.session.id",
)
_SIDE_KINDS = ("TOOL", "RETRIEVER", "EMBEDDING", "RERANKER", "GUARDRAIL", "EVALUATOR")
_SIDE_OPERATIONS = ("execute_tool", "embeddings", "retrieval")
_KEPT = ("gen_ai.request.model", "gen_ai.response.model", "gen_ai.agent.name", "llm.model_name", "user.id")
_ROLES = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


def joined(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """The conversations in spans: one a `gen_ai.conversation.id` or `session.id`, else one a trace."""
    found: list[Call] = []
    for position, value in records:
        try:
            found += [_call(position, span) for span in spans(value)]
        except RecursionError:
            report(position, "JSON nested too deeply")
    yield from trace_calls.read_calls(found, report)


def is_record(value: Any) -> bool:
    """Whether a JSON value is a span, or a list of them in OTLP's form."""
    return is_span(value)


def _call(position: int, span: Span) -> Call:
    attributes = span.attributes
    remarks: list[str] = []
    given = _messages(attributes, _GIVEN, "user", remarks)
    answered = _messages(attributes, _ANSWERED, "assistant", remarks)
    for name, event in span.events:
        before, after = _of_event(name, event, remarks)
        given += before
        answered += after
    is_model = bool(given or answered)
    if not (given and answered):
        given = given or parse_payload(at(attributes, "input.value"), "user", remarks)
        answered = answered or parse_payload(
            _first(attributes, ("output.value", "ai.response.text")), "assistant", remarks
        )
    if (system := _system(attributes, remarks)) and not (given and given[0].speaker in ("system", "developer")):
        given = [*system, *given]
    kind = id_text(at(attributes, "openinference.span.kind")).upper()
    return Call(
        position,
        span.trace,
        span.own,
        span.parent,
        given,
        answered,
        thread=clean_text(next(filter(None, (id_text(at(attributes, path)) for path in _THREADS)), "")),
        began=span.began,
        ended=span.ended,
        is_model=is_model,
        is_side=kind in _SIDE_KINDS or at(attributes, "gen_ai.operation.name") in _SIDE_OPERATIONS,
        metadata=extra_metadata({path: value for path in _KEPT if (value := id_text(at(attributes, path)))}, ()),
        remarks=remarks,
    )


def _messages(
    attributes: Mapping[str, Any], paths: Sequence[str], speaker: str, remarks: list[str]
) -> list[ParsedTurn]:
    value = _first(attributes, paths)
    if isinstance(value, dict):
        value = value.get("messages", [value])
    if isinstance(value, str):
        return parse_payload(value, speaker, remarks)
    messages = [_plain(item, speaker) for item in value] if isinstance(value, list) else []
    return parse_messages(messages, remarks) if any(isinstance(item, dict) for item in messages) else []


def _first(attributes: Mapping[str, Any], paths: Sequence[str]) -> Any:
    return next((value for path in paths if (value := decoded(at(attributes, path))) not in (None, "", [], {})), None)


def _plain(item: Any, speaker: str) -> Any:
    """A message of OpenInference, or one of the older attributes, as OpenAI writes it."""
    item = decoded(item)
    if not isinstance(item, dict):
        return item
    inner = item.get("message")
    message = dict(inner) if isinstance(inner, dict) else dict(item)
    if isinstance(parts := message.pop("contents", None), list) and not message.get("content"):
        message["content"] = [_inner(part, "message_content") for part in parts]
    if isinstance(calls := message.get("tool_calls"), list):
        message["tool_calls"] = [_inner(call, "tool_call") for call in calls]
    if not isinstance(message.get("role"), str):
        message["role"] = speaker
    message.setdefault("content", None)
    if isinstance(text := message["content"], str) and text.lstrip().startswith('[{"type"'):
        message["content"] = decoded(text)
    return message


def _inner(value: Any, key: str) -> Any:
    return value[key] if isinstance(value, dict) and isinstance(value.get(key), dict) else value


def _system(attributes: Mapping[str, Any], remarks: list[str]) -> list[ParsedTurn]:
    value = decoded(_first(attributes, ("gen_ai.system_instructions", "gen_ai.system.instructions")))
    if isinstance(value, str | list):
        return parse_messages([{"role": "system", "parts": value if isinstance(value, list) else [value]}], remarks)
    return []


def _of_event(name: str, event: Mapping[str, Any], remarks: list[str]) -> tuple[list[ParsedTurn], list[ParsedTurn]]:
    """What an event of a span tells of what was given and answered."""
    if name == "gen_ai.choice":
        message = decoded(event.get("message"))
        message = message if isinstance(message, dict) else event
        return [], parse_messages([_plain({"content": None, **message}, "assistant")], remarks)
    role = _ROLES.get(name.removeprefix("gen_ai.").removesuffix(".message"))
    if role is not None and name.startswith("gen_ai."):
        return parse_messages(
            [_plain({"content": None, **event, "role": event.get("role") or role}, role)], remarks
        ), []
    return _messages(event, _GIVEN, "user", remarks), _messages(event, _ANSWERED, "assistant", remarks)


OTEL = LogFormat(
    "otel",
    "Spans of OpenTelemetry (GenAI attributes and events) and of OpenInference (Phoenix): OTLP's JSON, single "
    "spans, span tables; a conversation a `gen_ai.conversation.id` or `session.id`, else one a trace.",
    '{"traceId": "a1", "spanId": "b1", "attributes": {"gen_ai.input.messages": [{"role": "user", "parts": '
    '[{"type": "text", "content": "Hi"}]}], "llm.output_messages.0.message.role": "assistant", '
    '"llm.output_messages.0.message.content": "Hello"}}',
    is_record,
    read_records=joined,
)
