"""Maps that may fit a log, each with its merit and the reasons to doubt it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import pair_fields
from .claimed_texts import text_letters
from .field_map import FieldMap
from .field_shapes import REMARK_NAMES, TEXT_NAMES, Field, id_merit, is_text, name_words
from .structure import ITEM, MEMBER, Steps, steps_path
from .typed_values import decoded

MAX_ITEMS = 600
"""Items of lists from which a map is proposed."""
CLEAR = 10.0
"""The merit from which on the roles of all speakers are known."""
PAIR = 8.0
"""The merit of a question with its answer."""
ID = 3.0
"""The merit from which on a field is an id of something by its name."""
CONVERSATION = 6.0
"""The merit from which on an id is that of a conversation by its name."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A map with its merit: the more, the more the structure looks so.

    Attributes:
        merit: the merit.
        field_map: the map.
        doubts: what a person should decide.
        guess: the map with the likely answers to the doubts; None where nothing is likely.
    """

    merit: float
    field_map: FieldMap
    doubts: tuple[str, ...]
    guess: FieldMap | None = None


def _is_inside(keys: Steps, place: Steps) -> bool:
    """Return whether keys lead to a place, or into it."""
    inside = zip(keys, place, strict=False)
    return len(keys) >= len(place) and all(step in (key, MEMBER) for key, step in inside)


def is_words(keys: Steps, text: Any) -> bool:
    """Return whether a text reads like somebody's words, or stands under the name of an answer, however short."""
    words = {word for key in keys for word in name_words(key)}
    last = set(name_words(next((key for key in reversed(keys) if key != ITEM), "")))
    is_answer = bool(pair_fields.ANSWERS & words) and bool((pair_fields.ANSWERS | TEXT_NAMES) & last)
    short_answer = is_answer and isinstance(text, str) and bool(text.strip()) and not pair_fields.OTHERS & words
    return not REMARK_NAMES & words and (is_text(text) or short_answer)


def unclaimed(items: Sequence[dict[str, Any]], claimed: set[Steps]) -> list[str]:
    """Return a doubt for each place of texts that no turn would have, under any name."""
    places: dict[str, int] = {}
    for item in items:
        unused: list[tuple[Steps, Any]] = []
        letters: dict[Steps, str] = {}  # of the texts that turns would have, by their places
        for keys, text in leaves(item):
            if not any(_is_inside(keys, place) for place in claimed if place):
                unused.append((keys, text))
            elif isinstance(text, str):
                letters[keys] = letters.get(keys, "") + text_letters(text)
        for keys, text in unused:
            if is_words(keys, text) and not any(text_letters(text) in joined for joined in letters.values()):
                path = steps_path(tuple(keys))
                places[path] = places.get(path, 0) + 1
    return [
        f"{count} texts under {path!r} would be in no turn"
        if count > 1
        else f"1 text under {path!r} would be in no turn"
        for path, count in list(places.items())[:3]
    ]


def leaves(value: Any, keys: Steps = (), depth: int = 0) -> Iterator[tuple[Steps, Any]]:
    """Yield the values in a JSON value that are no objects and no lists, each with the keys that lead to it."""
    value = decoded(value)
    if depth > 12:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*keys, str(key)), depth + 1)
    elif isinstance(value, list):
        for inner in value[:MAX_ITEMS]:
            yield from leaves(inner, (*keys, ITEM), depth + 1)
    else:
        yield keys, value


def optional_path(field: Field | None) -> str | None:
    """Return the place of a field in a map; None where there is no field."""
    return None if field is None else field.path


def id_rank(field: Field) -> tuple[bool, int, float]:
    """Return the rank of an id: `id` first, then the least nested, then by its name."""
    return field.keys != ("id",), len(field.keys), -id_merit(field)
