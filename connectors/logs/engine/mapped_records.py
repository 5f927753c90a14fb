"""Records of any shape, read by a map of their fields."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convexplain.errors import UsageError

from .content_blocks import content_parts, content_text
from .field_map import FieldMap, FieldPath, field_path, missing_reason
from .json_values import JsonValue
from .message_lists import is_turn, parse_turn
from .metadata import clean_text, extra_metadata, parse_timestamp, record_id
from .parse_results import ParsedConversation, ParsedRecord, ParsedTurn, ProblemReporter, UnreadableError, quoted_names
from .roles import normalized_word, role_of
from .turn_groups import TurnGroups
from .typed_values import decoded, is_typed, plain_value

_TRIES = 10_000
"""Records that the map does not fit after which the map is refused."""
_OTHER_SIDE = {"user": "assistant", "assistant": "user"}


class _MissingError(UnreadableError):
    """A record without a place of the map."""


def read_mapped(
    values: Iterator[JsonValue],
    field_map: FieldMap,
    report: ProblemReporter,
    counts: Counter[str] | None = None,
    *,
    kind: str = "record",
) -> Iterator[ParsedRecord]:
    """Yield the conversations of a log by a map of its fields.

    Records that are turns and have the conversation's id are held in memory until all are read.

    Args:
        values: the log's values.
        field_map: where its turns, speakers and texts are.
        report: is called with records that cannot be read.
        counts: counts the records, under "map".
        kind: the word for a record in messages.

    Raises:
        UsageError: the map fits none of the first records (all of them in a short file).
    """
    reader = _MapReader(field_map, kind)
    unread: list[tuple[int, str]] | None = []  # problems before the first record that the map fits
    for number, (position, record, error) in enumerate(unwrapped(values, field_map), 1):
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
    yield from reader.grouped()


def _report_all(problems: Sequence[tuple[int, str]] | None, report: ProblemReporter) -> None:
    for position, reason in problems or ():
        report(position, reason)


def _first_reason(unread: Sequence[tuple[int, str]], kind: str) -> str:
    return f"at {unread[0][0]}: {unread[0][1]}" if unread else f"there is no {kind}"


def unwrapped(values: Iterator[JsonValue], field_map: FieldMap) -> Iterator[tuple[int, Any, str | None]]:
    """Yield the records in the values of a log, each with its position and the reason where it cannot be read.

    What stands beside a single record goes into it, where it has no such key itself; lists and objects do not.
    """
    number = 0
    for value in values:
        if field_map.records is None or value.error is not None:
            yield value.position, value.value, value.error
            continue
        path = field_path(field_map.records)
        records = decoded(path(decoded(value.value)))
        if isinstance(records, dict):
            beside = _without(value.value, [path]) if isinstance(value.value, dict) else {}
            yield value.position, {**extra_metadata(beside, ()), **records}, None
        elif isinstance(records, list):
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
    """

    def __init__(self, field_map: FieldMap, kind: str) -> None:
        self._map = field_map
        self._kind = kind
        places = {place: field_path(place) for place in _places(field_map)}
        self._id, self._turns = places.get(field_map.id or ""), places.get(field_map.turns or "")
        self._system = places.get(field_map.system or "")
        self._systems: dict[str, str] = {}  # the system text of each conversation, where a record is a turn
        self._item = _ItemReader(field_map, places, kind)
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
        if isinstance(items, dict):
            items = [items]
        if not isinstance(items, list):
            raise _MissingError(_missing(used, record, self._kind))
        groups = TurnGroups(self._map.order)
        for place, item in enumerate(items):
            for turn in self._item.turns(item, place):
                groups.add("", position, turn, self._item.order(item))
        parsed = next((conversation for group in groups.records() for conversation in group.conversations), None)
        if parsed is None or not any(turn.speaker for turn in parsed.turns) or self._item.lacks_content(items):
            if items:
                raise _MissingError(_missing(self._item.paths, items[0], "turn"))
            parsed = ParsedConversation([])
        if self._system is not None and (text := content_text(self._system(record))).strip():
            parsed.turns.insert(0, ParsedTurn("system", text))
            used.append(self._system)
        conversation_id = self._conversation_id(record)
        if isinstance(record, dict) and self._turns is not None:
            used += [self._id] if self._id is not None else [field_path(key) for key in [record_id(record)[1]] if key]
            parsed.metadata = extra_metadata(_without(record, used), ())
        return conversation_id, [parsed]

    def grouped(self) -> Iterator[ParsedRecord]:
        """Yield the conversations of records that are turns."""
        if self._groups is not None:
            yield from self._groups.records()

    def _conversation_id(self, record: Any) -> str | None:
        if self._id is None:
            return record_id(record)[0] if isinstance(record, dict) else None
        return _word(self._id(record)) or None

    def _add(self, groups: TurnGroups, record: Any, position: int) -> None:
        conversation_id = "" if self._id is None else _word(self._id(record))
        if self._id is not None and not conversation_id:
            raise _MissingError(_missing([self._id], record, self._kind))
        turns = self._item.turns(record, position)
        if not any(turn.speaker for turn in turns):
            raise _MissingError(_missing(self._item.paths, record, self._kind))
        order = self._item.order(record)
        system = "" if self._system is None else content_text(self._system(record))
        if system.strip() and self._systems.get(conversation_id) != system:
            self._systems[conversation_id] = system
            groups.add(conversation_id, position, ParsedTurn("system", system), order)
        for turn in turns:
            groups.add(conversation_id, position, turn, order)


