"""Heads in the name of a model: `embedded?head=FILE`, `local:SOURCE?head=FILE&head=FILE`, `…?head=none`."""

import re

from convexplain.errors import UsageError
from convexplain.judges.heads import Head, read_head

_QUERY = re.compile(r"(?P<model>[^?]+)[?]head=(?P<files>[^&]+(?:&head=[^&]+)*)")
_NONE = ["none"]


def split_heads(name: str) -> tuple[str, list[str]]:
    """Return the text before the query and the files of the query; the text and no files where it has no heads."""
    match = _QUERY.fullmatch(name)
    return (match["model"], match["files"].split("&head=")) if match else (name, [])


def read_heads(name: str, files: list[str], shipped: tuple[Head, ...] = ()) -> list[Head]:
    """Return the shipped heads and those of the files, which take precedence; no head for `head=none`.

    Raises:
        UsageError: `none` and a file.
        HeadError: a file is no head.
    """
    if files == _NONE:
        return []
    if "none" in files:
        raise UsageError(f"model {name!r} is not valid: head=none and another head")
    return [*shipped, *map(read_head, files)]
