"""Lists of texts of two speakers in turns: UltraChat, DailyDialog."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn

_SIDES = ("user", "assistant")
_KEYS = ("data", "dialog", "dialogue")
_SURE = "data"
"""The key of sets in which a user surely begins."""


def is_text_list(value: Any) -> bool:
    """Return whether a JSON value is an object with a list of texts."""
    return isinstance(value, dict) and _list_key(value) is not None


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation of a list of texts; a text that is none is counted as missing, and keeps its place."""
    key = _list_key(record) or _SURE
    conversation = ParsedConversation([], extra_metadata(record, {key}))
    for place, text in enumerate(record[key]):
        if isinstance(text, str):
            conversation.turns.append(ParsedTurn(_SIDES[place % 2], text))
        else:
            conversation.remarks.append(f"message {place + 1} is missing")
    if key != _SURE:
        conversation.remarks.append("the log does not say who speaks: the first speaker is taken for the user")
    return [conversation]


def _list_key(record: Mapping[str, Any]) -> str | None:
    lists = ((key, record[key]) for key in _KEYS if isinstance(record.get(key), list))
    return next(
        (key for key, texts in lists if len(texts) > 1 and all(isinstance(text, str) for text in texts[:2])), None
    )


ULTRA_CHAT = LogFormat(
    "ultrachat",
    "Lists of texts of a user and an assistant in turns (UltraChat; DailyDialog, where the first speaker is taken for "
    "the user).",
    '{"id": "0", "data": ["Hi", "Hello"]}',
    is_text_list,
    read_record,
    precedence=-5,
)
