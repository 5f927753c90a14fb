"""Spans of models' calls: OpenTelemetry's GenAI attributes and events, and OpenInference's (Phoenix)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine import trace_calls
from convexplain.connectors.logs.engine.api_messages import parse_messages
from convexplain.connectors.logs.engine.call_payloads import decoded_value, id_text, parse_payload
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import clean_text, extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ParsedTurn, ProblemReporter
from convexplain.connectors.logs.engine.trace_calls import Call

from ._otlp import Span, attribute_at, is_span, spans

_INPUT_PATHS = (
    "gen_ai.input.messages",
    "gen_ai.prompt",
    "llm.input_messages",
    "ai.prompt.messages",
    "gen_ai.prompt.messages",
)
_OUTPUT_PATHS = ("gen_ai.output.messages", "gen_ai.completion", "llm.output_messages", "gen_ai.completion.messages")
_THREAD_PATHS = (
    "gen_ai.conversation.id",
    "session.id",
    "traceloop.association.properties.session_id",
    "thread.id",
    "metadata.thread_id",
    "metadata.session_id",
    "metadata.conversation_id",
    "langfuse.session.id",
)
_AUXILIARY_KINDS = ("TOOL", "RETRIEVER", "EMBEDDING", "RERANKER", "GUARDRAIL", "EVALUATOR")
_AUXILIARY_OPERATIONS = ("execute_tool", "embeddings", "retrieval")
_METADATA_PATHS = ("gen_ai.request.model", "gen_ai.response.model", "gen_ai.agent.name", "llm.model_name", "user.id")
_ROLES = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations in spans: one a `gen_ai.conversation.id` or `session.id`, else one a trace."""
    parsed_calls: list[Call] = []
    for position, value in records:
        try:
            parsed_calls += [_span_call(position, span) for span in spans(value)]
        except RecursionError:
            report(position, "JSON nested too deeply")
    yield from trace_calls.read_calls(parsed_calls, report)


def is_record(value: Any) -> bool:
    """Return whether a JSON value is a span, or a list of them in OTLP's form."""
    return is_span(value)


def _span_call(position: int, span: Span) -> Call:
    attributes = span.attributes
    remarks: list[str] = []
    inputs = _attribute_turns(attributes, _INPUT_PATHS, "user", remarks)
    outputs = _attribute_turns(attributes, _OUTPUT_PATHS, "assistant", remarks)
    for name, event in span.events:
        before, after = _event_turns(name, event, remarks)
        inputs += before
        outputs += after
    is_model = bool(inputs or outputs)
    if not (inputs and outputs):
        inputs = inputs or parse_payload(attribute_at(attributes, "input.value"), "user", remarks)
        outputs = outputs or parse_payload(
            _first_attribute(attributes, ("output.value", "ai.response.text")), "assistant", remarks
        )
    if (system := _system_turns(attributes, remarks)) and not (inputs and inputs[0].speaker in ("system", "developer")):
        inputs = [*system, *inputs]
    kind = id_text(attribute_at(attributes, "openinference.span.kind")).upper()
    return Call(
        position,
        span.trace,
        span.id,
        span.parent,
        inputs,
        outputs,
        thread=clean_text(next(filter(None, (id_text(attribute_at(attributes, path)) for path in _THREAD_PATHS)), "")),
        began=span.began,
        ended=span.ended,
        is_model=is_model,
        is_auxiliary=kind in _AUXILIARY_KINDS
        or attribute_at(attributes, "gen_ai.operation.name") in _AUXILIARY_OPERATIONS,
        metadata=extra_metadata(
            {path: value for path in _METADATA_PATHS if (value := id_text(attribute_at(attributes, path)))}, ()
        ),
        remarks=remarks,
        payload=(attributes, span.events),
    )


def _attribute_turns(
    attributes: Mapping[str, Any], paths: Sequence[str], speaker: str, remarks: list[str]
) -> list[ParsedTurn]:
    value = _first_attribute(attributes, paths)
    if isinstance(value, dict):
        value = value.get("messages", [value])
    if isinstance(value, str):
        return parse_payload(value, speaker, remarks)
    messages = [_openai_message(item, speaker) for item in value] if isinstance(value, list) else []
    return parse_messages(messages, remarks) if any(isinstance(item, dict) for item in messages) else []


def _first_attribute(attributes: Mapping[str, Any], paths: Sequence[str]) -> Any:
    return next(
        (value for path in paths if (value := decoded_value(attribute_at(attributes, path))) not in (None, "", [], {})),
        None,
    )


def _openai_message(item: Any, speaker: str) -> Any:
    """Return a message of OpenInference, or of the older attributes, in OpenAI's form."""
    item = decoded_value(item)
    if not isinstance(item, dict):
        return item
    inner = item.get("message")
    message = dict(inner) if isinstance(inner, dict) else dict(item)
    if isinstance(parts := message.pop("contents", None), list) and not message.get("content"):
        message["content"] = [_inner_object(part, "message_content") for part in parts]
    if isinstance(calls := message.get("tool_calls"), list):
        message["tool_calls"] = [_inner_object(call, "tool_call") for call in calls]
    if not isinstance(message.get("role"), str):
        message["role"] = speaker
    message.setdefault("content", None)
    if isinstance(text := message["content"], str) and text.lstrip().startswith('[{"type"'):
        message["content"] = decoded_value(text)
    return message


def _inner_object(value: Any, key: str) -> Any:
    return value[key] if isinstance(value, dict) and isinstance(value.get(key), dict) else value


def _system_turns(attributes: Mapping[str, Any], remarks: list[str]) -> list[ParsedTurn]:
    value = decoded_value(_first_attribute(attributes, ("gen_ai.system_instructions", "gen_ai.system.instructions")))
    if isinstance(value, str | list):
        return parse_messages([{"role": "system", "parts": value if isinstance(value, list) else [value]}], remarks)
    return []


def _event_turns(name: str, event: Mapping[str, Any], remarks: list[str]) -> tuple[list[ParsedTurn], list[ParsedTurn]]:
    """Return the input and the output turns in an event of a span."""
    if name == "gen_ai.choice":
        message = decoded_value(event.get("message"))
        message = message if isinstance(message, dict) else event
        return [], parse_messages([_openai_message({"content": None, **message}, "assistant")], remarks)
    role = _ROLES.get(name.removeprefix("gen_ai.").removesuffix(".message"))
    if role is not None and name.startswith("gen_ai."):
        return parse_messages(
            [_openai_message({"content": None, **event, "role": event.get("role") or role}, role)], remarks
        ), []
    return _attribute_turns(event, _INPUT_PATHS, "user", remarks), _attribute_turns(
        event, _OUTPUT_PATHS, "assistant", remarks
    )


OTEL = LogFormat(
    "otel",
    "Spans of OpenTelemetry (GenAI attributes and events) and of OpenInference (Phoenix): OTLP's JSON, single "
    "spans, span tables; a conversation a `gen_ai.conversation.id` or `session.id`, else one a trace.",
    '{"traceId": "a1", "spanId": "b1", "attributes": {"gen_ai.input.messages": [{"role": "user", "parts": '
    '[{"type": "text", "content": "Hi"}]}], "llm.output_messages.0.message.role": "assistant", '
    '"llm.output_messages.0.message.content": "Hello"}}',
    is_record,
    read_records=read_records,
)
