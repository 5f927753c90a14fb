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
    """Whether a JSON value holds two conversations that were compared."""
    return isinstance(value, dict) and all(_is_talk(value.get(f"conversation_{side}")) for side in _SIDES)


def arena_drafts(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """The two conversations; where one was preferred they are a pair.

    A verdict on the first turn (`turn` is 1) is one on the first answer: what was said later is left out, and told.

    Raises:
        UnreadableError: a message with text does not say who speaks.
    """
    winner = record.get("winner")
    names = {"model_a": "a", "model_b": "b", "a": "a", "b": "b"}
    better = names.get(winner.strip().lower()) if isinstance(winner, str) else None
    found = []
    for side in _SIDES:
        draft = message_lists.parse_conversation(record[f"conversation_{side}"])[0]
        used = {*(f"{name}_{other}" for name in ("conversation", "model") for other in _SIDES)}
        draft.metadata = {**extra_metadata(record, used), **draft.metadata}
        if model := identifier(record, f"model_{side}"):
            draft.metadata["model"] = model
        draft.suffix, draft.preferred = f"-{side}", None if better is None else better == side
        if record.get("turn") == 1:
            _cut(draft)
        found.append(draft)
    return found


def _is_talk(value: Any) -> bool:
    return isinstance(value, list) and any(map(message_lists.is_turn, value))


def _cut(draft: ParsedConversation) -> None:
    """Leaves the first answer and what stands before it."""
    ends = [place for place, said in enumerate(draft.turns, 1) if said.speaker == "assistant"]
    if ends and ends[0] < len(draft.turns):
        draft.remarks.append(
            f"the verdict is on the first answer; {len(draft.turns) - ends[0]} later turns are left out"
        )
        del draft.turns[ends[0] :]


ARENA = LogFormat(
    "arena",
    "Two conversations that people compared (Chatbot Arena, verdicts on MT-bench): a pair.",
    '{"question_id": "q1", "model_a": "m", "model_b": "n", "winner": "model_a", "conversation_a": '
    '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], "conversation_b": '
    '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "What?"}]}',
    is_arena,
    arena_drafts,
)
