"""A map of a log's fields, proposed from the structure of its first records."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import pair_fields
from .field_map import FieldMap
from .field_shapes import (
    REMARK_NAMES,
    ROLE_NAMES,
    TEXT_NAMES,
    Field,
    contiguous,
    fields_of,
    id_merit,
    is_order,
    is_text,
    is_time,
    name_words,
    role_merit,
    roles_clear,
    sides_of,
    speaker_words,
    text_merit,
)
from .message_lists import LISTS
from .metadata import parse_timestamp
from .parse_results import quoted_names
from .structure import ENTRY, ITEM, MEMBER, ListPlace, Steps, list_places, steps_path
from .typed_values import decoded, is_typed, plain_value

SAMPLE = 200
"""Records from which a map is proposed."""
_MAX_ITEMS = 600
_EXCHANGES = frozenset((*LISTS, "history", "exchanges", "log", "chat", "transcript", "rounds"))
_CLEAR = 10.0
"""The merit from which on the roles of all speakers are known."""
_PAIR = 8.0
"""The merit of a question with its answer."""
_ID = 3.0
"""The merit from which on a field is an id of something by its name."""
_CONVERSATION = 6.0
"""The merit from which on an id is that of a conversation by its name."""


@dataclass(frozen=True, slots=True)
class MapProposal:
    """A map that the structure of a log suggests.

    Attributes:
        field_map: the map.
        doubts: what a person should decide; empty where it can be used as it is.
    """

    field_map: FieldMap
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A map with its merit: the more, the more the structure looks so."""

    merit: float
    field_map: FieldMap
    doubts: tuple[str, ...]


def propose_map(values: Sequence[Any], is_record: Callable[[Any], bool] = lambda _: False) -> MapProposal | None:
    """Return the map that the first values of a log suggest; None where nothing in them looks like a conversation.

    Args:
        values: JSON values, or rows of a table as objects.
        is_record: returns whether a value is a record of a known format.
    """
    sample = [decoded(value) for value in values[:SAMPLE]]
    sample = [plain_value(value) if is_typed(value) else value for value in sample]
    try:
        if (envelope := _envelope(sample, is_record)) is not None:
            return MapProposal(envelope)
        candidates = sorted(_candidates(sample), key=lambda candidate: -candidate.merit)
    except RecursionError:
        return None
    if not candidates:
        return None
    best, *others = candidates
    rival = next((other for other in others if other.merit >= _CLEAR <= best.merit and _differs(best, other)), None)
    doubts = best.doubts
    if rival is not None:
        doubts = (*doubts, f"turns may also be meant by: {rival.field_map}")
    return MapProposal(best.field_map, doubts)


def _differs(best: _Candidate, other: _Candidate) -> bool:
    """Return whether two candidates take different lists of a record: one inside the other is no rival."""
    one, two = (f"{item.field_map.records or ''}.{item.field_map.turns or ''}" for item in (best, other))
    return not one.startswith(two) and not two.startswith(one)


def _envelope(sample: Sequence[Any], is_record: Callable[[Any], bool]) -> FieldMap | None:
    """Return the map that unwraps records of a known format, where nothing beside them reads like a text."""
    objects = [value for value in sample if isinstance(value, dict)]
    if not objects or len(objects) < len(sample):
        return None
    places = list(_inner_places(objects[0], is_record))
    for steps in places if len(places) == 1 else ():  # of two it is not known which is meant
        records = [_at(value, steps) for value in objects]
        fitting = sum(_is_filled(record) and is_record(record) for record in records)
        texts = any(
            _is_words(keys, text) for value in objects for keys, text in _leaves(value) if keys[: len(steps)] != steps
        )
        if fitting * 10 >= len(objects) * 8 and not texts:
            return FieldMap(records=steps_path(steps))
        listed = [value for record in records if isinstance(record, list) for value in record]
        if listed and sum(_is_filled(value) and is_record(value) for value in listed) * 10 >= len(listed) * 8:
            return None if texts else FieldMap(records=steps_path((*steps, ITEM)))
    return None


def _is_filled(record: Any) -> bool:
    """Return whether a value is an object with a text somewhere."""
    return isinstance(record, dict) and any(isinstance(text, str) and text for _, text in _leaves(record))


