"""Lists of messages that are all objects of texts with the same keys, as most lists are."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

_latest: list[tuple[Any, tuple[Any, ...] | None]] = [((), None)]
"""The latest list with its answer: a list is asked about for its format, and again for its turns."""


def text_keys(items: Sequence[Any]) -> tuple[Any, ...] | None:
    """Return the keys of items that are objects of texts with the same keys in the same order; None for others."""
    latest, keys = _latest[0]
    if latest is not items:
        keys = _text_keys(items)
        _latest[0] = items, keys
    return keys


def _text_keys(items: Sequence[Any]) -> tuple[Any, ...] | None:
    if set(map(type, items)) != {dict} or len(keys := set(map(tuple, items))) != 1:
        return None
    is_text = set(map(type, chain.from_iterable(map(dict.values, items)))) == {str}
    return keys.pop() if is_text else None