class _ItemReader:
    """A reader of the turns in one item: a turn, a question with its answer, or lists of speakers and texts."""

    def __init__(self, field_map: FieldMap, places: Mapping[str, FieldPath], kind: str) -> None:
        self._map = field_map
        self._role, self._content = places.get(field_map.role or ""), places.get(field_map.content or "")
        self._order = places.get(field_map.order or "")
        self._name, self._at = places.get(field_map.name or ""), places.get(field_map.at or "")
        self._sides: list[tuple[str, FieldPath]] = []
        if field_map.is_pair:
            if field_map.system is not None and field_map.turns is not None:
                self._sides = [("system", places[field_map.system])]
            self._sides += [("user", places[field_map.user[0]]), ("assistant", places[field_map.assistant[0]])]
        self._words = {
            normalized_word(word): side
            for side in ("assistant", "user")
            for word in ([] if field_map.is_pair else getattr(field_map, side))
        }
        self._is_standard = (field_map.role, field_map.content) == ("role", "content") and kind != "row"
        turn_parts = [self._role, self._content, *(path for _, path in self._sides)]
        self.paths = [path for path in turn_parts if path is not None]
        used = [*self.paths, self._order, self._name, self._at]
        if field_map.turns is None:
            used += [places.get(field_map.id or ""), places.get(field_map.system or "")]
        self._used = [path for path in used if path is not None]

    def order(self, item: Any) -> str:
        """Return an item's value for the order; "" for none."""
        return "" if self._order is None else _word(self._order(item))

    def lacks_content(self, items: Sequence[Any]) -> bool:
        """Return whether no item has the place of the text."""
        return bool(items) and self._content is not None and all(self._content(item) is None for item in items)

    def turns(self, item: Any, place: int) -> list[ParsedTurn]:
        """Return the turns of an item; `place` counts items.

        Raises:
            UnreadableError: lists in it have unequal lengths.
        """
        if self._is_standard and is_turn(item) and isinstance(item.get("role"), str):
            parsed = parse_turn(item, self._used_keys)
            return [] if parsed is None else [replace(parsed, **self._replaced(item, parsed))]
        at = parse_timestamp(self._at(item)) if self._at is not None else None
        name = _word(self._name(item)) or None if self._name is not None else None
        used = [path for path in self._used if path is not self._at or at is not None]
        metadata = extra_metadata(_without(item, used), ()) if isinstance(item, dict) else {}
        metadata = {key: value for key, value in metadata.items() if value != ""}
        spoken = self._spoken(item, place)
        return [
            ParsedTurn.of_parts(
                self._speaker(word), content_parts(text), name or self._name_in(word), at, {} if i else metadata
            )
            for i, (word, text) in enumerate(spoken)
        ]

    def _replaced(self, item: Any, parsed: ParsedTurn) -> dict[str, Any]:
        """Return what the map says of a turn in OpenAI's form, in place of the form's own fields."""
        at = parse_timestamp(self._at(item)) if self._at is not None else None
        name = _word(self._name(item)) if self._name is not None else ""
        speaker = self._speaker(parsed.speaker)
        name = name or parsed.name or self._name_in(parsed.speaker) or ""
        return {"speaker": speaker, "name": name or None, "at": at or parsed.at}

    @property
    def _used_keys(self) -> tuple[str, ...]:
        return tuple(path.keys[0] for path in self._used if len(path.keys) == 1)

    def _spoken(self, item: Any, place: int) -> list[tuple[str, Any]]:
        """Return the speakers of an item with their contents."""
        texts = [] if self._content is None else [("", self._content(item))]
        if self._map.is_pair:
            return self._pair([(side, path(item)) for side, path in self._sides])
        content = texts[0][1]
        if self._role is None:
            first = self._map.first or "user"
            return [(first if place % 2 == 0 else _OTHER_SIDE[first], content)]
        role = self._role(item)
        if isinstance(role, list) and isinstance(content, list):
            if len(role) != len(content):
                raise UnreadableError(
                    f"{self._role.text!r} holds {len(role)} speakers and {self.paths[1].text!r} {len(content)} texts: "
                    "it is not known who says what"
                )
            return [(_word(word), text) for word, text in zip(role, content, strict=True)]
        return [(_word(role), content)]

    def _pair(self, sides: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
        """Return the turns of questions with answers; where both are lists, in turn."""
        lists = {side: texts for side, texts in sides if isinstance(texts, list) and side != "system"}
        if len(lists) == len(_OTHER_SIDE) and all(isinstance(text, str) for texts in lists.values() for text in texts):
            questions, answers = lists["user"], lists["assistant"]
            if not 0 <= len(questions) - len(answers) <= 1:
                raise UnreadableError(
                    f"{self._map.user[0]!r} holds {len(questions)} texts and {self._map.assistant[0]!r} "
                    f"{len(answers)}: it is not known which answer belongs to which question"
                )
            spoken: list[tuple[str, Any]] = []
            for number, question in enumerate(questions):
                spoken += [("user", question), *(("assistant", answer) for answer in answers[number : number + 1])]
            return spoken
        return [(side, text) for side, text in sides if text not in (None, "")]

    def _speaker(self, word: str) -> str:
        side = self._words.get(normalized_word(word))
        if side is None and word and self._map.assistant and not self._map.is_pair and role_of(word) is None:
            return "user"
        return side or word

    def _name_in(self, word: str) -> str | None:
        """Return the speaker's own word where another stands in its place, and it is a name."""
        replaced = self._speaker(word) != word and not word.isdigit() and word not in ("true", "false")
        return word if replaced else None


def _places(field_map: FieldMap) -> set[str]:
    pair = {*field_map.user, *field_map.assistant} if field_map.is_pair else set()
    parts = ("turns", "role", "content", "id", "order", "name", "at", "system")
    return {place for place in (*pair, *(getattr(field_map, part) for part in parts)) if place is not None}


def _word(value: Any) -> str:
    """Return a speaker, an id or a number as a word; "" for what is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return clean_text(str(value).strip()) if isinstance(value, str | int | float) else ""


def _missing(paths: Sequence[FieldPath], record: Any, kind: str) -> str:
    places = {path.text for path in paths if path(record) in (None, "")} or {path.text for path in paths}
    if not isinstance(record, dict):
        return f"the {kind} has no {quoted_names(sorted(places))}: it is no object"
    if places <= record.keys():
        return f"the {kind} has no {quoted_names(sorted(places))}"
    return f"the {kind} has {missing_reason(places, [str(key) for key in record])}"


def _without(record: Mapping[str, Any], paths: Sequence[FieldPath]) -> dict[str, Any]:
    """Return a record without what stands at these places; an expression that is no chain of keys removes nothing."""
    remaining = dict(record)
    for path in paths:
        remaining = _removed(remaining, (path.text,) if path.text in record else path.keys)
    return remaining


def _removed(record: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    if not keys or keys[0] not in record:
        return record
    inner = record[keys[0]]
    remaining = {key: value for key, value in record.items() if key != keys[0]}
    if len(keys) > 1 and isinstance(inner, dict) and (remainder := _removed(inner, keys[1:])):
        remaining[keys[0]] = remainder
    return remaining
