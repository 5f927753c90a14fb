"""Reading single JSON values of a record: ids, moments, whatever goes to metadata."""

import json
import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

SMALL = 2000
_RATED = 200_000  # characters of JSON of the labels of many raters, which exports of this project hold
"""Characters of JSON from which on a list or an object of a record is left out of the metadata."""

_ID_KEYS = (
    "id",
    "conversation_id",
    "conversationId",
    "convo_id",
    "conv_id",
    "dialogue_id",
    "dialog_id",
    "conversation_hash",
    "uuid",
    "session_id",
    "thread_id",
    "chat_id",
)
_MOMENT_KEYS = (
    "timestamp",
    "created_at",
    "createdAt",
    "create_time",
    "created",
    "sent_at",
    "datetime",
    "time",
    "date",
    "ts",
    "at",
)
_NUMBER = re.compile(r"\d{1,16}(?:\.\d{1,9})?")
_SECONDS = (1e8, 1e10)
"""What counts as epoch seconds: 1973 to 2286; a thousand times that are milliseconds. No ISO date of digits
alone (20240131) falls into it."""


def record_id(record: Mapping[str, Any], first: str | None = None) -> tuple[str | None, str | None]:
    """The record's own id and the key that holds it; (None, None) when it has none.

    Args:
        record: the record.
        first: a key that is looked at before the usual ones.
    """
    for name in (first, *_ID_KEYS) if first is not None else _ID_KEYS:
        value = record.get(name)
        if isinstance(value, int | str) and not isinstance(value, bool) and str(value).strip():
            return clean_text(str(value).strip()), name
    return None, None


def clean_text(text: str) -> str:
    """The text with lone surrogates replaced: an id or a key must be writable anywhere."""
    return text.encode("utf-8", "replace").decode("utf-8")


def parse_timestamp(value: Any) -> datetime | None:
    """A moment as a log writes it: ISO 8601, or epoch seconds or milliseconds (then UTC); None otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        text = value.strip()
        epoch = _epoch(float(text)) if _NUMBER.fullmatch(text) else None
        return epoch or _iso(text)
    return _epoch(value)


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None


def _epoch(value: float) -> datetime | None:
    low, high = _SECONDS
    if low <= value < high:
        return datetime.fromtimestamp(value, UTC)
    if low * 1000 <= value < high * 1000:
        return datetime.fromtimestamp(value / 1000, UTC)
    return None


def find_timestamp(record: Mapping[str, Any]) -> tuple[datetime | None, str | None]:
    """When something was said and the key that tells; a moment that cannot be read stays to the extras."""
    for name in _MOMENT_KEYS:
        if name in record and (found := parse_timestamp(record[name])) is not None:
            return found, name
    return None, None


def extra_metadata(record: Mapping[str, Any], used: Collection[str | None]) -> dict[str, Any]:
    """What a record holds besides the used keys: scalars, and lists and objects of less than SMALL
    characters of JSON (people's labels, "ratings", may be longer). Nulls and what no JSON can hold (infinite numbers)
    are left out.
    """
    return {
        clean_text(name): value
        for name, value in record.items()
        if name not in used and value is not None and _keepable(value, _RATED if name == "ratings" else SMALL)
    }


def _keepable(value: Any, small: int) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if not isinstance(value, list | dict):
        return True
    if len(value) > small:  # spares the writing of what is surely too big
        return False
    try:
        return len(json.dumps(value, allow_nan=False, ensure_ascii=False)) < small
    except (ValueError, RecursionError):  # an infinite number inside, or too deep for the encoder
        return False
