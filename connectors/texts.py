"""Changes the texts inside of JSON values."""

from collections.abc import Callable, Mapping
from typing import Any


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """The value with every text in it changed, keys of objects too; tuples become lists.

    Args:
        value: what JSON can hold.
        change: a text to what stands in its place.
    """
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(str(key)): each_text(inner, change) for key, inner in value.items()}
    return [each_text(inner, change) for inner in value] if isinstance(value, list | tuple) else value
