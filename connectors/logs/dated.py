"""Transcript lines that begin with a date and a time, as WhatsApp and other chat programs export them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .values import moment

_INVISIBLE = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff"
_LINE = re.compile(
    rf"[{_INVISIBLE}\s]*\[?(?P<date>\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}})(?:,\s*|\s+|T)"
    r"(?P<time>\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[ap]\.?\s?m\b\.?)?)(?P<zone>Z|[+-]\d{2}:?\d{2})?"
    r"\]?(?:\s*[-–])?\s+(?P<rest>\S.*)",
    re.IGNORECASE,
)
# Quotes and the two slashes of an address tell a system line ('X changed the subject to "A: b"').
_AUTHOR = re.compile(r'(?P<author>[^:"“”\n]{1,80}):(?!//)[ ]?(?P<text>.*)')
_DATE = re.compile(r"(\d+)([./-])(\d+)[./-](\d+)")
_TIME = re.compile(r"(\d+)[:.](\d+)(?:[:.](\d+))?\s?([ap])?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dated:
    """A dated line: its date and time as they stand there, who speaks (None: a system line) and the text."""

    date: str
    time: str
    author: str | None
    text: str

    @property
    def stamp(self) -> str:
        """Date and time as text."""
        return f"{self.date} {self.time}"


def dated(line: str) -> Dated | None:
    """The line taken apart, None when it begins with no date and time."""
    if (found := _LINE.match(line)) is None:
        return None
    rest = found["rest"].lstrip(_INVISIBLE)
    time = found["time"] + (found["zone"] or "")
    if (said := _AUTHOR.match(rest)) is None:
        return Dated(found["date"], time, None, rest)
    return Dated(found["date"], time, said["author"].strip(), said["text"])


def order_of(dates: Iterable[str]) -> str | None:
    """The order of day, month and year in a file's dates: "ymd", "dmy" or "mdy".

    Years of four digits in front and points tell at once; otherwise a number above 12 does. None where
    nothing tells, or where the dates contradict each other.
    """
    orders = set()
    for date in dates:
        first, separator, second, _ = _date(date)
        if len(first) == 4:
            orders.add("ymd")
            continue
        if separator == "." or int(first) > 12:
            orders.add("dmy")
        if separator != "." and int(second) > 12:
            orders.add("mdy")
    return orders.pop() if len(orders) == 1 else None


def moment_in(line: Dated, order: str | None) -> datetime | None:
    """When a line was said, None where the order of its date is not known or the date is none."""
    first, _, second, third = _date(line.date)
    clock = _TIME.match(line.time)
    if order is None or clock is None:
        return None
    if order == "ymd" and (iso := moment(f"{line.date}T{line.time}")) is not None:
        return iso
    year, month, day = {
        "ymd": (first, second, third),
        "dmy": (third, second, first),
        "mdy": (third, first, second),
    }[order]
    hour = int(clock[1])
    if clock[4]:
        hour = hour % 12 + (12 if clock[4] in "pP" else 0)
    full_year = int(year) + (2000 if len(year) <= 2 else 0)
    try:
        return datetime(full_year, int(month), int(day), hour, int(clock[2]), int(clock[3] or 0))
    except ValueError:
        return None


def _date(text: str) -> tuple[str, str, str, str]:
    found = _DATE.fullmatch(text)
    if found is None:  # pragma: no cover - _LINE has matched the same form
        return "", "", "", ""
    return found[1], found[2], found[3], found[4]