def _inner_places(value: dict[str, Any], is_record: Callable[[Any], bool], steps: Steps = ()) -> Iterator[Steps]:
    for key, member in value.items():
        inner = decoded(member)
        if isinstance(inner, dict) and inner:
            if is_record(inner):
                yield (*steps, key)
            elif len(steps) < 3:
                yield from _inner_places(inner, is_record, (*steps, key))
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict) and is_record(inner[0]):
            yield (*steps, key)


def _at(value: Any, steps: Steps) -> Any:
    for key in steps:
        value = decoded(value.get(key)) if isinstance(value, dict) else None
    return value


def _candidates(sample: Sequence[Any]) -> Iterator[_Candidate]:
    rows = [value for value in sample if isinstance(value, dict)]
    if len(rows) * 10 >= len(sample) * 8 and rows:
        yield from _row_candidates(rows, None)
        yield from _pair_candidates(rows, None)
    for place in list_places(sample):
        items = [item for listed in place.lists for item in listed if isinstance(item, dict)][:_MAX_ITEMS]
        total = sum(map(len, place.lists))
        if items and len(items) * 10 >= min(total, _MAX_ITEMS) * 8:
            candidate = _turn_candidate(place)
            if candidate is not None:
                yield candidate
            if candidate is None or candidate.merit < _PAIR:
                yield from _pair_candidates(items, place)
        elif place.lists and total >= 2 and all(isinstance(text, str) for listed in place.lists for text in listed):
            yield from _alternating(place)


def _turn_candidate(place: ListPlace) -> _Candidate | None:
    """Return the map that reads the lists of a place as turns, or as rows of several conversations."""
    pairs = [(number, item) for number, listed in enumerate(place.lists) for item in listed if isinstance(item, dict)]
    groups, items = [number for number, _ in pairs][:_MAX_ITEMS], [item for _, item in pairs][:_MAX_ITEMS]
    fields = fields_of(items)
    grouping = _grouping(fields, by_name=True)
    if grouping is not None and any(
        len({str(value) for value, group in zip(grouping.values, groups, strict=True) if group == number}) > 1
        for number in set(groups)
    ):
        rows = list(_row_candidates(items, steps_path((*place.steps, ITEM))))
        return rows[0] if rows else None
    spoken = _spoken(fields, groups)
    if spoken is None:
        return None
    merit, field_map, doubts, claimed = spoken
    times = [field for field in fields if field.path == field_map.at]
    if times and _is_unsorted(times[0].values, groups):
        field_map = replace(field_map, order=field_map.at)
    records = [record for record in place.records if isinstance(record, dict)]
    field_map = replace(field_map, records=place.records_path, turns=place.turns_path)
    record_fields = fields_of(records) if len(records) == len(place.records) else []
    record_fields = [field for field in record_fields if not any(isinstance(decoded(v), list) for v in field.filled)]
    inner = place.steps[len(place.record_steps) :]
    inner = ("value", *inner) if field_map.records and field_map.records.endswith("entries(@)") else inner
    if record_fields:
        field_map, claimed_beside = _with_record_fields(field_map, record_fields, inner)
        doubts += _unclaimed(records, {inner, *claimed_beside})
    elif field_map.records is not None and field_map.records.endswith("entries(@)"):
        field_map = replace(field_map, id="key")
    doubts += _unclaimed(items, claimed)
    return _Candidate(merit, field_map, tuple(dict.fromkeys(doubts)))


def _with_record_fields(field_map: FieldMap, fields: Sequence[Field], turns: Steps) -> tuple[FieldMap, set[Steps]]:
    """Return the map with the id and the system text of a record, and the keys of these."""
    beside = [field for field in fields if field.keys[: len(turns)] != turns]
    claimed: set[Steps] = set()
    names = [field for field in beside if field.keys == ("key",)] if turns[:1] == ("value",) else []
    unique = [field for field in beside if id_merit(field) and len(set(map(str, field.values))) == len(field.values)]
    if best := names or sorted(unique, key=_id_rank)[:1]:
        field_map = replace(field_map, id=best[0].path)
        claimed.add(best[0].keys)
    if (system := pair_fields.system_field(beside)) is not None:
        field_map = replace(field_map, system=system.path)
        claimed.add(system.keys)
    return field_map, claimed


def _id_rank(field: Field) -> tuple[bool, int, float]:
    """Return the rank of an id: `id` first, then the least nested, then by its name."""
    return field.keys != ("id",), len(field.keys), -id_merit(field)


