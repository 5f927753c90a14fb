"""The map of wide records, which hold a conversation in numbered fields: `user_1`, `bot_1`, `user_2`, …"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from . import pair_fields
from .candidates import CLEAR, Candidate, id_rank, unclaimed
from .field_map import FieldMap
from .field_shapes import Field, fields_of, id_merit

_NUMBERED = re.compile(r"(?P<before>\D*?)[\s_.-]*(?P<number>\d{1,3})[\s_.-]*(?P<after>\D*)")
_FEWEST = 2
"""Numbers from which on fields are a series."""


def wide_candidates(rows: Sequence[dict[str, Any]]) -> Iterator[Candidate]:
    """Yield the map of records whose questions and answers are in numbered fields, in the order of the fields."""
    fields = fields_of(rows)
    series: dict[str, dict[int, Field]] = {}
    for field in fields:
        stem, number = _numbered(field)
        series.setdefault(stem, {}).setdefault(number, field)
    numbered = {
        stem for stem, members in series.items() if any(char.isdigit() for f in members.values() for char in f.path)
    }
    sides = {stem: pair_fields.side_of(stem) for stem in numbered}
    stems = [[stem for stem, side in sides.items() if side == role] for role in ("user", "assistant")]
    if any(len(named) != 1 for named in stems):
        return
    [user], [assistant] = stems
    if not _go_together(set(series[user]), set(series[assistant])):
        return
    places = {field.keys: place for place, field in enumerate(fields)}
    texts = [
        (number, places[field.keys], role, field)
        for role, stem in (("user", user), ("assistant", assistant))
        for number, field in series[stem].items()
    ]
    texts.sort(key=lambda text: text[:2])
    claimed = {field.keys for *_, field in texts}
    ids = [field for field in fields if field.keys not in claimed and id_merit(field)]
    unique = [field for field in ids if len(set(map(str, field.values))) == len(rows)]
    id_field = min(unique, key=id_rank, default=None)
    claimed |= {id_field.keys} if id_field is not None else set()
    field_map = FieldMap(
        user=("user",),
        assistant=("assistant",),
        turns=f"[{', '.join(_exchanges([(role, field.path) for *_, role, field in texts]))}]",
        id=None if id_field is None else id_field.path,
    )
    yield Candidate(CLEAR, field_map, tuple(unclaimed(rows, claimed)))


def _numbered(field: Field) -> tuple[str, int]:
    """Return the name of a field without its number, and the number: 1 where it has none."""
    match = _NUMBERED.fullmatch(field.keys[-1]) if len(field.keys) == 1 else None
    if match is None:
        return field.path, 1
    return " ".join(filter(None, (match["before"].strip(" _.-"), match["after"].strip(" _.-")))), int(match["number"])


def _exchanges(texts: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the members of a list of questions with their answers, of texts in their order: roles and places."""
    place = 0
    while place < len(texts):
        pair = texts[place : place + 2]
        length = 2 if [role for role, _ in pair] == ["user", "assistant"] else 1
        yield f"{{{', '.join(f'{role}: {path}' for role, path in pair[:length])}}}"
        place += length


def _go_together(questions: set[int], answers: set[int]) -> bool:
    """Return whether numbers of questions and answers follow each other, and at most the last has no partner."""
    numbers = questions | answers
    follow = numbers == set(range(min(numbers), min(numbers) + len(numbers)))
    unpaired = questions ^ answers
    return follow and len(numbers) >= _FEWEST and unpaired <= {max(numbers)}
