"""The registry of log formats, and the choice of the format that reads a record or a text.

A file in `connectors/logs/formats` adds a format by defining a `LogFormat`; another package adds one by an entry point
of the group `convexplain.log_formats`.
"""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from convexplain.plugins import Registry

from .guard import guarded_format
from .log_format import LogFormat
from .record_shapes import FormatChoice

LOG_FORMATS: Registry[LogFormat] = Registry(
    "log format",
    "log_formats",
    LogFormat,
    "convexplain.connectors.logs.formats",
    guard=lambda log_format: guarded_format(log_format, LOG_FORMATS.warn),
)


@cache
def ranked_formats() -> tuple[LogFormat, ...]:
    """Return all formats in the order in which they are tried: those of other packages, then by precedence."""
    ranked: list[LogFormat] = []
    for formats in (LOG_FORMATS.foreign, LOG_FORMATS.built_in):
        ranked += sorted(formats.values(), key=lambda log_format: -log_format.precedence)
    return tuple(ranked)


def format_of(record: Any, preferred: str | None = None) -> LogFormat | None:
    """Return the format of a JSON record, recognised by the record's shape; None where it has no known one.

    Args:
        record: a JSON value.
        preferred: name of the format that counts where the record fits several.
    """
    formats = ranked_formats()
    named = [log_format for log_format in formats if log_format.name == preferred] if preferred is not None else []
    if named and named[0].is_record(record):
        return named[0]
    if _choices[-1].ranked is not formats:
        _choices[:] = [FormatChoice(formats, frozenset(LOG_FORMATS.foreign))]
    return _choices[-1].format_of(record)


_choices = [FormatChoice((), frozenset())]
"""The choice among all formats, with what it has learned about shapes of records."""


def text_format_of(head: str) -> LogFormat | None:
    """Return the format of a text that is no JSON, recognised by its start; None where it has none of these."""
    formats = ranked_formats()
    return next((log_format for log_format in formats if log_format.read_text and log_format.is_text(head)), None)


def nearest_formats(values: Sequence[Any]) -> str:
    """Return a sentence that says what may be tried with a log of no known format: the two formats whose examples have
    most keys in common with it, and a map.

    Args:
        values: its first JSON values; none for a text.
    """
    keys = {key for value in values[:20] for key in _keys(value)}
    likeness = {
        log_format.name: len(keys & example) / len(keys | example)
        for log_format in LOG_FORMATS.records
        if (example := _keys(_example(log_format.example))) and keys & example
    }
    nearest = sorted(likeness, key=lambda name: -likeness[name])[:2]
    formats = f"The nearest formats are {' and '.join(nearest)} (--format NAME); " if nearest else ""
    return (
        f"{formats}`convexplain logs formats` lists all. Or say where turns, speakers and texts are: "
        f"--map 'turns=…, role=…, content=…' (from Python: map=…)"
    )


def _example(text: str) -> Any:
    for part in (text, text.partition("\n")[0]):
        try:
            return json.loads(part)
        except ValueError:
            continue
    return None


def _keys(value: Any, depth: int = 0) -> set[str]:
    """Return the keys in the first levels of a JSON value."""
    if depth > 4:
        return set()
    if isinstance(value, dict):
        return {str(key) for key in value}.union(*(_keys(inner, depth + 1) for inner in value.values()))
    return set().union(*(_keys(inner, depth + 1) for inner in value[:3])) if isinstance(value, list) else set()
