"""Dates of days, months and years in figures: their order, and the moments that they are."""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from .metadata import parse_timestamp

READABLE = "2025-12-31 14:05, 31.12.2025 14:05, or seconds since 1970"
"""What times may look like, for messages."""

_DATE = r"(?P<date>\d{1,4}[./-]\d{1,2}[./-]\d{1,4})"
_TIME = re.compile(
    r"(?:(?:(?P<morning>上午|午前|오전)|(?P<evening>下午|午後|오후))\s?)?"
    r"(?P<hour>\d+)[:.](?P<minute>\d+)(?:[:.](?P<second>\d+))?(?:\s*(?:(?P<am>a|ص|ÖÖ)|(?P<pm>p|م|ÖS)))?",
    re.IGNORECASE,
)
_DATED = re.compile(
    _DATE + r"(?:,?\s+(?P<time>\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[ap]\.?m\.?)?)(?:\s?Uhr)?)?", re.IGNORECASE
)


def date_order(dates: Iterable[str], *, rising: bool = False) -> str | None:
    """Return the order of day, month and year in dates: "ymd", "dmy" or "mdy".

    A year of four digits in front and points decide at once; otherwise a number above 12 does. None where nothing
    decides, or where the dates contradict each other.

    Args:
        dates: the dates, as `31.12.2025`, `12/31/2025` or `2025-12-31`.
        rising: whether the dates stand in the order of time; then that they do not run backwards decides too.
    """
    orders = set()
    parts = []
    for date in dates:
        first, second, third = re.split(r"[./-]", date)
        parts.append((int(first), int(second), int(third)))
        if len(first) == 4:
            orders.add("ymd")
            continue
        pointed = date[len(first)] == "."
        if pointed or int(first) > 12:
            orders.add("dmy")
        if not pointed and int(second) > 12:
            orders.add("mdy")
    if not orders and rising:
        as_mdy = [(year, first, second) for first, second, year in parts]
        as_dmy = [(year, second, first) for first, second, year in parts]
        orders = {
            order
            for order, ordered_dates in (("mdy", as_mdy), ("dmy", as_dmy))
            if ordered_dates == sorted(ordered_dates)
        }
    return orders.pop() if len(orders) == 1 else None


def moment(date: str, time: str, order: str | None) -> datetime | None:
    """Return the moment of a date and a time; None where the order is not known, or there is no such moment."""
    clock = _TIME.match(time)
    if order is None or clock is None or not date:
        return None
    if order == "ymd" and (iso := parse_timestamp(f"{date}T{time}")) is not None:
        return iso
    parts = dict(zip(order, map(int, re.split(r"[./-]", date)), strict=True))
    hour = int(clock["hour"])
    late = clock["pm"] or clock["evening"]
    if late or clock["am"] or clock["morning"]:
        hour = hour % 12 + (12 if late else 0)
    year = parts["y"] + (2000 if parts["y"] < 100 else 0)
    try:
        return datetime(year, parts["m"], parts["d"], hour, int(clock["minute"]), int(clock["second"] or 0))
    except ValueError:
        return None


def is_moment(value: Any) -> bool:
    """Return whether a value is a time, also one whose order of day and month is not known."""
    return parse_timestamp(value) is not None or (
        isinstance(value, str) and _DATED.fullmatch(value.strip()) is not None
    )


def column_order(values: Sequence[Any]) -> str | None:
    """Return the order of day, month and year in the values of a column; None where it is not known."""
    matches = [_DATED.fullmatch(value.strip()) for value in values if isinstance(value, str)]
    return date_order(match["date"] for match in matches if match is not None)


def column_moment(value: Any, order: str | None) -> datetime | None:
    """Return the moment of a value of a column; None where it is not known.

    Args:
        value: a moment as `parse_timestamp` takes it, or a date with or without a time, as `31.12.2025 14:05`.
        order: the order of day, month and year in the column.
    """
    if (known := parse_timestamp(value)) is not None or not isinstance(value, str):
        return known
    match = _DATED.fullmatch(value.strip())
    return None if match is None else moment(match["date"], match["time"] or "0:00", order)


def is_number(value: Any) -> bool:
    """Return whether a value is a number, which may order turns although it is no time."""
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError, OverflowError):
        return False
