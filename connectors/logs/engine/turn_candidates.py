"""Maps that read lists as turns, or rows as turns of several conversations."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from convexplain.errors import UsageError

from . import pair_fields
from .candidates import CLEAR, CONVERSATION, ID, MAX_ITEMS, Candidate, id_rank, optional_path, unclaimed
from .dates import column_moment, column_order
from .field_map import FieldMap
from .field_shapes import (
    REMARK_NAMES,
    ROLE_NAMES,
    Field,
    contiguous,
    fields_of,
    id_merit,
    is_flag,
    is_order,
    is_text,
    is_time,
    may_be_time,
    name_words,
    note_condition,
    role_merit,
    roles_clear,
    says_public,
    sides_of,
    speaker_words,
    text_merit,
)
from .parse_results import quoted_names
from .roles import has_sole_assistant, likely_assistant
from .structure import ITEM, ListPlace, Steps, steps_path
from .transcripts import looks_like_transcript
from .typed_values import decoded

_RECEIVERS = frozenset(("receiver", "recipient", "recipients", "to", "assignee"))
"""Words in the name of somebody who does not speak."""


def turn_candidate(place: ListPlace) -> Candidate | None:
    """Return the map that reads the lists of a place as turns, or as rows of several conversations."""
    pairs = [(number, item) for number, listed in enumerate(place.lists) for item in listed if isinstance(item, dict)]
    groups, items = [number for number, _ in pairs][:MAX_ITEMS], [item for _, item in pairs][:MAX_ITEMS]
    fields = fields_of(items)
    grouping = _grouping(fields, by_name=True)
    several = len({*zip(groups, map(str, grouping.values), strict=True)}) > len(set(groups)) if grouping else False
    if several or (grouping is not None and len(place.lists) == 1 and ITEM not in place.steps):
        rows = list(row_candidates(items, steps_path((*place.steps, ITEM))))
        return rows[0] if rows else None
    spoken = _spoken(fields, groups)
    if spoken is None:
        return None
    merit, field_map, doubts, claimed, assistant = spoken
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
        doubts += unclaimed(records, {inner, *claimed_beside})
    elif field_map.records is not None and field_map.records.endswith("entries(@)"):
        field_map = replace(field_map, id="key")
    doubts += unclaimed(items, claimed)
    return Candidate(merit, field_map, tuple(dict.fromkeys(doubts)), _guess(field_map, assistant))


def _with_record_fields(field_map: FieldMap, fields: Sequence[Field], turns: Steps) -> tuple[FieldMap, set[Steps]]:
    """Return the map with the id and the system text of a record, and the keys of these."""
    beside = [field for field in fields if field.keys[: len(turns)] != turns]
    claimed: set[Steps] = set()
    names = [field for field in beside if field.keys == ("key",)] if turns[:1] == ("value",) else []
    unique = [field for field in beside if id_merit(field) and len(set(map(str, field.values))) == len(field.values)]
    if best := names or sorted(unique, key=id_rank)[:1]:
        field_map = replace(field_map, id=best[0].path)
        claimed.add(best[0].keys)
    if (system := pair_fields.system_field(beside)) is not None:
        field_map = replace(field_map, system=system.path)
        claimed.add(system.keys)
    return field_map, claimed


def row_candidates(items: Sequence[dict[str, Any]], records: str | None) -> Iterator[Candidate]:
    """Yield the map that reads items as turns, those with one id as a conversation."""
    fields = fields_of(items)
    id_field = _grouping(fields, by_name=True) or _grouping(fields, by_name=False)
    numbers: dict[str, int] = {}
    ids = [str(value) for value in id_field.values] if id_field else [""] * len(items)
    groups = [numbers.setdefault(word, len(numbers)) for word in ids]
    spoken = _spoken([field for field in fields if field is not id_field], groups)
    if spoken is None:
        return
    merit, field_map, doubts, claimed, assistant = spoken
    order = next(
        (field for field in fields if field.keys not in claimed and field is not id_field and is_order(field)), None
    )
    dated = any(field.path == field_map.at and is_time(field) for field in fields)
    order_path = optional_path(order) or (field_map.at if dated else None)
    field_map = replace(field_map, records=records, id=optional_path(id_field), order=order_path)
    likely_id = None
    claimed |= {field.keys for field in (id_field, order) if field is not None}
    if id_field is None:
        remaining = [field.path for field in fields if field.keys not in claimed and _may_group(field)]
        if remaining or (records is None and field_map.order is None):
            likely_id = remaining[0] if remaining else None
            doubts.insert(
                0,
                "it is not known which field tells conversations apart (id=…)"
                + (f"; it may be one of {quoted_names(remaining)}" if remaining else ""),
            )
    elif id_merit(id_field) < ID:
        doubts.insert(0, f"equal values of {id_field.path!r} stand together: is it the id of a conversation?")
    elif 1 < len(ids) == len(numbers):
        doubts.insert(0, f"each {id_field.path!r} stands once: every turn would be a conversation by itself")
    doubts += unclaimed(items, claimed)
    guess = _guess(field_map, assistant, likely_id)
    yield Candidate(merit - 2 * (id_field is None), field_map, tuple(doubts), guess)


def _guess(field_map: FieldMap, assistant: str | None, likely_id: str | None = None) -> FieldMap | None:
    """Return a map with the likely assistant and id; None where none is likely, or a map cannot hold the name."""
    guess = field_map if assistant is None else replace(field_map, assistant=(assistant,))
    guess = guess if likely_id is None else replace(guess, id=likely_id)
    with suppress(UsageError):
        if guess != field_map and FieldMap.parse(str(guess)) == guess:
            return guess
    return None


def _may_group(field: Field) -> bool:
    """Return whether the values of a field may tell conversations apart: every item has one, and no truth value."""
    return len(field.filled) == len(field.values) and not is_flag(field)


def _grouping(fields: Sequence[Field], *, by_name: bool) -> Field | None:
    """Return the field whose values group items into conversations: by its name, or by runs of equal ones."""
    if by_name:
        named = [field for field in fields if id_merit(field) >= CONVERSATION]
        return max(named, key=lambda field: (id_merit(field), -len(field.keys)), default=None)
    groups = [
        field
        for field in fields
        if "" not in field.values
        and None not in field.values
        and all(isinstance(value, str | int) and not isinstance(value, bool) for value in field.values)
        and (id_merit(field) or not ROLE_NAMES & set(name_words(field.keys[-1])))
        and not any(map(is_text, field.values))
        and not is_flag(field)
        and contiguous(field.values)
        and not is_time(field)
    ]
    return max(groups, key=lambda field: (id_merit(field), len(set(map(str, field.values)))), default=None)


def _spoken(
    fields: Sequence[Field], groups: Sequence[int]
) -> tuple[float, FieldMap, list[str], set[Steps], str | None] | None:
    """Return the speaker, text, name and time of items as a map, with its merit, doubts and claimed keys, and the
    speaker who is likely the assistant where that is not known.
    """
    roles = [field for field in fields if says_public(field) is None]
    roles.sort(key=lambda field: -role_merit(field, groups))
    if not roles or not (merit := role_merit(roles[0], groups)):
        return None
    role = roles[0]
    texts = sorted((field for field in fields if field is not role), key=lambda field: -text_merit(field))
    content = texts[0] if texts and text_merit(texts[0]) else _only_text(texts) if merit >= CLEAR else None
    if content is None:
        return None
    words = speaker_words(role, groups) or []
    sides = sides_of(role, words)
    others = [field for field in fields if field not in (role, content)]
    at = next(filter(is_time, others), None) or next(filter(may_be_time, others), None)
    name = next((field for field in fields if field not in (role, content, at) and _is_name(field)), None)
    field_map = FieldMap(
        role.path,
        content.path,
        name=optional_path(name),
        at=optional_path(at),
        user=tuple(word for word in sides if sides[word] == "user"),
        assistant=tuple(word for word in sides if sides[word] == "assistant"),
    )
    public, private = (next((field for field in fields if says_public(field) is side), None) for side in (True, False))
    notes = next((field for field in fields if field is not role and note_condition(field)), None)
    field_map = replace(field_map, public=optional_path(public), private=optional_path(private))
    if private is None and public is None and notes is not None:
        field_map = replace(field_map, private=note_condition(notes))
    doubts: list[str] = []
    assistant = None
    if not roles_clear(words, sides) and not has_sole_assistant(words):
        speakers = list(dict.fromkeys(word for word in words if word))
        turns: dict[Hashable, Counter[str]] = {}
        for group, word in zip(groups, words, strict=True):
            turns.setdefault(group, Counter()).update([word] if word else [])
        assistant = likely_assistant(turns) if len(speakers) > 1 else None
        doubts.append(f"it is not known which of the speakers {quoted_names(speakers)} is the assistant (assistant=…)")
    claimed = {field.keys for field in (role, content, name, at, public, private) if field is not None}
    return merit + min(text_merit(content), 900) / 1000, field_map, doubts, claimed, assistant


def _only_text(fields: Sequence[Field]) -> Field | None:
    """Return the one field of texts, however short they are; None where there are several or none."""
    texts = [field for field in fields if any(isinstance(value, str) for value in field.filled)]
    texts = [field for field in texts if not id_merit(field) and not is_time(field) and not _is_name(field)]
    return texts[0] if len(texts) == 1 else None


def _is_name(field: Field) -> bool:
    words = name_words(field.keys[-1])
    named = words == ["name"] or (words[-1:] == ["name"] and bool(ROLE_NAMES & set(field.words)))
    named = named and _RECEIVERS.isdisjoint(field.words)
    return named and bool(field.filled) and all(isinstance(value, str) for value in field.filled)


def _is_unsorted(values: Sequence[Any], groups: Sequence[int]) -> bool:
    """Return whether the times of some conversation do not rise."""
    times: dict[int, list[float]] = {}
    order = column_order(values)
    for value, group in zip(values, groups, strict=True):
        if (at := column_moment(value, order)) is not None:
            times.setdefault(group, []).append(at.timestamp())
    return any(moments != sorted(moments) for moments in times.values())


def parallel_candidates(rows: Sequence[dict[str, Any]]) -> Iterator[Candidate]:
    """Yield the map of records with a list of speakers beside a list of as many texts."""
    lists = [
        field
        for field in fields_of(rows)
        if all(
            isinstance(value, list) and value and all(isinstance(text, str) for text in value) for value in field.values
        )
    ]
    for role in lists:
        alike = [
            field
            for field in lists
            if field is not role and list(map(len, field.values)) == list(map(len, role.values))
        ]
        groups = [number for number, value in enumerate(role.values) for _ in value]
        flat = [Field(field.keys, tuple(text for value in field.values for text in value)) for field in (role, *alike)]
        merit = role_merit(flat[0], groups)
        content = max(flat[1:], key=text_merit, default=None)
        if merit >= CLEAR and content is not None and (len(alike) == 1 or text_merit(content)):
            yield Candidate(
                merit,
                FieldMap(role.path, content.path, turns="@"),
                tuple(unclaimed(rows, {role.keys, content.keys})),
            )


def transcript_candidates(rows: Sequence[dict[str, Any]]) -> Iterator[Candidate]:
    """Yield the map of records that hold a transcript as a text."""
    fields = fields_of(rows)
    for field in fields:
        texts = [text for text in field.filled if isinstance(text, str)]
        if texts and len(texts) == len(field.filled) and all(map(looks_like_transcript, texts[:20])):
            field_map, claimed = _with_record_fields(FieldMap(turns=field.path), fields, field.keys)
            yield Candidate(CLEAR, field_map, tuple(unclaimed(rows, {field.keys, *claimed})))


def alternating_candidates(place: ListPlace) -> Iterator[Candidate]:
    """Yield the map that reads lists of texts as turns that alternate; who begins is asked."""
    texts = [text for listed in place.lists for text in listed]
    named = any(word in place.turns_path for word in ("turn", "dialog"))
    words = {word for key in place.steps for word in name_words(key)}
    if min(map(len, place.lists)) < 2 or sum(map(is_text, texts)) * 2 < len(texts):
        return
    if not named and (REMARK_NAMES | pair_fields.ANSWERS) & words:
        return
    field_map = FieldMap(content="@", first="user", records=place.records_path, turns=place.turns_path)
    yield Candidate(1.0, field_map, ("it is not known who speaks first: first=user or first=assistant",))