def _row_candidates(items: Sequence[dict[str, Any]], records: str | None) -> Iterator[_Candidate]:
    """Yield the map that reads items as turns, those with one id as a conversation."""
    fields = fields_of(items)
    id_field = _grouping(fields, by_name=True) or _grouping(fields, by_name=False)
    numbers: dict[str, int] = {}
    ids = [str(value) for value in id_field.values] if id_field else [""] * len(items)
    groups = [numbers.setdefault(word, len(numbers)) for word in ids]
    spoken = _spoken([field for field in fields if field is not id_field], groups)
    if spoken is None:
        return
    merit, field_map, doubts, claimed = spoken
    order = next(
        (field for field in fields if field.keys not in claimed and field is not id_field and is_order(field)), None
    )
    field_map = replace(field_map, records=records, id=_path(id_field), order=_path(order) or field_map.at)
    claimed |= {field.keys for field in (id_field, order) if field is not None}
    if id_field is None:
        remaining = [field.path for field in fields if field.keys not in claimed]
        if remaining or records is None:
            doubts.insert(
                0,
                "it is not known which field tells conversations apart (id=…)"
                + (f"; it may be one of {quoted_names(remaining)}" if remaining else ""),
            )
    elif id_merit(id_field) < _ID:
        doubts.insert(0, f"equal values of {id_field.path!r} stand together: is it the id of a conversation?")
    elif 1 < len(ids) == len(numbers):
        doubts.insert(0, f"each {id_field.path!r} stands once: every turn would be a conversation by itself")
    doubts += _unclaimed(items, claimed)
    yield _Candidate(merit - 2 * (id_field is None), field_map, tuple(doubts))


def _grouping(fields: Sequence[Field], *, by_name: bool) -> Field | None:
    """Return the field whose values group items into conversations: by its name, or by runs of equal ones."""
    if by_name:
        named = [field for field in fields if id_merit(field) >= _CONVERSATION]
        return max(named, key=lambda field: (id_merit(field), -len(field.keys)), default=None)
    groups = [
        field
        for field in fields
        if "" not in field.values
        and None not in field.values
        and all(isinstance(value, str | int) and not isinstance(value, bool) for value in field.values)
        and not ROLE_NAMES & set(name_words(field.keys[-1]))
        and not any(map(is_text, field.values))
        and contiguous(field.values)
        and not is_time(field)
    ]
    return max(groups, key=lambda field: (id_merit(field), len(set(map(str, field.values)))), default=None)


def _spoken(fields: Sequence[Field], groups: Sequence[int]) -> tuple[float, FieldMap, list[str], set[Steps]] | None:
    """Return the speaker, text, name and time of items as a map, with its merit, doubts and claimed keys."""
    roles = sorted(fields, key=lambda field: -role_merit(field, groups))
    if not roles or not (merit := role_merit(roles[0], groups)):
        return None
    role = roles[0]
    texts = sorted((field for field in fields if field is not role), key=lambda field: -text_merit(field))
    if not texts or not text_merit(texts[0]):
        return None
    content = texts[0]
    words = speaker_words(role, groups) or []
    sides = sides_of(role, words)
    at = next((field for field in fields if field not in (role, content) and is_time(field)), None)
    name = next((field for field in fields if field not in (role, content, at) and _is_name(field)), None)
    field_map = FieldMap(
        role.path,
        content.path,
        name=_path(name),
        at=_path(at),
        user=tuple(word for word in sides if sides[word] == "user"),
        assistant=tuple(word for word in sides if sides[word] == "assistant"),
    )
    doubts: list[str] = []
    if not roles_clear(words, sides):
        speakers = list(dict.fromkeys(word for word in words if word))
        doubts.append(
            f"it is not known which of the speakers {quoted_names(speakers)} is the assistant: add assistant=…"
        )
    claimed = {field.keys for field in (role, content, name, at) if field is not None}
    return merit + min(text_merit(content), 900) / 1000, field_map, doubts, claimed


def _path(field: Field | None) -> str | None:
    return None if field is None else field.path


def _is_name(field: Field) -> bool:
    words = name_words(field.keys[-1])
    named = words == ["name"] or ("name" in words and bool(ROLE_NAMES & set(field.words)))
    return named and bool(field.filled) and all(isinstance(value, str) for value in field.filled)


