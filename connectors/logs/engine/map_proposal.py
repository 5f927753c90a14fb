"""A map of a log's fields, proposed from the structure of its first records."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .candidates import CLEAR, MAX_ITEMS, PAIR, Candidate, is_words, leaves
from .field_map import FieldMap
from .pair_candidates import pair_candidates
from .structure import ITEM, ListPlace, Steps, list_places, steps_path
from .turn_candidates import (
    alternating_candidates,
    parallel_candidates,
    row_candidates,
    transcript_candidates,
    turn_candidate,
)
from .typed_values import decoded, is_typed, plain_value
from .wide_candidates import wide_candidates

SAMPLE = 200
"""Records from which a map is proposed."""
_EXCHANGES = frozenset(
    ("messages", "history", "turns", "exchanges", "rounds", "dialogue", "dialog", "interactions", "chat")
)
"""Names of lists whose items belong to one conversation."""
_TURNS = 2
"""Turns of an exchange: a question and its answer."""
_TUPLES = frozenset(range(2, 9))
"""Lengths of lists that may be a turn: its speaker, its text and what else there is."""


@dataclass(frozen=True, slots=True)
class MapProposal:
    """A map that the structure of a log suggests.

    Attributes:
        field_map: the map.
        doubts: what a person should decide; empty where it can be used as it is.
        guess: the map with the likely answers to the doubts; None where nothing is likely.
    """

    field_map: FieldMap
    doubts: tuple[str, ...] = ()
    guess: FieldMap | None = None

    def of_table(self, table: str) -> "MapProposal":
        """Return the proposal for one table, or sheet, of several."""
        guess = None if self.guess is None else replace(self.guess, table=table)
        return replace(self, field_map=replace(self.field_map, table=table), guess=guess)


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
    best, *weaker = candidates
    rival = next((second for second in weaker if second.merit >= CLEAR <= best.merit and _differs(best, second)), None)
    doubts = best.doubts
    if rival is not None:
        doubts = (*doubts, f"turns may also be meant by: {rival.field_map}")
    return MapProposal(best.field_map, doubts, best.guess)


def _differs(best: Candidate, second: Candidate) -> bool:
    """Return whether two candidates take different lists of a record: one inside the other is no rival."""
    places = [f"{candidate.field_map.records or ''}.{candidate.field_map.turns or ''}" for candidate in (best, second)]
    return not places[0].startswith(places[1]) and not places[1].startswith(places[0])


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
            is_words(keys, text) for value in objects for keys, text in leaves(value) if keys[: len(steps)] != steps
        )
        if fitting * 10 >= len(objects) * 8 and not texts:
            return FieldMap(records=steps_path(steps))
        listed = [value for record in records if isinstance(record, list) for value in record]
        if listed and sum(_is_filled(value) and is_record(value) for value in listed) * 10 >= len(listed) * 8:
            return None if texts else FieldMap(records=steps_path((*steps, ITEM)))
    return None


def _is_filled(record: Any) -> bool:
    """Return whether a value is an object with a text somewhere."""
    return isinstance(record, dict) and any(isinstance(text, str) and text for _, text in leaves(record))


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


def _candidates(sample: Sequence[Any]) -> Iterator[Candidate]:
    rows = [value for value in sample if isinstance(value, dict)]
    if len(rows) * 10 >= len(sample) * 8 and rows:
        yield from row_candidates(rows, None)
        yield from pair_candidates(rows, None)
        yield from parallel_candidates(rows)
        yield from transcript_candidates(rows)
        yield from wide_candidates(rows)
    places = list_places(sample)
    joined = list(_exchange_lists(places))
    parts = {place.steps[:-1] for place in joined}
    for place in map(_with_named_places, [*joined, *(place for place in places if place.steps not in parts)]):
        items = [item for listed in place.lists for item in listed if isinstance(item, dict)][:MAX_ITEMS]
        total = sum(map(len, place.lists))
        if items and len(items) * 10 >= min(total, MAX_ITEMS) * 8:
            candidate = turn_candidate(place)
            if candidate is not None:
                yield candidate
            if candidate is None or candidate.merit < PAIR:
                yield from pair_candidates(items, place)
        elif place.lists and total >= 2 and all(isinstance(text, str) for listed in place.lists for text in listed):
            yield from alternating_candidates(place)


def _exchange_lists(places: Sequence[ListPlace]) -> Iterator[ListPlace]:
    """Yield the lists of exchanges as lists of turns: `{"messages": [{"message": [question, answer]}, …]}`."""
    outer = {place.steps: place for place in places}
    for place in places:
        around = place.record_steps[:-1]
        is_exchange = place.record_steps[-1:] == (ITEM,) and max(map(len, place.lists), default=0) <= _TURNS
        is_exchange = is_exchange and all(isinstance(turn, dict) for listed in place.lists for turn in listed)
        if not is_exchange or around not in outer or _EXCHANGES.isdisjoint(around[-1:]):
            continue
        lists = iter(place.lists)
        outer_list = outer[around]
        joined = [[turn for _ in listed for turn in next(lists, [])] for listed in outer_list.lists]
        if around and len(place.lists) == sum(map(len, outer_list.lists)) > len(joined):
            yield replace(outer_list, steps=(*place.steps, ITEM), lists=joined)


def _with_named_places(place: ListPlace) -> ListPlace:
    """Return a list of short lists, as `[["user", "Hi"], …]`, as a list of objects with the places as names."""
    items = [item for listed in place.lists for item in listed]
    lengths = {len(item) for item in items if isinstance(item, list)}
    short = len(lengths) == 1 and lengths <= _TUPLES and all(isinstance(item, list) for item in items)
    if not short or any(isinstance(cell, list | dict) for item in items for cell in item):
        return place
    lists = [[{f"[{i}]": cell for i, cell in enumerate(item)} for item in listed] for listed in place.lists]
    return replace(place, lists=lists)
