"""Conversations of evaluation tools: DeepEval's test cases and promptfoo's results."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine import calls
from convexplain.connectors.logs.engine.blocks import result_text
from convexplain.connectors.logs.engine.calls import Call, first_of, time_of
from convexplain.connectors.logs.engine.chat import is_message
from convexplain.connectors.logs.engine.drafts import Draft, Entry, Report, Said, UnreadableError
from convexplain.connectors.logs.engine.payloads import as_json, said_in, shown
from convexplain.connectors.logs.engine.values import extras, moment_of

from .messages import call_text

_LISTS = ("conversationalTestCases", "conversational_test_cases", "testCases", "test_cases", "goldens")
_CASE_WORDS = (
    "scenario expected_outcome expectedOutcome chatbot_role chatbotRole user_description userDescription "
    "additional_metadata additionalMetadata metrics_data metricsData comments retrieval_context"
)
_CASE = frozenset(_CASE_WORDS.split())
_ACTUAL = ("actual_output", "actualOutput")
_TURN_WORDS = "role content user_id userId retrieval_context retrievalContext tools_called toolsCalled"
_TURN = frozenset(_TURN_WORDS.split())


def is_deepeval(value: Any) -> bool:
    """Whether a JSON value is a test case of DeepEval, with turns or with an actual output, or a run with such."""
    return isinstance(value, dict) and (_is_case(value) or any(map(_is_case, _cases(value))))


def deepeval_drafts(record: Mapping[str, Any]) -> list[Draft]:
    """The conversations in test cases.

    Raises:
        UnreadableError: a case without turns.
    """
    if _is_case(record):
        return [_case(record, "")]
    found = []
    for number, case in enumerate(_cases(record), 1):
        if _is_case(case):
            found.append(_case(case, f"-{number}"))
    return found


def _cases(value: Mapping[str, Any]) -> Iterator[Any]:
    for key in _LISTS:
        items = value.get(key)
        yield from items if isinstance(items, list) else ()


def _is_case(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    turns = value.get("turns")
    if isinstance(turns, list) and any(isinstance(turn, dict) for turn in turns):
        exchanges = any(isinstance(turn, dict) and _is_exchange(turn) for turn in turns)
        return exchanges or (not _CASE.isdisjoint(value) and any(map(is_message, turns)))
    return _is_exchange(value)


def _is_exchange(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("input"), str) and any(isinstance(value.get(key), str) for key in _ACTUAL)


def _case(case: Mapping[str, Any], suffix: str) -> Draft:
    found = Draft([], extras(case, {"turns", "input", *_ACTUAL}), suffix=suffix)
    turns = case.get("turns")
    for number, turn in enumerate(turns if isinstance(turns, list) else [case], 1):
        if isinstance(turn, dict) and _is_exchange(turn):
            answer = next(turn[key] for key in _ACTUAL if isinstance(turn.get(key), str))
            found.said += [Said("user", turn["input"]), Said("assistant", answer)]
        elif isinstance(turn, dict) and isinstance(turn.get("role"), str):
            found.said.append(_turn(turn))
        else:
            found.remarks.append(f"turn {number} is missing")
    return found


def _turn(turn: Mapping[str, Any]) -> Said:
    tools = turn.get("tools_called") or turn.get("toolsCalled")
    shown_calls = []
    for tool in tools if isinstance(tools, list) else ():
        arguments = tool.get("input_parameters") or tool.get("inputParameters") if isinstance(tool, dict) else None
        name = tool.get("name") if isinstance(tool, dict) else None
        shown_calls.append(call_text({"name": name, "arguments": arguments}))
    content = turn.get("content")
    text = content if isinstance(content, str) else result_text({"content": content})
    at, key = moment_of(turn)
    return Said(turn["role"], "\n".join(filter(None, [text, *shown_calls])), None, at, extras(turn, {*_TURN, key}))


def is_promptfoo(value: Any) -> bool:
    """Whether a JSON value is a file of results, one result, or a case with a `_conversation`."""
    if not isinstance(value, dict):
        return False
    return _conversation(value) is not None or _is_result(value) or any(map(_is_result, _results(value)))


def promptfoo_joined(records: Sequence[tuple[int, Any]], report: Report) -> Iterator[Entry]:
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
    yield from calls.entries(found, report)


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
    thread = first_of(told, "conversationId") if isinstance(told, dict) else ""
    provider = result.get("provider")
    name = first_of(provider, "label", "id") if isinstance(provider, dict) else first_of(result, "provider")
    own = first_of(result, "id")
    made = Call(position, own or f"\x00{position} {number}", own, thread=f"{thread} {name}".strip() if thread else "")
    made.is_model = True
    made.began = time_of(result.get("timestamp"))
    made.metadata = extras(
        {key: result[key] for key in ("provider", "success", "score", "error", "vars") if key in result}, ()
    )
    if _conversation(result) is not None:
        made.metadata.pop("vars", None)
    prompt = result.get("prompt")
    raw = as_json(prompt.get("raw") if isinstance(prompt, dict) else prompt)
    made.given = said_in(raw, "user", made.remarks)
    if not any(turn.speaker == "assistant" for turn in made.given):
        made.given = [*_said_before(result), *made.given]
    response = result.get("response")
    output = response.get("output") if isinstance(response, dict) else response
    if is_message(output) or (isinstance(output, list) and any(map(is_message, output))):
        made.answered = said_in(output, "assistant", made.remarks)
    elif output is not None:
        made.answered = [Said("assistant", shown(output))]
    return made


def _said_before(result: Mapping[str, Any]) -> list[Said]:
    """The turns that a case has in `_conversation`."""
    found: list[Said] = []
    for item in _conversation(result) or ():
        if isinstance(item, dict):
            given = item.get("input", item.get("prompt"))
            found += [Said("user", shown(given))] if given is not None else []
            found += [Said("assistant", shown(item["output"]))] if item.get("output") is not None else []
    return found
