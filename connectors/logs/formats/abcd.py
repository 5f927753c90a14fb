"""ABCD: conversations of customer service."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import (
    content_or_placeholder,
    identifier,
    objects,
    record_reader,
)
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import clean_text, extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn, UnreadableError

_PARTS = ("original", "delexed")
_ROLES = {"agent": "agent", "customer": "customer", "action": "tool"}
_TARGETS = ("intent", "next_step", "button", "values", "utterance")
_PAIR = 2
_Conversations = Iterator[tuple[str | None, Sequence[ParsedConversation]]]


def is_abcd(value: Any) -> bool:
    """Return whether a JSON value is a conversation of ABCD, or an object of its splits."""
    return _is_dialogue(value) or bool(_splits(value))


def conversations_of(value: Mapping[str, Any]) -> _Conversations:
    """Yield the conversations in a record; an agent's action in the software is a tool's turn.

    Raises:
        UnreadableError: a turn does not say who speaks.
    """
    if _is_dialogue(value):
        yield identifier(value, "convo_id") or None, [_parse_conversation(value)]
        return
    for split, dialogues in _splits(value).items():
        for dialogue in dialogues:
            conversation = _parse_conversation(dialogue)
            conversation.metadata["split"] = clean_text(split)
            yield identifier(dialogue, "convo_id") or None, [conversation]


def _is_dialogue(value: Any) -> bool:
    if not isinstance(value, dict) or "convo_id" not in value:
        return False
    return any(isinstance(value.get(name), list) for name in _PARTS)


def _splits(value: Any) -> dict[str, list[dict[str, Any]]]:
    if not isinstance(value, dict):
        return {}
    lists = {name: objects(dialogues) for name, dialogues in value.items() if isinstance(dialogues, list)}
    return {
        name: [dialogue for dialogue in dialogues if _is_dialogue(dialogue)]
        for name, dialogues in lists.items()
        if any(map(_is_dialogue, dialogues))
    }


def _parse_conversation(value: Mapping[str, Any]) -> ParsedConversation:
    conversation = ParsedConversation([], extra_metadata(value, set(_PARTS)))
    plain, coded = (_as_list(value.get(name)) for name in _PARTS)
    aligned = coded if len(coded) == len(plain) else []
    for number, turn in enumerate(plain or coded, 1):
        if isinstance(turn, list) and len(turn) == _PAIR and all(isinstance(item, str) for item in turn):
            speaker, content = turn
            about = _targets(aligned[number - 1]) if aligned else {}
        elif isinstance(turn, dict):
            speaker, content, about = (
                identifier(turn, "speaker"),
                content_or_placeholder(turn.get("text")),
                _targets(turn),
            )
        else:
            raise UnreadableError(f"turn {number} is no speaker with a text")
        role: str = _ROLES.get(speaker.strip().lower()) or speaker
        conversation.turns.append(ParsedTurn(role, content, None, None, about))
    if plain and coded:
        conversation.aside.append(coded)  # the same turns with placeholders for names and numbers
    return conversation


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _targets(turn: Any) -> dict[str, Any]:
    targets = turn.get("targets") if isinstance(turn, dict) else None
    if not isinstance(targets, list):
        return {}
    return extra_metadata({"targets": dict(zip(_TARGETS, targets, strict=False))}, ())


ABCD = LogFormat(
    "abcd",
    "ABCD customer service: conversations, or an object of its splits; what the agent did in the software is a "
    "tool's turn.",
    '{"convo_id": 1, "scenario": {"flow": "product_defect"}, "original": [["customer", "Hi"], ["agent", "Hello"]]}',
    is_abcd,
    read_records=record_reader(conversations_of),
)
