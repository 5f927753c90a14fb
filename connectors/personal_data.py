"""Patterns of personal data, each with a check of its matches.

All take linear time on any text: each begins at few places and looks a bounded number of characters ahead. A pattern
matches more than the personal data, as further digits may follow: the longest part that passes the check is taken.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from string import ascii_uppercase


@dataclass(frozen=True, slots=True)
class PersonalSpan:
    """Personal data in a text: `text[start:end]`, and its kind in one or two words."""

    start: int
    end: int
    kind: str


_DASHES = r"\-\u2010-\u2015\u2212"
_SPACES = r" \u00a0\u2007\u2009\u202f"
_BEGINS = r"(?<![^\W_])"  # no letter or digit before it

_DIGIT = re.compile(r"\d")
_DOMAIN = re.compile(r"(?:@|%40)(?:[\w-]{1,63}\.){1,8}(?:xn--[a-z\d-]{2,59}|[^\W\d_]{2,24})(?![^\W_])", re.IGNORECASE)
_IBAN = re.compile(rf"{_BEGINS}(?=([a-z]{{2}}\d\d(?:[{_SPACES}{_DASHES}]?[a-z\d]){{11,30}}))", re.IGNORECASE)
_CARD = re.compile(rf"{_BEGINS}(?<!\d[.,])(?=\d{{4}})(?=(\d(?:[{_SPACES}{_DASHES}]?\d){{12,18}}))")
_IPV4 = re.compile(rf"{_BEGINS}(?<!\d\.)\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?!\.?\d)")
_IPV6 = re.compile(
    rf"{_BEGINS}(?=[\da-f]{{1,4}}:|::)[\da-f:]{{1,38}}(?:\d(?:\.\d{{1,3}}){{3}}|[\da-f]|::)(?![^\W_]|:[\da-f])",
    re.IGNORECASE,
)
_GAP = rf"[{_SPACES}{_DASHES}()/.]"
_NUMBER = rf"{_BEGINS}(?<!\d[.,:/{_DASHES}])"  # no part of a longer one
_PHONE = re.compile(rf"{_NUMBER}(?=((?:\(?\+|0(?=\d)|\(\d{{1,5}}\))(?:{_GAP}{{0,3}}\d){{5,16}}))")
_GROUPED = re.compile(rf"{_NUMBER}\d{{1,3}}(?:{_GAP}{{1,3}}\d{{2,4}}){{1,3}}{_GAP}{{1,3}}\d{{4}}(?!\d)")
_MONTH, _DAY = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_DATE = re.compile(
    rf"(?<!\d)(?<!\d[-./])(?:\d{{4}}[-./]{_MONTH}[-./]{_DAY}|"
    rf"(?:{_DAY}[-./]{_MONTH}|{_MONTH}[-./]{_DAY})[-./](?:\d\d){{1,2}})(?![-./]?\d)"
)
_UUID = re.compile(r"(?<![\w-])[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}(?![\w-])", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\W_]+")
_VALUES = {ord(letter): str(int(letter, 36)) for letter in ascii_uppercase}
_LONGEST_LOCAL = 64  # characters before the @


def patterns(text: str) -> Iterator[PersonalSpan]:
    """Yield e-mail addresses, IBANs, payment cards, IP addresses and phone numbers, each checked as far as possible."""
    yield from _emails(text)
    if not _DIGIT.search(text) and text.count(":") < 7:  # most turns
        return
    text = _UUID.sub(_blank, text)
    yield from _valid_spans(_IBAN, text, "IBAN", _is_iban)
    yield from _valid_spans(_CARD, text, "card", _is_card)
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            if _is_address(match[0]):
                yield PersonalSpan(*match.span(), "IP address")
    text = _DATE.sub(_blank, text)  # a date before a number is no part of it
    yield from _valid_spans(_PHONE, text, "phone", _is_phone)
    for match in _GROUPED.finditer(text):
        if 10 <= sum(map(str.isdecimal, match[0])) <= 15:
            yield PersonalSpan(*match.span(), "phone")


def _blank(match: re.Match[str]) -> str:
    return "_" * len(match[0])


def _valid_spans(
    pattern: re.Pattern[str], text: str, kind: str, check: Callable[[str], bool]
) -> Iterator[PersonalSpan]:
    """Yield the longest part of each match that passes the check; it ends where a group of characters ends.

    Parts may overlap: one that passes by chance must not hide another.
    """
    for match in pattern.finditer(text):
        start, longest = match.span(1)
        for end in range(longest, start, -1):
            if text[end - 1].isalnum() and not text[end : end + 1].isalnum() and check(text[start:end]):
                yield PersonalSpan(start, end, kind)
                break


def _emails(text: str) -> Iterator[PersonalSpan]:
    last = 0
    for match in _DOMAIN.finditer(text):
        start = match.start()
        first = max(last, start - _LONGEST_LOCAL)
        while start > first and (text[start - 1].isalnum() or text[start - 1] in "._%+-'&"):
            start -= 1
        while text[start] in ".'&":
            start += 1
        if start < match.start():
            last = match.end()
            yield PersonalSpan(start, last, "e-mail")


def _is_iban(text: str) -> bool:
    """Check an IBAN (ISO 13616): country and check digits moved to the end, letters as numbers, modulo 97 is 1."""
    plain = _SEPARATORS.sub("", text)
    if not 15 <= len(plain) <= 34 or not plain.isascii():
        return False
    number = int((plain[4:] + plain[:4]).upper().translate(_VALUES))
    # Account numbers have digits: four words after "AB12" are none, even where they happen to add up.
    return number % 97 == 1 and sum(map(str.isdigit, plain)) >= 8


def _is_card(text: str) -> bool:
    """Check a card number (ISO 7812): Luhn's sum ends with 0.

    Times in milliseconds and smaller units begin with a 1, as only airlines' cards do.
    """
    digits = [int(character) for character in text if character.isdecimal()]
    if not 13 <= len(digits) <= 19 or digits[0] == 0 or (digits[0] == 1 and len(digits) != 15):
        return False
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_address(text: str) -> bool:
    """Return whether the text is an IP address; `a::b` and `1::2` are more often something else."""
    groups = [group for group in text.split(":") if group]
    if "::" in text and (len(groups) < 2 or max(map(len, groups)) < 3 or not any(map(str.isdigit, text))):
        return False
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _is_phone(text: str) -> bool:
    """Return whether digits with +, 00, 0 or (area) in front are neither too few nor too many for a phone number."""
    groups = re.findall(r"\d+", text)
    count = sum(map(len, groups))
    if "+" in text:
        return 7 <= count <= 16
    if groups[0].startswith("00"):
        return 10 <= count <= 17 and groups[0][2:3] != "0"
    return 8 <= count <= 12 and (len(groups) > 1 or count >= 10)
