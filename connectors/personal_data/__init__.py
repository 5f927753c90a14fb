"""Personal data in texts: one module for each family of kinds, each match checked as far as possible."""

import re
from collections.abc import Iterator

from .accounts import accounts
from .birth_dates import birth_dates
from .emails import emails
from .identifiers import identifiers
from .introduced_names import introduced_names
from .libraries import check_libraries
from .networks import networks
from .passwords import passwords
from .phones import phones
from .postal_addresses import postal_addresses
from .spans import PersonalSpan

__all__ = ["PersonalSpan", "check_libraries", "patterns"]

_DIGIT = re.compile(r"\d")
_MONTH, _DAY = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_DATE = re.compile(
    rf"(?<!\d)(?<!\d[-./])(?:\d{{4}}[-./]{_MONTH}[-./]{_DAY}|"
    rf"(?:{_DAY}[-./]{_MONTH}|{_MONTH}[-./]{_DAY})[-./](?:\d\d){{1,2}})(?![-./]?\d)"
)
_UUID = re.compile(r"(?<![\w-])[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}(?![\w-])", re.IGNORECASE)


def patterns(text: str) -> Iterator[PersonalSpan]:
    """Yield personal data of all kinds, from e-mail addresses to phone numbers; spans may overlap.

    Raises:
        MissingExtraError: the extra `redact` is not installed.
    """
    yield from emails(text)
    yield from passwords(text)
    yield from introduced_names(text)
    if not _DIGIT.search(text) and text.count(":") < 7:  # most turns
        return
    text = _UUID.sub(_blank, text)
    yield from accounts(text)
    yield from networks(text)
    yield from birth_dates(text)
    yield from postal_addresses(text)
    yield from identifiers(text)
    yield from phones(_DATE.sub(_blank, text))  # a date before a number is no part of it


def _blank(match: re.Match[str]) -> str:
    return "_" * len(match[0])
