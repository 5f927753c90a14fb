"""DeepEval's test cases, and files of its runs."""

from collections.abc import Iterator, Mapping
from typing import Any

from convexplain.connectors.logs.engine.api_messages import is_message
from convexplain.connectors.logs.engine.content_blocks import call_part, content_parts
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata, find_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn
from convexplain.parts import Part

_LIST_KEYS = ("conversationalTestCases", "conversational_test_cases", "testCases", "test_cases", "goldens")
_CASE_KEY_WORDS = (
    "scenario expected_outcome expectedOutcome chatbot_role chatbotRole user_description userDescription "
    "additional_metadata additionalMetadata metrics_data metricsData comments retrieval_context"
)

_CASE_KEYS = frozenset(_CASE_KEY_WORDS.split())
_OUTPUT_KEYS = ("actual_output", "actualOutput")
_TURN_KEY_WORDS = "role content user_id userId retrieval_context retrievalContext tools_called toolsCalled"
_TURN_KEYS = frozenset(_TURN_KEY_WORDS.split())


def is_deepeval(value: Any) -> bool:
    """Return whether a JSON value is a test case of DeepEval, with turns or with an actual output, or a run with such
    cases.
    """
    return isinstance(value, dict) and (_is_case(value) or any(map(_is_case, _cases(value))))


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversations in test cases.

    Raises:
        UnreadableError: a case without turns.
    """
    if _is_case(record):
        return [_parse_case(record, "")]
    conversations = []
    for number, case in enumerate(_cases(record), 1):
        if _is_case(case):
            conversations.append(_parse_case(case, f"-{number}"))
    return conversations


def _cases(value: Mapping[str, Any]) -> Iterator[Any]:
    for key in _LIST_KEYS:
        items = value.get(key)
        yield from items if isinstance(items, list) else ()


def _is_case(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    turns = value.get("turns")
    if isinstance(turns, list) and any(isinstance(turn, dict) for turn in turns):
        exchanges = any(isinstance(turn, dict) and _is_exchange(turn) for turn in turns)
        return exchanges or (not _CASE_KEYS.isdisjoint(value) and any(map(is_message, turns)))
    return _is_exchange(value)


def _is_exchange(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("input"), str) and any(isinstance(value.get(key), str) for key in _OUTPUT_KEYS)


def _parse_case(case: Mapping[str, Any], suffix: str) -> ParsedConversation:
    conversation = ParsedConversation([], extra_metadata(case, {"turns", "input", *_OUTPUT_KEYS}), suffix=suffix)
    turns = case.get("turns")
    for number, turn in enumerate(turns if isinstance(turns, list) else [case], 1):
        if isinstance(turn, dict) and _is_exchange(turn):
            answer = next(turn[key] for key in _OUTPUT_KEYS if isinstance(turn.get(key), str))
            conversation.turns += [ParsedTurn("user", turn["input"]), ParsedTurn("assistant", answer)]
        elif isinstance(turn, dict) and isinstance(turn.get("role"), str):
            conversation.turns.append(_parse_turn(turn))
        else:
            conversation.remarks.append(f"turn {number} is missing")
    return conversation


def _parse_turn(turn: Mapping[str, Any]) -> ParsedTurn:
    tools = turn.get("tools_called") or turn.get("toolsCalled")
    calls: list[Part] = []
    for tool in tools if isinstance(tools, list) else ():
        arguments = tool.get("input_parameters") or tool.get("inputParameters") if isinstance(tool, dict) else None
        name = tool.get("name") if isinstance(tool, dict) else None
        calls.append(call_part({"name": name, "arguments": arguments}))
    content = turn.get("content")
    parts = content_parts(content)
    at, key = find_timestamp(turn)
    return ParsedTurn.of_parts(turn["role"], [*parts, *calls], None, at, extra_metadata(turn, {*_TURN_KEYS, key}))


DEEPEVAL = LogFormat(
    "deepeval",
    "DeepEval's test cases: conversational ones with `turns`, single ones with `input` and `actual_output`, and "
    "files of runs.",
    '{"scenario": "A greeting", "turns": [{"role": "user", "content": "Hi"}, '
    '{"role": "assistant", "content": "Hello"}]}',
    is_deepeval,
    read_record,
)
