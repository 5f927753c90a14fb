"""The texts inside JSON values."""

from collections.abc import Callable, Mapping
from typing import Any


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with every text in it changed, keys of objects too; tuples become lists.

    Args:
        value: a value that JSON can hold.
        change: returns the text that takes a text's place.
    """
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(str(key)): map_texts(inner, change) for key, inner in value.items()}
    return [map_texts(inner, change) for inner in value] if isinstance(value, list | tuple) else value
