"""Chatbot Arena, and verdicts on MT-bench: two conversations that people compared."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine import message_lists
from convexplain.connectors.logs.engine.fields import identifier
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation

_SIDES = ("a", "b")


def is_arena(value: Any) -> bool:
    """Return whether a JSON value holds two conversations that were compared."""
    return isinstance(value, dict) and all(_is_conversation(value.get(f"conversation_{side}")) for side in _SIDES)


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the two conversations; where one was preferred they are a pair.

    A verdict on the first turn (`turn` is 1) judges the first answer: later turns are left out, with a remark.

    Raises:
        UnreadableError: a message with text does not say who speaks.
    """
    winner = record.get("winner")
    names = {"model_a": "a", "model_b": "b", "a": "a", "b": "b"}
    better = names.get(winner.strip().lower()) if isinstance(winner, str) else None
    pair = []
    for side in _SIDES:
        conversation = message_lists.parse_conversation(record[f"conversation_{side}"])[0]
        used = {*(f"{name}_{letter}" for name in ("conversation", "model") for letter in _SIDES)}
        conversation.metadata = {**extra_metadata(record, used), **conversation.metadata}
        if model := identifier(record, f"model_{side}"):
            conversation.metadata["model"] = model
        conversation.suffix, conversation.preferred = f"-{side}", None if better is None else better == side
        if record.get("turn") == 1:
            _cut_after_first_answer(conversation)
        pair.append(conversation)
    return pair


def _is_conversation(value: Any) -> bool:
    return isinstance(value, list) and any(map(message_lists.is_turn, value))


def _cut_after_first_answer(conversation: ParsedConversation) -> None:
    """Remove the turns after the first answer."""
    ends = [place for place, turn in enumerate(conversation.turns, 1) if turn.speaker == "assistant"]
    if ends and ends[0] < len(conversation.turns):
        conversation.remarks.append(
            f"the verdict is on the first answer; {len(conversation.turns) - ends[0]} later turns are left out"
        )
        del conversation.turns[ends[0] :]


ARENA = LogFormat(
    "arena",
    "Two conversations that people compared (Chatbot Arena, verdicts on MT-bench): a pair.",
    '{"question_id": "q1", "model_a": "m", "model_b": "n", "winner": "model_a", "conversation_a": '
    '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], "conversation_b": '
    '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "What?"}]}',
    is_arena,
    read_record,
)
