"""ABCD: conversations of customer service."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import (
    add_turn,
    content_or_placeholder,
    identifier,
    objects,
    record_reader,
)
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import clean_text, extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn, UnreadableError

_ABCD_PARTS = ("original", "delexed")
_ABCD_ROLES = {"agent": "agent", "customer": "customer", "action": "tool"}
_ABCD_TARGETS = ("intent", "next_step", "button", "values", "utterance")
_PAIR = 2
_Found = Iterator[tuple[str | None, Sequence[ParsedConversation]]]


def is_abcd(value: Any) -> bool:
    """Whether a JSON value is a conversation of ABCD, or an object of its splits."""
    return _is_abcd(value) or bool(_splits(value))


def abcd(value: Mapping[str, Any]) -> _Found:
    """The conversations in a record; what an agent did in the software is the tool's.

    Raises:
        UnreadableError: a turn does not say who speaks.
    """
    if _is_abcd(value):
        yield identifier(value, "convo_id") or None, [_abcd(value)]
        return
    for split, talks in _splits(value).items():
        for talk in talks:
            draft = _abcd(talk)
            draft.metadata["split"] = clean_text(split)
            yield identifier(talk, "convo_id") or None, [draft]


def _is_abcd(value: Any) -> bool:
    if not isinstance(value, dict) or "convo_id" not in value:
        return False
    return any(isinstance(value.get(name), list) for name in _ABCD_PARTS)


def _splits(value: Any) -> dict[str, list[dict[str, Any]]]:
    if not isinstance(value, dict):
        return {}
    found = {name: objects(talks) for name, talks in value.items() if isinstance(talks, list)}
    return {
        name: [talk for talk in talks if _is_abcd(talk)] for name, talks in found.items() if any(map(_is_abcd, talks))
    }


def _abcd(value: Mapping[str, Any]) -> ParsedConversation:
    draft = ParsedConversation([], extra_metadata(value, set(_ABCD_PARTS)))
    plain, coded = (_listed(value.get(name)) for name in _ABCD_PARTS)
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
        role: str = _ABCD_ROLES.get(speaker.strip().lower()) or speaker
        add_turn(draft, ParsedTurn(role, content, None, None, about))
    return draft


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _targets(turn: Any) -> dict[str, Any]:
    targets = turn.get("targets") if isinstance(turn, dict) else None
    if not isinstance(targets, list):
        return {}
    return extra_metadata({"targets": dict(zip(_ABCD_TARGETS, targets, strict=False))}, ())


ABCD = LogFormat(
    "abcd",
    "ABCD customer service: conversations, or an object of its splits; what the agent did in the software is a "
    "tool's turn.",
    '{"convo_id": 1, "scenario": {"flow": "product_defect"}, "original": [["customer", "Hi"], ["agent", "Hello"]]}',
    is_abcd,
    read_records=record_reader(abcd),
)
