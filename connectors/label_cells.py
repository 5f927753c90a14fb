"""Cells of labels files: turns, numbers and texts, in the ways in which people write them."""

import math
import re
import sys
from typing import Any

from convexplain.agreement.labels import score_of
from convexplain.types import Rubric

_MISSING = frozenset({"", "-", "–", "?", "na", "n/a", "nan", "none", "null", "nil", "missing", "skip", "skipped"})
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_TRUTH = {"true": 1.0, "false": 0.0}


def parse_turn(value: Any, first: int) -> int | None:
    """Return a 0-based index, negative from the end; None = the last assistant turn.

    Raises:
        ValueError: the cell is no index.
    """
    text = cell_text(value)
    if value is None or word_key(text) in ("last", "final", ""):
        return None
    number = None if isinstance(value, bool) or text.casefold() in _TRUTH else parse_number(value)
    if number is None or not number.is_integer() or abs(number) > 1e9:
        raise ValueError(f"turn {text[:80]!r} is no whole number and not 'last'")
    turn = int(number)
    if 0 <= turn < first:
        raise ValueError(f"turn {turn}: turns are counted from {first}")
    return turn if turn < 0 else turn - first


def parse_number(value: Any) -> float | None:
    """Return a number, or a truth value as 1 or 0; None for anything else."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return float(value) if abs(value) <= sys.float_info.max else None
    text = cell_text(value)
    if text.casefold() in _TRUTH:
        return _TRUTH[text.casefold()]
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text.replace(",", "."))
    return number if math.isfinite(number) else None


def is_missing(value: Any, rubric: Rubric) -> bool:
    """Return whether a cell holds no rating; a rubric may have a label that is called `none`."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and value.strip().casefold() in _MISSING and score_of(rubric, value) is None


def cell_text(value: Any) -> str:
    """Return the text of a cell without white space around it; empty for None."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))  # data frames turn whole numbers beside a missing one into fractions
    return "" if value is None else str(value).strip()


def word_key(name: str) -> str:
    """Return a word in the form in which words are compared: small letters, without `_` and `-`."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
