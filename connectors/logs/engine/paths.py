"""Paths into JSON records: `author.name`, `messages[*].text`, `choices[0].message`, alternatives with `|`."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

_STEP = re.compile(r"([^.\[\]]+)|\[(\*|\d+)\]")

Steps = tuple[str | int, ...]
_ITEMS: str = "[*]"
_FIRST = 20
"""Items of a list that are looked at where only the shape of a record is asked for."""


@cache
def path_steps(path: str) -> tuple[Steps, ...]:
    """Return the steps of each alternative of a path: a key, a place in a list, or `[*]` for all items."""
    return tuple(
        tuple(
            match[1] if match[1] is not None else _ITEMS if match[2] == "*" else int(match[2])
            for match in _STEP.finditer(alternative)
        )
        for alternative in path.split("|")
    )


def values_at(record: Any, path: str) -> list[Any]:
    """Return the values at a path that are not null, of its first alternative that has any; "" is the record itself.

    `[*]` stands for all items of a list, or all values of an object.
    """
    for steps in path_steps(path):
        if values := [value for value in _walk(record, steps) if value is not None]:
            return values
    return []


def keyed_values_at(record: Any, path: str) -> list[tuple[str, Any]]:
    """Return the values of `values_at` with their keys, where the path's last `[*]` goes through an object; else ""."""
    for steps in path_steps(path):
        keyed: list[tuple[str, Any]] = []
        if steps and steps[-1] == _ITEMS:
            for container in _walk(record, steps[:-1]):
                keyed += (
                    container.items() if isinstance(container, dict) else [("", item) for item in _items(container)]
                )
        else:
            keyed = [("", value) for value in _walk(record, steps)]
        if keyed := [(key, value) for key, value in keyed if value is not None]:
            return keyed
    return []


def value_at(record: Any, path: str) -> Any:
    """Return the first value at a path that is neither null nor blank; None where there is none."""
    for steps in path_steps(path):
        for value in _walk(record, steps):
            if value is not None and not (isinstance(value, str) and not value.strip()):
                return value
    return None


def holds(record: Any, condition: str) -> bool:
    """Return whether a condition holds of a record.

    Args:
        record: a JSON value.
        condition: `path` (there is a value, and it is neither false nor empty), `!path` (the value is false or
            empty), `path=word` or `path!=word` (the value, as a word: true, 3, note).
    """
    if condition.startswith("!"):
        return any(not value for value in _all(record, condition[1:]))
    path, equals, word = condition.partition("=")
    if not equals:
        return any(values_at(record, path))
    if path.endswith("!"):
        return all(as_word(value) != word for value in values_at(record, path[:-1]))
    return any(as_word(value) == word for value in values_at(record, path))


def has_key(record: Mapping[str, Any], condition: str) -> bool:
    """Return whether a path exists in a record, also with null; `path=word` compares as in `holds`.

    Of lists the first 20 items are looked at.
    """
    alternatives, word = _condition(condition)
    if not any(not steps or steps[0] in record for steps in alternatives):  # most records end here
        return False
    values = [value for steps in alternatives for value in _walk(record, steps, _FIRST)]
    return bool(values) if word is None else any(as_word(value) == word for value in values)


def as_word(value: Any) -> str:
    """Return a text, a number or a truth value as a word, as JSON writes it; "" for any other value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip() if isinstance(value, str | int | float) else ""


def first_keys(*paths: str) -> set[str]:
    """Return the keys of the record itself with which paths begin."""
    return {steps[0] for path in paths for steps in path_steps(path) if steps and isinstance(steps[0], str)} - {_ITEMS}


def plain_keys(*paths: str) -> set[str]:
    """Return those paths, and alternatives of paths, that are a single key of the record itself."""
    return {
        steps[0]
        for path in paths
        for steps in path_steps(path)
        if len(steps) == 1 and isinstance(steps[0], str) and steps[0] != _ITEMS
    }


def _all(record: Any, path: str) -> list[Any]:
    return [value for steps in path_steps(path) for value in _walk(record, steps, _FIRST)]


@cache
def _condition(condition: str) -> tuple[tuple[Steps, ...], str | None]:
    path, equals, word = condition.partition("=")
    return path_steps(path), word if equals else None


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []


def _walk(record: Any, steps: Steps, most: int | None = None) -> list[Any]:
    values = [record]
    for step in steps:
        following: list[Any] = []
        for value in values:
            if step == _ITEMS:
                following += _items(value)[:most]
            elif isinstance(step, int):
                following += value[step : step + 1] if isinstance(value, list) else ()
            elif isinstance(value, Mapping) and step in value:
                following.append(value[step])
        values = following
    return values
