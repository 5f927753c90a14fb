"""JSON logs: from their values to entries. Each record's shape picks the format that makes drafts of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import message_lists
from .json_values import JsonValue
from .log_format import LogFormat
from .log_text import NoLogError
from .metadata import clean_text, record_id
from .parse_results import ParsedRecord, ProblemReporter, UnreadableError, quoted
from .registry import LOG_FORMATS, format_of, known_formats, ranked_formats
from .turn_groups import TurnGroups
from .turn_table import usual_columns

_TRIES = 20
"""Records without one of a known shape after which a file counts as no known log; of a wrapped list, those
that are looked at."""
_WRAPPERS = ("data", "conversations", "dialogues", "chats", "sessions", "threads", "items", "records", "rows")
"""Where an object may wrap a whole log."""


@dataclass(frozen=True, slots=True)
class _Record:
    """A value that may be a record: its position, its number for an id, its format or what is wrong with it.

    Attributes:
        positions: where the value is a list of messages that stood by themselves: theirs.
        remark: what a person should know of it.
    """

    position: int
    number: int
    value: Any
    format: LogFormat | None = None
    error: str | None = None
    positions: Sequence[int] = ()
    remark: str | None = None


def read_json_records(
    path: Path,
    found: Iterator[JsonValue],
    wanted: str | None,
    report: ProblemReporter,
    seen: Counter[str] | None = None,
) -> Iterator[ParsedRecord]:
    """The records of a JSON log.

    Args:
        path: the log.
        found: its values.
        wanted: the one format that records may have; None for any of the known ones.
        report: is told of records that cannot be read.
        seen: counts the records of each format.

    Raises:
        NoLogError: none of the first records (all of them in a short file) has a known shape.
    """
    held: list[tuple[int, str]] | None = []  # problems before the first record of a known shape
    parts: dict[str, tuple[LogFormat, list[tuple[int, Any]]]] = {}  # records that make up conversations together
    for record in _records(found, wanted):
        if record.format is not None and wanted in (None, record.format.name):
            if seen is not None:
                seen[record.format.name] += 1
            for position, reason in held or ():
                report(position, reason)
            held = None
            if record.format.read_records is not None:
                parts.setdefault(record.format.name, (record.format, []))[1].append((record.position, record.value))
            else:
                yield from _entries(record, record.format, report)
            continue
        reason = record.error or f"{_seen(record.value)}: no record of {wanted or _names()}"
        if held is None:
            report(record.position, reason)
        else:
            held.append((record.position, reason))
            if len(held) >= _TRIES:
                break
    if held is not None:
        raise NoLogError(path, None, _unrecognised(held, wanted))
    for format, some in parts.values():
        if format.read_records is not None:
            yield from format.read_records(some, report)


def _records(found: Iterator[JsonValue], wanted: str | None) -> Iterator[_Record]:
    """The values as records: those that an object merely wraps come out, messages by themselves come together."""
    number = 0
    loose: list[JsonValue] = []
    for value in found:
        if loose and loose[0].group != value.group:
            yield _together(loose, number, wanted)
            loose = []
        format = format_of(value.value, wanted)
        if format is None and _is_part(value.value):
            number += not loose
            loose.append(value)
            continue
        inner = _wrapped(value.value, wanted) if format is None else []
        for item in inner:
            number += 1
            yield _Record(number, number, item, format_of(item, wanted))
        if not inner:
            number += 1
            yield _Record(value.position, number, value.value, format, value.error)
    if loose:
        yield _together(loose, number, wanted)


def _wrapped(value: Any, wanted: str | None) -> list[Any]:
    """The records in an object that only wraps them, as `{"data": [{"messages": …}, …]}` does."""
    found = []
    for inner in map(value.get, _WRAPPERS) if isinstance(value, dict) else ():
        if isinstance(inner, list) and format_of(inner, wanted) is not None:
            found.append([inner])  # messages by themselves
        elif isinstance(inner, list) and any(format_of(item, wanted) is not None for item in inner[:_TRIES]):
            found.append(inner)
    return found[0] if len(found) == 1 else []  # of two it is not told which is meant


def _is_part(value: Any) -> bool:
    """Whether a value is one message by itself."""
    return message_lists.is_turn(value) or any(item.is_message(value) for item in ranked_formats())


def _together(loose: list[JsonValue], number: int, wanted: str | None) -> _Record:
    """The record that messages by themselves make up: one list of them."""
    turns = [item.value for item in loose]
    positions = [item.position for item in loose]
    columns = usual_columns(list(turns[0]))
    format = format_of(turns, wanted)
    remark = None
    if columns["conversation"] is None and not loose[0].group:  # the file's own records, no list's items
        known = any(item.is_message(turns[0]) for item in ranked_formats())  # and its keys with it
        if not known and not turns[0].keys() <= set(columns.values()):  # any other might tell conversations apart
            reason = f"messages that do not say which conversation they are of; their keys are {quoted(list(turns[0]))}"
            return _Record(positions[0], number, None, error=reason)
        remark = "no key tells conversations apart: the whole file was read as one"
    return _Record(positions[0], number, turns, format, None, positions, remark)


def _entries(record: _Record, format: LogFormat, report: ProblemReporter) -> Iterator[ParsedRecord]:
    own = own_key = None
    try:
        if isinstance(record.value, dict):
            own, own_key = record_id(record.value, format.id_key)
        else:
            first: dict[str, Any] = next(filter(message_lists.is_turn, record.value), {})
            columns = usual_columns(list(first))
            if columns["conversation"] is not None:
                yield from _talks(record, columns["conversation"], columns["order"], report)
                return
        drafts = format.read_record(record.value) if format.read_record is not None else []
    except UnreadableError as error:
        report(record.position, str(error))
        return
    except RecursionError:
        report(record.position, "JSON nested too deeply")
        return
    for draft in drafts:
        draft.metadata.pop(own_key or "", None)
        draft.remarks += [record.remark] if record.remark else []
    yield ParsedRecord(record.position, record.number, own, drafts)


def _talks(record: _Record, conversation: str, order: str | None, report: ProblemReporter) -> Iterator[ParsedRecord]:
    """The conversations in a list of messages that each name theirs, as a table's rows do."""
    talks = TurnGroups(order, "line or record")
    for position, turn in zip(record.positions or [record.position] * len(record.value), record.value, strict=True):
        own = turn.get(conversation) if isinstance(turn, dict) else None
        if isinstance(own, bool) or not isinstance(own, int | str) or not str(own).strip():
            report(position, f"a message without a {conversation!r}")
            continue
        said = message_lists.parse_turn(turn, (conversation, order))
        if said is None:
            report(position, "a message that does not say who speaks")
            continue
        place = turn.get(order)
        talks.add(clean_text(str(own).strip()), position, said, "" if place is None else str(place))
    yield from talks.records()


def _seen(value: Any) -> str:
    if isinstance(value, dict):
        for key, items in value.items():  # here the items' keys are what tells it from a known format
            if key in message_lists.LISTS and isinstance(items, list) and items and isinstance(items[0], dict):
                return f"an object whose {key!r} begin with {_seen(items[0])}"
        return f"an object with the keys {quoted(list(value))}" if value else "an empty object"
    return {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}.get(type(value), "a number")


def _names() -> str:
    return ", ".join(item.name for item in LOG_FORMATS.records if item.has_records)


def _unrecognised(held: list[tuple[int, str]], wanted: str | None) -> str:
    if not held:
        return "holds no records"
    position, reason = held[0]
    what = f"a {wanted} log" if wanted else "a log of a known format"
    return f"is not {what} (at {position}: {reason}). {known_formats()}"
