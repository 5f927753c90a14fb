"""promptfoo's results, and cases with a `_conversation`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine import trace_calls
from convexplain.connectors.logs.engine.api_messages import is_message
from convexplain.connectors.logs.engine.call_payloads import decoded, parse_payload, value_text
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ParsedTurn, ProblemReporter, UnreadableError
from convexplain.connectors.logs.engine.trace_calls import Call, first_id, parse_time


def is_promptfoo(value: Any) -> bool:
    """Whether a JSON value is a file of results, one result, or a case with a `_conversation`."""
    if not isinstance(value, dict):
        return False
    return _conversation(value) is not None or _is_result(value) or any(map(_is_result, _results(value)))


def promptfoo_joined(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """The conversations in results: one a `conversationId` and provider, else one a result."""
    found: list[Call] = []
    for position, value in records:
        results = [value] if _is_result(value) or _conversation(value) is not None else list(_results(value))
        for number, result in enumerate(results, 1):
            try:
                found.append(_result(position, number, result))
            except UnreadableError as error:
                report(position, f"{number}: {error}")
            except RecursionError:
                report(position, f"{number}: JSON nested too deeply")
    yield from trace_calls.read_calls(found, report)


def _results(value: Mapping[str, Any]) -> Iterator[Any]:
    inner = value.get("results")
    items = inner.get("results") if isinstance(inner, dict) else inner
    yield from items if isinstance(items, list) else ()


def _is_result(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    told = not value.keys().isdisjoint(("promptIdx", "testIdx", "gradingResult", "testCase", "provider"))
    return told and "prompt" in value and ("response" in value or "error" in value) and "vars" in value


def _conversation(value: Mapping[str, Any]) -> list[Any] | None:
    own = value.get("vars")
    found = value.get("_conversation") or (own.get("_conversation") if isinstance(own, dict) else None)
    return found if isinstance(found, list) else None


def _result(position: int, number: int, result: Any) -> Call:
    if not isinstance(result, dict):
        raise UnreadableError("no result")
    test = result.get("testCase")
    told = test.get("metadata") if isinstance(test, dict) else result.get("metadata")
    thread = first_id(told, "conversationId") if isinstance(told, dict) else ""
    provider = result.get("provider")
    name = first_id(provider, "label", "id") if isinstance(provider, dict) else first_id(result, "provider")
    own = first_id(result, "id")
    made = Call(position, own or f"\x00{position} {number}", own, thread=f"{thread} {name}".strip() if thread else "")
    made.is_model = True
    made.began = parse_time(result.get("timestamp"))
    made.metadata = extra_metadata(
        {key: result[key] for key in ("provider", "success", "score", "error", "vars") if key in result}, ()
    )
    if _conversation(result) is not None:
        made.metadata.pop("vars", None)
    prompt = result.get("prompt")
    raw = decoded(prompt.get("raw") if isinstance(prompt, dict) else prompt)
    made.given = parse_payload(raw, "user", made.remarks)
    if not any(turn.speaker == "assistant" for turn in made.given):
        made.given = [*_said_before(result), *made.given]
    response = result.get("response")
    output = response.get("output") if isinstance(response, dict) else response
    if is_message(output) or (isinstance(output, list) and any(map(is_message, output))):
        made.answered = parse_payload(output, "assistant", made.remarks)
    elif output is not None:
        made.answered = [ParsedTurn("assistant", value_text(output))]
    return made


def _said_before(result: Mapping[str, Any]) -> list[ParsedTurn]:
    """The turns that a case has in `_conversation`."""
    found: list[ParsedTurn] = []
    for item in _conversation(result) or ():
        if isinstance(item, dict):
            given = item.get("input", item.get("prompt"))
            found += [ParsedTurn("user", value_text(given))] if given is not None else []
            found += [ParsedTurn("assistant", value_text(item["output"]))] if item.get("output") is not None else []
    return found


PROMPTFOO = LogFormat(
    "promptfoo",
    "promptfoo's results, and cases with a `_conversation`; a conversation a `conversationId`, else one a result.",
    '{"vars": {"_conversation": [{"input": "Hi", "output": "Hello"}]}}',
    is_promptfoo,
    read_records=promptfoo_joined,
)
