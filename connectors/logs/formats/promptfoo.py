"""promptfoo's results, and cases with a `_conversation`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine import trace_calls
from convexplain.connectors.logs.engine.api_messages import is_message
from convexplain.connectors.logs.engine.call_payloads import decoded_value, parse_payload, value_text
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ParsedTurn, ProblemReporter, UnreadableError
from convexplain.connectors.logs.engine.trace_calls import Call, first_id, parse_time


def is_promptfoo(value: Any) -> bool:
    """Return whether a JSON value is a file of results, one result, or a case with a `_conversation`."""
    if not isinstance(value, dict):
        return False
    return _conversation(value) is not None or _is_result(value) or any(map(_is_result, _results(value)))


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations in results: one a `conversationId` and provider, else one a result."""
    parsed_calls: list[Call] = []
    for position, value in records:
        results = [value] if _is_result(value) or _conversation(value) is not None else list(_results(value))
        for number, result in enumerate(results, 1):
            try:
                parsed_calls.append(_result_call(position, number, result))
            except UnreadableError as error:
                report(position, f"{number}: {error}")
            except RecursionError:
                report(position, f"{number}: JSON nested too deeply")
    yield from trace_calls.read_calls(parsed_calls, report)


def _results(value: Mapping[str, Any]) -> Iterator[Any]:
    inner = value.get("results")
    items = inner.get("results") if isinstance(inner, dict) else inner
    yield from items if isinstance(items, list) else ()


def _is_result(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    has_result_key = not value.keys().isdisjoint(("promptIdx", "testIdx", "gradingResult", "testCase", "provider"))
    return has_result_key and "prompt" in value and ("response" in value or "error" in value) and "vars" in value


def _conversation(value: Mapping[str, Any]) -> list[Any] | None:
    variables = value.get("vars")
    history = value.get("_conversation") or (variables.get("_conversation") if isinstance(variables, dict) else None)
    return history if isinstance(history, list) else None


def _result_call(position: int, number: int, result: Any) -> Call:
    if not isinstance(result, dict):
        raise UnreadableError("no result")
    test = result.get("testCase")
    test_metadata = test.get("metadata") if isinstance(test, dict) else result.get("metadata")
    thread = first_id(test_metadata, "conversationId") if isinstance(test_metadata, dict) else ""
    provider = result.get("provider")
    name = first_id(provider, "label", "id") if isinstance(provider, dict) else first_id(result, "provider")
    result_id = first_id(result, "id")
    call = Call(
        position,
        result_id or f"\x00{position} {number}",
        result_id,
        thread=f"{thread} {name}".strip() if thread else "",
    )
    call.is_model = True
    call.began = parse_time(result.get("timestamp"))
    call.metadata = extra_metadata(
        {key: result[key] for key in ("provider", "success", "score", "error", "vars") if key in result}, ()
    )
    if _conversation(result) is not None:
        call.metadata.pop("vars", None)
    prompt = result.get("prompt")
    raw = decoded_value(prompt.get("raw") if isinstance(prompt, dict) else prompt)
    call.inputs = parse_payload(raw, "user", call.remarks)
    if not any(turn.speaker == "assistant" for turn in call.inputs):
        call.inputs = [*_earlier_turns(result), *call.inputs]
    response = result.get("response")
    output = response.get("output") if isinstance(response, dict) else response
    if is_message(output) or (isinstance(output, list) and any(map(is_message, output))):
        call.outputs = parse_payload(output, "assistant", call.remarks)
    elif output is not None:
        call.outputs = [ParsedTurn("assistant", value_text(output))]
    return call


def _earlier_turns(result: Mapping[str, Any]) -> list[ParsedTurn]:
    """Return the turns that a case has in `_conversation`."""
    turns: list[ParsedTurn] = []
    for item in _conversation(result) or ():
        if isinstance(item, dict):
            prompt = item.get("input", item.get("prompt"))
            turns += [ParsedTurn("user", value_text(prompt))] if prompt is not None else []
            turns += [ParsedTurn("assistant", value_text(item["output"]))] if item.get("output") is not None else []
    return turns


PROMPTFOO = LogFormat(
    "promptfoo",
    "promptfoo's results, and cases with a `_conversation`; a conversation a `conversationId`, else one a result.",
    '{"vars": {"_conversation": [{"input": "Hi", "output": "Hello"}]}}',
    is_promptfoo,
    read_records=read_records,
)
