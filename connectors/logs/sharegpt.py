"""ShareGPT: `{"conversations": [{"from": "human", "value": …}, {"from": "gpt", "value": …}]}`."""

from collections.abc import Mapping
from typing import Any

from .drafts import Draft, Said
from .openai import add_system, content_text, say
from .values import extras, moment_of

_TOLD = ("function_call", "observation")
"""Words for a speaker that say more than the role does: kept in the turn's metadata."""


def is_turn(value: Any) -> bool:
    """Whether a JSON value looks like one turn."""
    return isinstance(value, dict) and isinstance(value.get("from"), str) and "value" in value


def draft(record: Mapping[str, Any] | list[Any], key: str = "conversations") -> Draft:
    """The conversation in a record.

    Turns without text are kept, empty, and remarked on: the log says that somebody's turn was there.

    Args:
        record: the object, or the bare list of turns.
        key: where an object holds its turns.

    Raises:
        UnreadableError: a turn with text does not say who speaks.
    """
    found = Draft([])
    if isinstance(record, list):
        turns = record
    else:
        turns = record[key]
        found.metadata = extras(record, {key})
    for number, turn in enumerate(turns, 1):
        if (said := _say(turn, number, found.remarks)) is not None:
            found.said.append(said)
    add_system(found)
    return found


def _say(turn: Any, number: int, remarks: list[str]) -> Said | None:
    if not isinstance(turn, dict) or not isinstance(turn.get("from"), str):
        if isinstance(turn, dict) and "content" not in turn and "value" in turn:
            turn = {**turn, "content": turn["value"]}
        return say(turn, number, remarks)
    speaker = turn["from"]
    text_key = "value" if "value" in turn or "content" not in turn else "content"
    content = content_text(turn.get(text_key))
    if not content.strip():
        remarks.append(f"turn {number} ({speaker!r}) is empty")
    name = turn.get("name")
    name = name if isinstance(name, str) and name.strip() else None
    at, at_key = moment_of(turn)
    kept = None if speaker in _TOLD else "from"
    return Said(speaker, content, name, at, extras(turn, {text_key, kept, at_key, "name" if name else None}))
