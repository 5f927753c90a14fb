"""Lists of messages whose answer, or whose rejected answer, stands beside them."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine import message_lists
from convexplain.connectors.logs.engine.described_answers import (
    Answer,
    DescribedAnswers,
    joined_turns,
    spoken_turns,
)
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.parse_results import ParsedConversation
from convexplain.connectors.logs.engine.roles import role_of

_ANSWERS = ("response", "completion", "answer", "output", "reply")
_REJECTED = ("rejected_messages", "rejected_response", "rejected")


def is_answered(record: Mapping[str, Any]) -> bool:
    """Return whether a record has a text, or a message, beside messages that end without an answer."""
    answer = next((record[key] for key in _ANSWERS if record.get(key)), None)
    return _is_answer(answer) and not _ends_with_answer(record)


def is_rejected(value: Any) -> bool:
    """Return whether a JSON value holds messages and a rejected answer, and no chosen one."""
    if not isinstance(value, dict) or "chosen" in value or "prompt" in value or _rejected_key(value) is None:
        return False
    return message_lists.list_key(value) is not None


def read_rejected(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation in the messages, and the one with the rejected answer in the place of its last.

    Raises:
        UnreadableError: a turn with text does not say who speaks.
    """
    key = _rejected_key(record) or _REJECTED[0]
    [chosen] = message_lists.parse_conversation({name: value for name, value in record.items() if name != key})
    ends = bool(chosen.turns) and role_of(chosen.turns[-1].speaker) == "assistant"
    prompt = chosen.turns[:-1] if ends else chosen.turns
    turns = joined_turns(prompt, spoken_turns(record[key], "assistant"))
    rejected = ParsedConversation(turns, dict(chosen.metadata), suffix="-rejected", preferred=False)
    if not ends:
        rejected.remarks.append("the pair has no preferred answer")
        return [rejected]
    chosen.suffix, chosen.preferred = "-chosen", True
    return [chosen, rejected]


def _rejected_key(record: Mapping[str, Any]) -> str | None:
    return next((key for key in _REJECTED if _is_answer(record.get(key))), None)


def _is_answer(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(message_lists.is_turn, value))
    return bool(value.strip()) if isinstance(value, str) else message_lists.is_turn(value)


def _ends_with_answer(record: Mapping[str, Any]) -> bool:
    turns = record.get(message_lists.list_key(record) or "") or [None]
    last = message_lists.parse_turn(turns[-1]) if isinstance(turns[-1], dict) else None
    return last is None or role_of(last.speaker) == "assistant"


ANSWERED = DescribedAnswers(
    "answered",
    "Messages with their answer beside them: response, completion, answer, output or reply.",
    '{"messages": [{"role": "user", "content": "Hi"}], "response": "Hello"}',
    keys=("|".join(message_lists.LISTS), "|".join(_ANSWERS)),
    test=is_answered,
    prompt=("|".join(message_lists.LISTS),),
    answers=(Answer("|".join(_ANSWERS)),),
    system="system",
    precedence=-4,
).log_format()
REJECTED = LogFormat(
    "rejected",
    "Messages with a rejected answer beside them (ms-swift): a pair.",
    '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], '
    '"rejected_response": "What?"}',
    is_rejected,
    read_rejected,
    precedence=-4,
)
