"""Turns in the items of records, read by a map: a turn, a question with its answer, or lists of speakers and texts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .content_blocks import content_parts
from .dates import READABLE, column_moment, column_order, is_moment, is_number
from .field_map import FieldMap, FieldPath
from .fields import counted
from .message_lists import is_turn, parse_turn
from .metadata import clean_text, extra_metadata, parse_timestamp
from .parse_results import ParsedTurn, UnreadableError, quoted_names
from .roles import normalized_word, role_of
from .typed_values import decoded

_OTHER_SIDE = {"user": "assistant", "assistant": "user"}
_TRUE = ("true", "yes", "y", "1", "public", "external")
_FALSE = ("false", "no", "n", "0", "private", "internal")
"""Words of truth values, and of what is public or private."""


class ItemReader:
    """A reader of the turns in one item: a turn, a question with its answer, or lists of speakers and texts."""

    def __init__(self, field_map: FieldMap, places: Mapping[str, FieldPath], kind: str) -> None:
        self._map = field_map
        self._role, self._content = places.get(field_map.role or ""), places.get(field_map.content or "")
        self._order = places.get(field_map.order or "")
        self._name, self._at = places.get(field_map.name or ""), places.get(field_map.at or "")
        self._public, self._private = places.get(field_map.public or ""), places.get(field_map.private or "")
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
        used = [*self.paths, self._order, self._name, self._at, self._public, self._private]
        if field_map.turns is None:
            used += [places.get(field_map.id or ""), places.get(field_map.system or "")]
        self._used = [path for path in used if path is not None]
        self._times = 0
        self._undated: list[tuple[list[ParsedTurn], Any]] = []  # turns with their times that are not read yet
        self._unread = 0  # times that cannot be read
        self._first_unread = ""

    def order(self, item: Any) -> str:
        """Return an item's value for the order; "" for none."""
        return "" if self._order is None else as_word(self._order(item))

    def is_private(self, item: Any) -> bool:
        """Return whether an item is a private turn, by its truth value."""
        if self._public is not None and as_word(self._public(item)).lower() in _FALSE:
            return True
        return self._private is not None and as_word(self._private(item)).lower() in (*_TRUE, "private", "internal")

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
        value = None if self._at is None else self._at(item)
        at = parse_timestamp(value)
        name = as_word(self._name(item)) or None if self._name is not None else None
        used = [path for path in self._used if path is not self._at or at is not None]
        metadata = extra_metadata(without_places(item, used), ()) if isinstance(item, dict) else {}
        metadata = {key: value for key, value in metadata.items() if value != ""}
        spoken = self._spoken(item, place)
        turns = [
            ParsedTurn.of_parts(
                self._speaker(word), content_parts(text), name or self._name_in(word), at, {} if i else metadata
            )
            for i, (word, text) in enumerate(spoken)
        ]
        if self._at is not None and value not in (None, ""):
            self._times += 1
            if at is None:
                self._undated.append((turns, value))
        return turns

    def date_turns(self) -> None:
        """Read the times of turns whose order of day and month only all of them together tell."""
        order = column_order([value for _, value in self._undated])
        for turns, value in self._undated:
            at = column_moment(value, order)
            if at is None:
                if not is_number(value):
                    self._unread += 1
                    self._first_unread = self._first_unread or as_word(value)
                continue
            for turn in turns:
                turn.at = at
                turn.metadata.pop(self._map.at or "", None)
        self._undated.clear()

    @property
    def time_remark(self) -> str | None:
        """Return what a person should know of times that were not read; None where all were."""
        if not self._unread:
            return None
        either_way = "; day and month may be either way round" if is_moment(self._first_unread) else ""
        return (
            f"{self._unread:,} of {self._times:,} values of {self._map.at!r} were not read as times (the first is "
            f"{quoted_names([self._first_unread])}{either_way}): they are metadata of their turns. Times are read as "
            f"{READABLE}. If another field holds the times, write at=FIELD in the --map"
        )

    def _replaced(self, item: Any, parsed: ParsedTurn) -> dict[str, Any]:
        """Return what the map says of a turn in OpenAI's form, in place of the form's own fields."""
        at = parse_timestamp(self._at(item)) if self._at is not None else None
        name = as_word(self._name(item)) if self._name is not None else ""
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
                    f"{self._role.text!r} holds {counted(len(role), 'speakers')} and {self.paths[1].text!r} "
                    f"{counted(len(content), 'texts')}: "
                    "it is not known who says what"
                )
            return [(as_word(word), text) for word, text in zip(role, content, strict=True)]
        return [(as_word(role), content)]

    def _pair(self, sides: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
        """Return the turns of questions with answers; where both are lists, in turn."""
        lists = {side: texts for side, texts in sides if isinstance(texts, list) and side != "system"}
        if len(lists) == len(_OTHER_SIDE) and all(isinstance(text, str) for texts in lists.values() for text in texts):
            questions, answers = lists["user"], lists["assistant"]
            if not 0 <= len(questions) - len(answers) <= 1:
                raise UnreadableError(
                    f"{self._map.user[0]!r} holds {counted(len(questions), 'texts')} and {self._map.assistant[0]!r} "
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


def as_word(value: Any) -> str:
    """Return a speaker, an id or a number as a word; "" for what is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return clean_text(str(value).strip()) if isinstance(value, str | int | float) else ""


def without_places(record: Mapping[str, Any], paths: Sequence[FieldPath]) -> dict[str, Any]:
    """Return a record without what stands at these places; an expression that is no chain of keys removes nothing."""
    remaining = dict(record)
    for path in paths:
        for chain in ((path.text,),) if path.text in record else path.chains:
            remaining = _removed(remaining, chain)
    return remaining


def _removed(record: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    if not keys or keys[0] not in record:
        return record
    inner = decoded(record[keys[0]]) if len(keys) > 1 else None
    remaining = {key: value for key, value in record.items() if key != keys[0]}
    if len(keys) > 1 and isinstance(inner, dict) and (remainder := _removed(inner, keys[1:])):
        remaining[keys[0]] = remainder
    return remaining
