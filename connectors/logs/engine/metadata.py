"""Ids, timestamps and metadata of JSON records."""

import json
import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

_MAX_JSON = 2000
"""Characters of JSON from which on a list or an object of a record is left out of the metadata."""
_MAX_LONG = 200_000
"""The same for the labels of many raters, and for the tools of a conversation: both are exported."""
_LONG_KEYS = ("ratings", "tools")

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
_TIMESTAMP_KEYS = (
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
"""The range of epoch seconds: 1973 to 2286; a thousand times that are milliseconds. No ISO date of digits alone
(20240131) falls into it."""


def record_id(record: Mapping[str, Any], first: str | None = None) -> tuple[str | None, str | None]:
    """Return the record's own id and the key that holds it; (None, None) where it has none.

    Args:
        record: the record.
        first: a key that is tried before the usual ones.
    """
    for name in (first, *_ID_KEYS) if first is not None else _ID_KEYS:
        value = record.get(name)
        if isinstance(value, int | str) and not isinstance(value, bool) and str(value).strip():
            return clean_text(str(value).strip()), name
    return None, None


def clean_text(text: str) -> str:
    """Return the text with lone surrogates replaced: an id or a key must be writable anywhere."""
    return text.encode("utf-8", "replace").decode("utf-8")


def parse_timestamp(value: Any) -> datetime | None:
    """Return a timestamp of a log: ISO 8601, or epoch seconds or milliseconds (then UTC); None for any other value."""
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
    """Return the time of a record and the key that holds it; (None, None) where none can be read."""
    for name in _TIMESTAMP_KEYS:
        if name in record and (timestamp := parse_timestamp(record[name])) is not None:
            return timestamp, name
    return None, None


def extra_metadata(record: Mapping[str, Any], used: Collection[str | None]) -> dict[str, Any]:
    """Return the metadata of a record: everything besides the used keys.

    Scalars are metadata, and lists and objects of less than 2,000 characters of JSON (people's labels, "ratings", and
    "tools" may be longer). Nulls are left out, and values that no JSON can hold (infinite numbers).
    """
    return {
        clean_text(name): value
        for name, value in record.items()
        if name not in used
        and value is not None
        and _is_metadata(value, _MAX_LONG if name in _LONG_KEYS else _MAX_JSON)
    }


def _is_metadata(value: Any, limit: int) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if not isinstance(value, list | dict):
        return True
    if len(value) > limit:  # surely too big: it need not be written
        return False
    try:
        return len(json.dumps(value, allow_nan=False, ensure_ascii=False)) < limit
    except (ValueError, RecursionError):  # an infinite number inside, or too deep for the encoder
        return False
