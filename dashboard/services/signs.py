"""Differences of scores as the pages show them: with their sign, and a minus in place of a hyphen."""

import re

from convexplain.analysis.change_verdicts import signed as signed_plainly

_NEGATIVE = re.compile(r"(?<![\w-])-(?=\d)")


def signed(number: float) -> str:
    """Return a difference of scores with its sign and two decimals, without a negative zero."""
    return with_minus(signed_plainly(number))


def with_minus(text: str) -> str:
    """Return a text with a minus before each negative number; other hyphens stay."""
    return _NEGATIVE.sub("−", text)
