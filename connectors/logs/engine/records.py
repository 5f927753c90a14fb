"""JSON logs: their values become parsed records. Each record's shape selects the format that reads it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

from . import message_lists
from .json_values import JsonValue
from .log_format import LogFormat
from .log_text import NoLogError
from .map_proposal import SAMPLE
from .mapped_records import read_mapped, unwrapped
from .metadata import clean_text, record_id
from .parse_results import ParsedConversation, ParsedRecord, UnreadableError, quoted_names
from .reading import Reading
from .registry import format_of, nearest_formats, ranked_formats
from .turn_groups import TurnGroups
from .turn_table import usual_columns
from .typed_values import is_typed, plain_value

_TRIES = 20
"""Records without one of a known shape after which a file counts as no known log; of a wrapped list, those
that are looked at."""


@dataclass(slots=True)
class _Record:
    """A value that may be a record, with its position, its number for an id, and its format or the reason why it has
    none.

    Attributes:
        positions: the positions of the messages, where the value is a list of messages that stood by themselves.
        remark: what a person should know of it.
    """

    position: int
    number: int
    value: Any
    format: LogFormat | None = None
    error: str | None = None
    positions: Sequence[int] = ()
    remark: str | None = None


def read_json_records(path: Path, values: Iterator[JsonValue], reading: Reading) -> Iterator[ParsedRecord]:
    """Yield the records of a JSON log.

    A log of no known format is read by the map that its structure suggests, where that is clear.

    Args:
        path: the log.
        values: its values.
        reading: the options.

    Raises:
        NoLogError: none of the first records (all of them in a short file) has a known shape.
        UsageError: a given map fits no record, or a person should decide on the map that the log suggests.
    """
    if reading.field_map is not None and not reading.field_map.unwraps_only:
        yield from read_mapped(values, reading.field_map, reading.report, reading.counts, audit=reading.audit)
        return
    if reading.field_map is not None:
        records = unwrapped(values, reading.field_map, reading.audit)
        values = (
            JsonValue(place, plain_value(record) if is_typed(record) else record, error)
            for place, record, error in records
        )
    source = _Replay(values)
    unread: list[tuple[int, str]] | None = []  # problems before the first record of a known shape
    pending: dict[str, tuple[LogFormat, list[tuple[int, Any]]]] = {}  # records that make up conversations together
    for record in _records(iter(source), reading):
        if record.format is not None and reading.format_name in (None, record.format.name):
            reading.count(record.format.name)
            for position, reason in unread or ():
                reading.report(position, reason)
            unread = None
            source.forget()
            if record.format.read_records is not None:
                pending.setdefault(record.format.name, (record.format, []))[1].append((record.position, record.value))
            else:
                yield from _parse_record(record, record.format, reading)
            continue
        reason = record.error or f"{_description(record.value)}: no record of {reading.format_name or 'a known format'}"
        if unread is None:
            reading.report(record.position, reason)
        else:
            unread.append((record.position, reason))
            if len(unread) >= _TRIES:
                break
    if unread is not None:
        yield from _read_unknown(path, source, unread, reading)
    for log_format, format_records in pending.values():
        yield from _read_together(path, log_format, format_records, reading)


def _read_together(
    path: Path, log_format: LogFormat, records: Sequence[tuple[int, Any]], reading: Reading
) -> Iterator[ParsedRecord]:
    """Yield the conversations that records make up; those that may need the records of other files are set aside."""
    if reading.joint is not None and log_format.joins_files:
        reading.joint.add(path, log_format, records)
    elif log_format.read_records is not None:
        read_records = log_format.read_records
        yield from reading.audit.check_all(records, read_records, reading.report)


def _read_unknown(
    path: Path, source: "_Replay", unread: list[tuple[int, str]], reading: Reading
) -> Iterator[ParsedRecord]:
    """Yield the records of a log of no known format, by the map that they suggest."""
    values = [value.value for value in source.first(SAMPLE) if value.error is None]
    proposed = None
    if reading.format_name is None and reading.field_map is None:
        proposed = reading.proposed(values)
    if proposed is None:
        raise NoLogError(path, None, _unrecognised_reason(unread, values, reading.format_name))
    yield from read_json_records(path, source.again(), proposed)


class _Replay:
    """Values that can be iterated once more, as long as they are not forgotten."""

    def __init__(self, values: Iterator[JsonValue]) -> None:
        self._values = values
        self._held: list[JsonValue] | None = []

    def __iter__(self) -> Iterator[JsonValue]:
        for value in self._values:
            if self._held is not None:
                self._held.append(value)
            yield value

    def first(self, count: int) -> list[JsonValue]:
        """Return the first values, at least those that were iterated."""
        held = self._held or []
        held += islice(self._values, max(0, count - len(held)))
        return held

    def again(self) -> Iterator[JsonValue]:
        """Return all values from the first one on."""
        held, self._held = self._held or [], None
        return chain(held, self._values)

    def forget(self) -> None:
        """Give up the values that were iterated."""
        self._held = None


def _records(values: Iterator[JsonValue], reading: Reading) -> Iterator[_Record]:
    """Yield the values as records: wrapped records one by one, messages by themselves as one list."""
    number, format_name = 0, reading.format_name
    messages: list[JsonValue] = []
    for value in values:
        if messages and messages[0].group != value.group:
            yield _message_list_record(messages, number, format_name)
            messages = []
        log_format = format_of(value.value, format_name)
        if log_format is None and _is_part(value.value):
            number += not messages
            messages.append(value)
            continue
        wrapped = _wrapped_records(value.value, format_name) if log_format is None else []
        for item in wrapped:
            number += 1
            yield _Record(number, number, item, format_of(item, format_name))
        if wrapped:
            beside = {key: inner for key, inner in value.value.items() if inner is not wrapped and [inner] != wrapped}
            reading.audit.check(value.position, beside, [])
        else:
            number += 1
            yield _Record(value.position, number, value.value, log_format, value.error)
    if messages:
        yield _message_list_record(messages, number, format_name)


def _wrapped_records(value: Any, format_name: str | None) -> list[Any]:
    """Return the records in an object that only wraps them, as `{"data": [{"messages": …}, …]}` does."""
    wrapped_lists = []
    for inner in map(value.get, message_lists.WRAPPERS) if isinstance(value, dict) else ():
        if isinstance(inner, list) and format_of(inner, format_name) is not None:
            wrapped_lists.append([inner])  # messages by themselves
        elif isinstance(inner, list) and any(format_of(item, format_name) is not None for item in inner[:_TRIES]):
            wrapped_lists.append(inner)
    return wrapped_lists[0] if len(wrapped_lists) == 1 else []  # of two it is not known which is meant


def _is_part(value: Any) -> bool:
    """Return whether a value is one message by itself."""
    return message_lists.is_turn(value) or any(item.is_message(value) for item in ranked_formats())


def _id_advice(columns: Mapping[str, str | None]) -> str:
    role, content = columns["role"] or "…", columns["content"] or "…"
    option = shlex.quote(f"role={role}, content={content}, id=KEY")
    return f"If it holds several conversations, name the key that tells them apart: --map {option}"


def _message_list_record(messages: list[JsonValue], number: int, format_name: str | None) -> _Record:
    """Return the record that messages by themselves make up: one list of them."""
    bodies = [item.value for item in messages]
    positions = [item.position for item in messages]
    columns = usual_columns(list(bodies[0]))
    log_format = format_of(bodies, format_name)
    remark = None
    if columns["conversation"] is None and not messages[0].group:  # the file's own records, no list's items
        is_message = any(item.is_message(bodies[0]) for item in ranked_formats())  # and its keys with it
        if not is_message and not bodies[0].keys() <= set(columns.values()):  # any other might tell conversations apart
            keys = quoted_names(list(bodies[0]))
            reason = (
                f"messages that do not say which conversation they are of; their keys are {keys}. {_id_advice(columns)}"
            )
            return _Record(positions[0], number, None, error=reason)
        remark = f"no key tells conversations apart: the whole file was read as one. {_id_advice(columns)}"
    return _Record(positions[0], number, bodies, log_format, None, positions, remark)


def _parse_record(record: _Record, log_format: LogFormat, reading: Reading) -> Iterator[ParsedRecord]:
    log_id = id_key = None
    try:
        if isinstance(record.value, dict):
            log_id, id_key = record_id(record.value, log_format.id_key)
        else:
            first: dict[str, Any] = next(filter(message_lists.is_turn, record.value), {})
            columns = usual_columns(list(first))
            if columns["conversation"] is not None:
                yield from _grouped_messages(record, columns["conversation"], columns["order"], reading)
                return
        conversations = log_format.read_record(record.value) if log_format.read_record is not None else []
    except UnreadableError as error:
        reading.report(record.position, str(error))
        return
    except RecursionError:
        reading.report(record.position, "JSON nested too deeply")
        return
    for conversation in conversations:
        conversation.metadata.pop(id_key or "", None)
        if record.remark:
            conversation.remarks.append(record.remark)
    reading.audit.check(record.position, record.value, conversations)
    if len(conversations) == 1:
        yield ParsedRecord(record.position, record.number, conversations[0].id or log_id, conversations)
        return
    for own_id, members in groupby(conversations, lambda conversation: conversation.id or log_id):
        yield ParsedRecord(record.position, record.number, own_id, list(members))


def _grouped_messages(
    record: _Record, conversation: str, order: str | None, reading: Reading
) -> Iterator[ParsedRecord]:
    """Yield the conversations in a list of messages that each name theirs, as a table's rows do."""
    groups = TurnGroups(order)
    for position, message in zip(record.positions or [record.position] * len(record.value), record.value, strict=True):
        conversation_id = message.get(conversation) if isinstance(message, dict) else None
        if (
            isinstance(conversation_id, bool)
            or not isinstance(conversation_id, int | str)
            or not str(conversation_id).strip()
        ):
            reading.report(position, f"a message without a {conversation!r}")
            continue
        turn = message_lists.parse_turn(message, (conversation, order))
        if turn is None:
            reading.report(position, "a message that does not say who speaks")
            continue
        reading.audit.check(position, message, [ParsedConversation([turn], aside=[conversation_id])])
        place = message.get(order)
        groups.add(clean_text(str(conversation_id).strip()), position, turn, "" if place is None else str(place))
    yield from groups.records()


def _description(value: Any) -> str:
    if isinstance(value, dict):
        for key, items in value.items():  # here the items' keys are what tells it from a known format
            if key in message_lists.LISTS and isinstance(items, list) and items and isinstance(items[0], dict):
                return f"an object whose {key!r} begin with {_description(items[0])}"
        return f"an object with the keys {quoted_names(list(value))}" if value else "an empty object"
    return {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}.get(type(value), "a number")


def _unrecognised_reason(unread: list[tuple[int, str]], values: Sequence[Any], format_name: str | None) -> str:
    if not unread:
        return "holds no records"
    position, reason = unread[0]
    if format_name is not None:
        return f"is not a {format_name} log (at {position}: {reason})"
    return f"is not a log of a known format (at {position}: {reason}). {nearest_formats(values)}"
