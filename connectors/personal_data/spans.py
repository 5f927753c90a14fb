"""Spans of personal data in texts, and what the patterns of all kinds share.

All patterns take linear time on any text: each begins at few places and looks a bounded number of characters ahead or
back.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PersonalSpan:
    """Personal data in a text: `text[start:end]`, and its kind in one or two words."""

    start: int
    end: int
    kind: str


DASHES = r"\-\u2010-\u2015\u2212"
SPACES = r" \u00a0\u2007\u2009\u202f"
# Scripts that put no spaces between words: numbers stand within them.
_UNSPACED = r"\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
WORD_START = rf"(?<![^\W_{_UNSPACED}])"  # no letter or digit before it
WORD = rf"[^\W_{_UNSPACED}]"
_WORD = re.compile(WORD)
_REACH = 40  # characters before a number that may say what it is


def valid_spans(pattern: re.Pattern[str], text: str, kind: str, check: Callable[[str], bool]) -> Iterator[PersonalSpan]:
    """Yield the longest part of each match's first group that passes the check; no letter or digit follows it.

    A pattern matches more than the personal data, as further digits may follow. Parts may overlap: one that passes by
    chance must not hide another.
    """
    for match in pattern.finditer(text):
        start, longest = match.span(1)
        for end in range(longest, start, -1):
            if text[end - 1].isalnum() and not is_word(text, end) and check(text[start:end]):
                yield PersonalSpan(start, end, kind)
                break


def is_word(text: str, index: int) -> bool:
    """Return whether there is a letter or a digit at an index, of a script with spaces between words."""
    return _WORD.match(text, index) is not None


def text_before(text: str, start: int, reach: int = _REACH) -> str:
    """Return the end of the line before a place, at most `reach` characters."""
    return text[max(0, start - reach) : start].rpartition("\n")[2]
