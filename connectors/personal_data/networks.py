"""Addresses in networks: IP and MAC."""

import ipaddress
import re
from collections.abc import Iterator

from .spans import WORD_START, PersonalSpan, text_before

_IPV4 = re.compile(rf"{WORD_START}(?<!\d\.)\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?!\.?\d)")
_IPV6 = re.compile(
    rf"{WORD_START}(?=[\da-f]{{1,4}}:|::)[\da-f:]{{1,38}}(?:\d(?:\.\d{{1,3}}){{3}}|[\da-f]|::)(?![^\W_]|:[\da-f])",
    re.IGNORECASE,
)
_MAC = re.compile(
    r"(?<![\w:.-])(?:[\da-f]{2}(?::[\da-f]{2}){5}|[\da-f]{2}(?:-[\da-f]{2}){5}|[\da-f]{4}(?:\.[\da-f]{4}){2})"
    r"(?![^\W_]|[:.-][\da-f])",
    re.IGNORECASE,
)
_PLAIN_MAC = re.compile(r"(?<![^\W_])[\da-f]{12}(?![^\W_])", re.IGNORECASE)
_MAC_WORD = re.compile(r"\bmac\b|\bhardware address\b", re.IGNORECASE)


def networks(text: str) -> Iterator[PersonalSpan]:
    """Yield IP addresses, and MAC addresses."""
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            if _is_address(match[0]):
                yield PersonalSpan(*match.span(), "IP address")
    for match in _MAC.finditer(text):
        yield PersonalSpan(*match.span(), "MAC address")
    for match in _PLAIN_MAC.finditer(text):
        if _MAC_WORD.search(text_before(text, match.start(), 20)):
            yield PersonalSpan(*match.span(), "MAC address")


def _is_address(text: str) -> bool:
    """Return whether the text is an IP address; `a::b` and `1::2` are more often something else."""
    groups = [group for group in text.split(":") if group]
    if "::" in text and (len(groups) < 2 or max(map(len, groups)) < 3 or not any(map(str.isdigit, text))):
        return False
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False
