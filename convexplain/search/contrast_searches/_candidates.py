"""Candidates and groups of edits that the searches of this project propose."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..protocol import Edits, Hole, Infill, Score
from ._minimisation import UnitGroup, minimise
from ._scoreboard import Scoreboard

MOST_GROUPS = 8  # sentences or turns that are asked for whole at most
_SINGLES = 7  # edits that are asked for one by one
_MOST = 400  # units that an effect model takes into account; drawn, where a text has more
_FILLS = 3  # fills that are tried for a unit where the first ones do not cross


def minimise_crossing(
    edits: Edits, delta: float, scores: Scoreboard, groups: Sequence[Sequence[int]]
) -> Generator[Score, Any, Edits]:
    """Minimise a crossing candidate, and then what crossed on the way and is as small or smaller; return the last."""
    while (smallest := scores.crossing(delta) or edits) != edits:
        edits = yield from minimise(smallest, unmeasured(smallest, scores), delta, scores, groups)
    return edits


def unmeasured(edits: Edits, scores: Scoreboard) -> list[UnitGroup]:
    """Return edits of unknown effect in groups: few edits one by one, many in one group."""
    if len(edits) <= _SINGLES:
        return [UnitGroup((unit,)) for unit, _ in edits]
    return [UnitGroup(tuple(unit for unit, _ in edits), scores[edits] - scores.get((), 0.0))]


def likeliest(edits: Edits, weights: Mapping[int, float], sizes: Iterable[int]) -> list[Edits]:
    """Return the edits of greatest weight, one candidate for each size."""
    ordered = sorted(edits, key=lambda edit: -weights[edit[0]])
    return [tuple(sorted(ordered[:size])) for size in sorted(set(sizes)) if 0 < size < len(edits)]


def sampled(edits: Edits, rng: np.random.Generator) -> Edits:
    """Return as many of the edits as an effect model can have: its covariances grow as the square of their number."""
    if len(edits) <= _MOST:
        return edits
    return tuple(edits[int(i)] for i in np.sort(rng.choice(len(edits), _MOST, replace=False)))


def more_fills(edits: Edits) -> Generator[Infill, Any, list[tuple[int, str]]]:
    """Ask for further fills of the same units, and return all edits: those and the new ones."""
    choices = [[edit] for edit in edits]
    for _ in range(1, _FILLS):
        holes = tuple(Hole(fills[0][0], avoid=tuple(fill for _, fill in fills)) for fills in choices)
        answer: Sequence[str | None] = yield Infill(holes)
        for fills, fill in zip(choices, answer, strict=True):
            if fill is not None and (fills[0][0], fill) not in fills:
                fills.append((fills[0][0], fill))
    return [choice for fills in choices for choice in fills]


def each_group(edits: Edits, groups: Sequence[Sequence[int]]) -> list[Edits]:
    """Return all edits of each sentence, or of each turn where there are too many sentences."""
    for level in reversed(groups):
        names = list(dict.fromkeys(level[unit] for unit, _ in edits))
        if 1 < len(names) <= MOST_GROUPS:
            return [tuple(edit for edit in edits if level[edit[0]] == name) for name in names]
    return []
