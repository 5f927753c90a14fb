"""Maps that read records, or the items of lists, as questions with their answers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from . import pair_fields
from .candidates import CONVERSATION, ID, PAIR, Candidate, id_rank, optional_path, unclaimed
from .field_map import FieldMap
from .field_shapes import Field, fields_of, id_merit, is_time, name_words
from .message_lists import LISTS, WRAPPERS
from .structure import ENTRY, ITEM, MEMBER, ListPlace, steps_path

_EXCHANGES = frozenset((*LISTS, "history", "exchanges", "log", "chat", "transcript", "rounds"))
_SEPARATE = frozenset((*WRAPPERS, "faq", "faqs", "examples", "samples", "results", "list", "qa", "pairs", "questions"))


def pair_candidates(items: Sequence[dict[str, Any]], place: ListPlace | None) -> Iterator[Candidate]:
    """Yield the map that reads items as questions with their answers.

    Args:
        items: the items.
        place: their list; None where they are the log's records. A list with the name of a conversation, or one in each
            of several records, is one conversation.
    """
    fields = fields_of(items)
    pair = pair_fields.find_pair(fields) or pair_fields.placed_pair(fields)
    if pair is None:
        return
    claimed = {field.keys for field in (pair.user, pair.assistant, pair.system) if field is not None}
    ids = [field for field in fields if field.keys not in claimed and _is_pair_id(field)]
    id_field = max(ids, key=lambda field: (id_merit(field), -len(field.keys)), default=None)
    at = next((field for field in fields if field.keys not in claimed and is_time(field)), None)
    field_map = FieldMap(
        user=(pair.user.path,),
        assistant=(pair.assistant.path,),
        system=optional_path(pair.system),
        id=optional_path(id_field),
        at=optional_path(at),
        order=optional_path(at if id_field else None),
    )
    if place is not None:
        yield _listed_pairs(field_map, place, (*pair.doubts, *unclaimed(items, claimed)))
        return
    claimed |= {field.keys for field in (id_field, at) if field is not None}
    yield Candidate(PAIR, field_map, (*pair.doubts, *unclaimed(items, claimed)))


def _listed_pairs(field_map: FieldMap, place: ListPlace, doubts: tuple[str, ...]) -> Candidate:
    """Return the map that reads a list of questions with answers as one conversation, or each as one of its own."""
    key = next((step for step in reversed(place.steps) if step not in (ITEM, ENTRY, MEMBER)), "")
    words = set(name_words(key))
    records = [record for record in place.records if isinstance(record, dict)]
    doubts = (*doubts, *unclaimed(records, {place.steps[len(place.record_steps) :]}))
    ids = [field for field in fields_of(records) if id_merit(field) >= ID and not isinstance(field.values[0], list)]
    if len(place.records) > 1 or _EXCHANGES & words or ids:
        id_path = optional_path(min(ids, key=id_rank)) if ids else None
        field_map = replace(field_map, records=place.records_path, turns=place.turns_path, id=id_path, order=None)
    else:
        if not _SEPARATE & words:
            choice = f"turns={place.turns_path} in place of records=…, if they are one"
            doubts = (f"it is not known whether the questions under {key!r} are one conversation: {choice}", *doubts)
        field_map = replace(field_map, records=steps_path((*place.steps, ITEM)))
    return Candidate(PAIR, field_map, doubts)


def _is_pair_id(field: Field) -> bool:
    """Return whether a field is the id of a question's conversation, by its name; any other id only if it is unique."""
    merit = id_merit(field)
    return merit >= CONVERSATION or (merit >= ID and len(set(map(str, field.values))) == len(field.values))
