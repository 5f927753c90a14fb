"""Topical-Chat: conversations of two people about topics."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import (
    content_or_placeholder,
    identifier,
    objects,
    rating,
    record_reader,
)
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import clean_text, extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn, UnreadableError

_TRIES = 20
"""Items of an object that are looked at."""
_RATINGS = {"poor": 0.0, "not good": 0.25, "passable": 0.5, "good": 0.75, "excellent": 1.0}
_Conversations = Iterator[tuple[str | None, Sequence[ParsedConversation]]]


def is_topical(value: Any) -> bool:
    """Return whether a JSON value is a conversation of Topical-Chat, or an object of them by their ids."""
    return _is_conversation(value) or _holds_conversations(value, _is_conversation)


def conversations_of(value: Mapping[str, Any]) -> _Conversations:
    """Yield the conversations in a record. Both speakers are people: the first one is taken for the user, with a
    remark.
    """
    if _is_conversation(value):
        yield identifier(value, "conversation_id", "id") or None, [_parse_conversation(value)]
        return
    for name, dialogue in value.items():
        if _is_conversation(dialogue):
            yield clean_text(name).strip() or None, [_parse_conversation(dialogue)]


def _holds_conversations(value: Any, test: Any) -> bool:
    """Return whether some of the first items of an object pass a test."""
    return isinstance(value, dict) and any(test(item) for _, item in zip(range(_TRIES), value.values(), strict=False))


def _is_conversation(value: Any) -> bool:
    turns = objects(value.get("content")) if isinstance(value, dict) else []
    return any("agent" in turn and "message" in turn for turn in turns)


def _parse_conversation(value: Mapping[str, Any]) -> ParsedConversation:
    conversation = ParsedConversation([], extra_metadata(value, {"content"}))
    first = ""
    for number, turn in enumerate(value["content"], 1):
        agent = identifier(turn, "agent")
        if not agent:
            raise UnreadableError(f"message {number} does not say who speaks")
        first = first or agent
        about = extra_metadata(turn, {"agent", "message"})
        label = identifier(turn, "turn_rating")
        if (score := _RATINGS.get(label.lower())) is not None:
            about["ratings"] = [rating("turn_rating", score, label)]
        speaker, name = ("user", agent) if agent == first else (agent, None)
        conversation.turns.append(ParsedTurn(speaker, content_or_placeholder(turn.get("message")), name, None, about))
    if len({parsed_turn.name or parsed_turn.speaker for parsed_turn in conversation.turns}) > 1:
        conversation.remarks.append(f"both speakers are people; taken for the user: {first!r}, who begins")
    return conversation


TOPICAL_CHAT = LogFormat(
    "topical-chat",
    "Topical-Chat: both speakers are people; who begins is taken for the user.",
    '{"t_1": {"config": "A", "content": [{"agent": "agent_1", "message": "Hi", "turn_rating": "Good"}, '
    '{"agent": "agent_2", "message": "Hello", "turn_rating": "Excellent"}]}}',
    is_topical,
    read_records=record_reader(conversations_of),
)