def _is_unsorted(values: Sequence[Any], groups: Sequence[int]) -> bool:
    """Return whether the times of some conversation do not rise."""
    times: dict[int, list[float]] = {}
    for value, group in zip(values, groups, strict=True):
        if (at := parse_timestamp(value)) is not None:
            times.setdefault(group, []).append(at.timestamp())
    return any(moments != sorted(moments) for moments in times.values())


def _pair_candidates(items: Sequence[dict[str, Any]], place: ListPlace | None) -> Iterator[_Candidate]:
    """Yield the map that reads items as questions with their answers.

    Args:
        items: the items.
        place: their list; None where they are the log's records. A list with the name of a conversation, or one in each
            of several records, is one conversation.
    """
    fields = fields_of(items)
    pair = pair_fields.find_pair(fields)
    if pair is None:
        return
    claimed = {field.keys for field in (pair.user, pair.assistant, pair.system) if field is not None}
    ids = [field for field in fields if field.keys not in claimed and _is_pair_id(field)]
    id_field = max(ids, key=lambda field: (id_merit(field), -len(field.keys)), default=None)
    at = next((field for field in fields if field.keys not in claimed and is_time(field)), None)
    field_map = FieldMap(
        user=(pair.user.path,),
        assistant=(pair.assistant.path,),
        system=_path(pair.system),
        id=_path(id_field),
        at=_path(at),
        order=_path(at if id_field else None),
    )
    if place is not None:
        key = next((step for step in reversed(place.steps) if step not in (ITEM, ENTRY, MEMBER)), "")
        if len(place.records) > 1 or _EXCHANGES & set(name_words(key)):
            field_map = replace(field_map, records=place.records_path, turns=place.turns_path, id=None, order=None)
        else:
            field_map = replace(field_map, records=steps_path((*place.steps, ITEM)))
    claimed |= {field.keys for field in (id_field, at) if field is not None}
    yield _Candidate(_PAIR, field_map, (*pair.doubts, *_unclaimed(items, claimed)))


def _is_pair_id(field: Field) -> bool:
    """Return whether a field is the id of a question's conversation, by its name; any other id only if it is unique."""
    merit = id_merit(field)
    return merit >= _CONVERSATION or (merit >= _ID and len(set(map(str, field.values))) == len(field.values))


def _alternating(place: ListPlace) -> Iterator[_Candidate]:
    """Yield the map that reads lists of texts as turns that alternate; who begins is asked."""
    texts = [text for listed in place.lists for text in listed]
    named = any(word in place.turns_path for word in ("turn", "dialog"))
    words = {word for key in place.steps for word in name_words(key)}
    if min(map(len, place.lists)) < 2 or sum(map(is_text, texts)) * 2 < len(texts):
        return
    if not named and (REMARK_NAMES | pair_fields.ANSWERS) & words:
        return
    field_map = FieldMap(content="@", first="user", records=place.records_path, turns=place.turns_path)
    yield _Candidate(1.0, field_map, ("it is not known who speaks first: first=user or first=assistant",))


def _unclaimed(items: Sequence[dict[str, Any]], claimed: set[Steps]) -> list[str]:
    """Return a doubt for each place of texts that no turn would have."""
    places: dict[str, int] = {}
    for item in items:
        for keys, text in _leaves(item):
            used = any(keys[: len(used)] == used for used in claimed if used)
            if not used and _is_words(keys, text):
                path = steps_path(tuple(keys))
                places[path] = places.get(path, 0) + 1
    return [f"{count} texts under {path!r} would be in no turn" for path, count in list(places.items())[:3]]


def _is_words(keys: Steps, text: Any) -> bool:
    """Return whether a text reads like somebody's words, or stands under the name of an answer, however short."""
    words = {word for key in keys for word in name_words(key)}
    last = set(name_words(next((key for key in reversed(keys) if key != ITEM), "")))
    is_answer = bool(pair_fields.ANSWERS & words) and bool((pair_fields.ANSWERS | TEXT_NAMES) & last)
    short_answer = is_answer and isinstance(text, str) and bool(text.strip()) and not pair_fields.OTHERS & words
    return not REMARK_NAMES & words and (is_text(text) or short_answer)


def _leaves(value: Any, keys: Steps = (), depth: int = 0) -> Iterator[tuple[Steps, Any]]:
    value = decoded(value)
    if depth > 12:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*keys, str(key)), depth + 1)
    elif isinstance(value, list):
        for inner in value[:_MAX_ITEMS]:
            yield from _leaves(inner, (*keys, ITEM), depth + 1)
    else:
        yield keys, value
