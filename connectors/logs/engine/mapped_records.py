"""Records of any shape, read by a map of their fields."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from convexplain.errors import UsageError

from .content_blocks import content_text
from .field_map import FieldMap, FieldPath, field_path, missing_reason
from .fields import counted
from .json_values import JsonValue
from .loss_audit import LossAudit
from .mapped_items import ItemReader, as_word, without_places
from .metadata import extra_metadata, record_id
from .parse_results import ParsedConversation, ParsedRecord, ParsedTurn, ProblemReporter, UnreadableError, quoted_names
from .transcripts import transcript_turns
from .turn_groups import TurnGroups
from .typed_values import decoded, is_typed, plain_value

_TRIES = 10_000
"""Records that the map does not fit after which the map is refused."""


class _MissingError(UnreadableError):
    """A record without a place of the map."""


def read_mapped(
    values: Iterator[JsonValue],
    field_map: FieldMap,
    report: ProblemReporter,
    counts: Counter[str] | None = None,
    *,
    kind: str = "record",
    audit: LossAudit,
) -> Iterator[ParsedRecord]:
    """Yield the conversations of a log by a map of its fields.

    Records that are turns and have the conversation's id are held in memory until all are read.

    Args:
        values: the log's values.
        field_map: where its turns, speakers and texts are.
        report: is called with records that cannot be read.
        counts: counts the records, under "map".
        kind: the word for a record in messages.
        audit: counts what is in records and in none of their turns.

    Raises:
        UsageError: the map fits none of the first records (all of them in a short file).
    """
    reader = _MapReader(field_map, kind, audit)
    unread: list[tuple[int, str]] | None = []  # problems before the first record that the map fits
    for number, (position, record, error) in enumerate(unwrapped(values, field_map, audit), 1):
        try:
            conversation = reader.parsed(record, position, error)
        except UnreadableError as reason:
            problem = str(reason)
        except RecursionError:
            problem = "JSON nested too deeply"
        else:
            _report_all(unread, report)
            unread = None
            if counts is not None:
                counts["map"] += 1
            if conversation is not None:
                audit.check(position, record, conversation[1])
                yield ParsedRecord(position, number, *conversation)
            continue
        if unread is None:
            report(position, problem)
            continue
        unread.append((position, problem))
        if len(unread) >= _TRIES and kind != "row":
            break
    if unread is not None and kind != "row":
        raise UsageError(f"map {str(field_map)!r} matches nothing here: {_first_reason(unread, kind)}")
    _report_all(unread, report)
    if reader.private_turns:
        report(None, f"left out: {counted(reader.private_turns, 'private messages')}", kept=True)
    if (remark := reader.time_remark()) is not None:
        report(None, remark, kept=True)
    yield from reader.grouped()


def _report_all(problems: Sequence[tuple[int, str]] | None, report: ProblemReporter) -> None:
    for position, reason in problems or ():
        report(position, reason)


def _first_reason(unread: Sequence[tuple[int, str]], kind: str) -> str:
    return f"at {unread[0][0]}: {unread[0][1]}" if unread else f"there is no {kind}"


def unwrapped(
    values: Iterator[JsonValue], field_map: FieldMap, audit: LossAudit
) -> Iterator[tuple[int, Any, str | None]]:
    """Yield the records in the values of a log, each with its position and the reason where it cannot be read.

    What stands beside a single record goes into it, where it has no such key itself; long lists and objects do not.
    What stands beside a list of records goes to the audit.
    """
    number = 0
    for value in values:
        if field_map.records is None or value.error is not None:
            yield value.position, value.value, value.error
            continue
        path = field_path(field_map.records)
        records = decoded(path(decoded(value.value)))
        if isinstance(records, dict):
            beside = without_places(value.value, [path]) if isinstance(value.value, dict) else {}
            yield value.position, {**extra_metadata(beside, ()), **records}, None
        elif isinstance(records, list):
            if isinstance(value.value, dict):
                beside = without_places(value.value, [path]) if path.keys else value.value
                audit.check(value.position, beside, [ParsedConversation([], aside=[] if path.keys else records)])
            for record in records:
                number += 1
                yield number, record, None
        else:
            yield value.position, None, _missing([path], value.value, "value")


class _MapReader:
    """A reader of single records; it groups those that are turns.

    Args:
        field_map: the map.
        kind: the word for a record in messages.
        audit: counts what is in records that are turns, and not in the turn.

    Attributes:
        private_turns: the number of turns that were left out, because they are private.
    """

    def __init__(self, field_map: FieldMap, kind: str, audit: LossAudit) -> None:
        self.private_turns = 0
        self._map = field_map
        self._audit = audit
        self._kind = kind
        places = {place: field_path(place) for place in _places(field_map)}
        self._id, self._turns = places.get(field_map.id or ""), places.get(field_map.turns or "")
        self._system = places.get(field_map.system or "")
        self._systems: dict[str, str] = {}  # the system text of each conversation, where a record is a turn
        self._item = ItemReader(field_map, places, kind)
        self._groups = TurnGroups(field_map.order) if self._is_row else None

    @property
    def _is_row(self) -> bool:
        """Return whether a record is a turn of a conversation that other records are turns of too."""
        return self._turns is None and (self._id is not None or not self._map.is_pair)

    def parsed(
        self, record: Any, position: int, error: str | None
    ) -> tuple[str | None, list[ParsedConversation]] | None:
        """Return the conversation in a record with its id; None where the record goes to its group.

        Raises:
            UnreadableError: it cannot be read, for `error` or for another reason.
        """
        if error is not None:
            raise UnreadableError(error)
        try:
            return self._parsed(decoded(record), position)
        except _MissingError:
            if is_typed(record):
                return self._parsed(plain_value(record), position)
            raise

    def _parsed(self, record: Any, position: int) -> tuple[str | None, list[ParsedConversation]] | None:
        if self._groups is not None:
            self._add(self._groups, record, position)
            return None
        used = [] if self._turns is None else [self._turns]
        items = [record] if self._turns is None else decoded(self._turns(record))
        if isinstance(items, str) and self._map.is_transcript:
            return self._conversation_id(record), [self._conversation(transcript_turns(items), record, used)]
        if isinstance(items, dict):
            items = [items]
        if not isinstance(items, list):
            raise _MissingError(_missing(used, record, self._kind))
        groups = TurnGroups(self._map.order)
        private = [item for item in items if self._item.is_private(item)]
        self.private_turns += len(private)
        if items and len(private) == len(items):
            return self._conversation_id(record), [self._conversation([], record, used)]
        items = [item for item in items if not self._item.is_private(item)] if private else items
        for place, item in enumerate(items):
            for turn in self._item.turns(item, place):
                groups.add("", position, turn, self._item.order(item))
        self._item.date_turns()
        parsed = next((conversation for group in groups.records() for conversation in group.conversations), None)
        if parsed is None or not any(turn.speaker for turn in parsed.turns) or self._item.lacks_content(items):
            if items:
                raise _MissingError(_missing(self._item.paths, items[0], "turn"))
            parsed = ParsedConversation([])
        parsed = self._conversation(parsed.turns, record, used, parsed.remarks)
        parsed.aside += private
        return self._conversation_id(record), [parsed]

    def _conversation(
        self, turns: list[ParsedTurn], record: Any, used: list[FieldPath], remarks: Sequence[str] = ()
    ) -> ParsedConversation:
        """Return the conversation of turns, with a record's system text and what remains of the record."""
        parsed = ParsedConversation(turns, remarks=list(remarks))
        if self._system is not None and (text := content_text(self._system(record))).strip():
            parsed.turns.insert(0, ParsedTurn("system", text))
            used = [*used, self._system]
        if isinstance(record, dict) and self._turns is not None:
            id_key = record_id(record)[1] if self._id is None else None
            used = [*used, *([self._id] if self._id is not None else [field_path(id_key)] if id_key else [])]
            parsed.metadata = extra_metadata(without_places(record, used), ())
        return parsed

    def time_remark(self) -> str | None:
        """Return what a person should know of times that were not read, once all records are read."""
        self._item.date_turns()
        return self._item.time_remark

    def grouped(self) -> Iterator[ParsedRecord]:
        """Yield the conversations of records that are turns."""
        if self._groups is not None:
            yield from self._groups.records()

    def _conversation_id(self, record: Any) -> str | None:
        if self._id is None:
            return record_id(record)[0] if isinstance(record, dict) else None
        return as_word(self._id(record)) or None

    def _add(self, groups: TurnGroups, record: Any, position: int) -> None:
        conversation_id = "" if self._id is None else as_word(self._id(record))
        if self._id is not None and not conversation_id:
            raise _MissingError(_missing([self._id], record, self._kind))
        if self._item.is_private(record):
            self.private_turns += 1
            return
        turns = self._item.turns(record, position)
        if not any(turn.speaker for turn in turns):
            raise _MissingError(_missing(self._item.paths, record, self._kind))
        order = self._item.order(record)
        system = "" if self._system is None else content_text(self._system(record))
        self._audit.check(position, record, [ParsedConversation(turns, aside=[conversation_id, order, system])])
        if system.strip() and self._systems.get(conversation_id) != system:
            self._systems[conversation_id] = system
            groups.add(conversation_id, position, ParsedTurn("system", system), order)
        for turn in turns:
            groups.add(conversation_id, position, turn, order)


def _places(field_map: FieldMap) -> set[str]:
    pair = {*field_map.user, *field_map.assistant} if field_map.is_pair else set()
    parts = ("turns", "role", "content", "id", "order", "name", "at", "system", "public", "private")
    return {place for place in (*pair, *(getattr(field_map, part) for part in parts)) if place is not None}


def _missing(paths: Sequence[FieldPath], record: Any, kind: str) -> str:
    places = {path.text for path in paths if path(record) in (None, "")} or {path.text for path in paths}
    if not isinstance(record, dict):
        return f"the {kind} has no {quoted_names(sorted(places))}: it is no object"
    if places <= record.keys():
        return f"the {kind} has no {quoted_names(sorted(places))}"
    return f"the {kind} has {missing_reason(places, [str(key) for key in record])}"
