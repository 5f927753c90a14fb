"""The lists in JSON values, with the records that hold them: the structure from which a map is proposed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .field_map import path_text
from .message_lists import LISTS, WRAPPERS
from .typed_values import decoded

ITEM, ENTRY, MEMBER = "[]", "{}", "*"
"""Steps that are no keys: to the items of a list, to the entries of an object with ids for keys, to all its values."""
_FIELD_NAMES = frozenset((*LISTS, *WRAPPERS, "chosen", "rejected", "train", "test", "validation"))
"""Keys that are names of fields, and no ids."""
_MAX_DEPTH = 8
_MAX_ITEMS = 60
_MAX_NODES = 20_000

Steps = tuple[str, ...]


@dataclass(slots=True)
class ListPlace:
    """A place where records hold a list.

    Attributes:
        steps: the steps to the list.
        record_steps: the first of them, to the record.
        records: the records.
        lists: their lists, record by record.
    """

    steps: Steps
    record_steps: Steps
    records: list[Any] = field(default_factory=list)
    lists: list[list[Any]] = field(default_factory=list)

    @property
    def records_path(self) -> str | None:
        """Return the place of the records in a value; None for the value itself."""
        return steps_path(self.record_steps) if self.record_steps else None

    @property
    def turns_path(self) -> str:
        """Return the place of the list in a record."""
        inner = self.steps[len(self.record_steps) :]
        in_entry = self.record_steps[-1:] == (ENTRY,)
        return steps_path((*(["value"] if in_entry else []), *inner)) or "@"


def steps_path(steps: Sequence[str]) -> str:
    """Return the JMESPath of steps; lists in lists are flattened from the second one on."""
    text, listed, entries = "", False, False
    for step in steps:
        if entries:
            text, listed, entries = f"{text}[{'' if listed else '*'}].value", True, False
        dot = "." if text else ""
        if step == ITEM:
            text, listed = f"{text}[{'' if listed else '*'}]", True
        elif step == ENTRY:
            text, entries = f"{text}{dot}entries(@)", True
        else:
            text += dot + (MEMBER if step == MEMBER else path_text(step))
    return text


def list_places(values: Sequence[Any]) -> list[ListPlace]:
    """Return the places of lists in values, from the outermost on."""
    places: dict[tuple[Steps, Steps], ListPlace] = {}
    walk = _Walk(values)
    for value in values:
        for steps, record_steps, record, items in walk.lists(value, (), (), value):
            place = places.setdefault((steps, record_steps), ListPlace(steps, record_steps))
            place.records.append(record)
            place.lists.append(items)
    return sorted(places.values(), key=lambda place: len(place.steps))


class _Walk:
    """A walk through JSON values, of bounded length."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._nodes = 0
        objects = [value for value in values if isinstance(value, dict)]
        self._shared = set.intersection(*(set(value) for value in objects)) if len(objects) > 1 else set()

    def lists(
        self, value: Any, steps: Steps, record_steps: Steps, record: Any
    ) -> Iterator[tuple[Steps, Steps, Any, list[Any]]]:
        """Yield the lists in a value, each with its steps, its record's steps and its record."""
        self._nodes += 1
        value = decoded(value)
        if self._nodes > _MAX_NODES or len(steps) > _MAX_DEPTH:
            return
        if isinstance(value, list):
            yield steps, record_steps, record, value
            for item in value[:_MAX_ITEMS]:
                if isinstance(item, dict | list):
                    yield from self.lists(item, (*steps, ITEM), (*steps, ITEM), item)
        elif isinstance(value, dict) and self._is_by_id(value, top=not steps):
            members = list(value.values())
            if all(isinstance(member, dict) for member in members):
                yield (*steps, MEMBER), record_steps, record, members
            for key, member in list(value.items())[:_MAX_ITEMS]:
                entry = {"key": key, "value": member}
                yield from self.lists(member, (*steps, ENTRY), (*steps, ENTRY), entry)
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from self.lists(inner, (*steps, str(key)), record_steps, record)

    def _is_by_id(self, value: dict[str, Any], *, top: bool) -> bool:
        """Return whether an object holds alike lists or objects under ids: a map, and no record with named fields."""
        members = list(value.values())
        if len(members) < 2 or not _FIELD_NAMES.isdisjoint(value) or (top and self._shared):
            return False
        if all(isinstance(member, list) and member and isinstance(member[0], dict) for member in members):
            return len({frozenset(member[0]) for member in members}) == 1
        if not all(isinstance(member, dict) and member for member in members):
            return False
        shared = frozenset.intersection(*map(frozenset, members))
        return bool(shared) and all(len(shared) * 2 >= len(member) for member in members)
