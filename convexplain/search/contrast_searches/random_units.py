"""Random search, the baseline: sets of units drawn blindly."""

from collections.abc import Sequence

import numpy as np

from ..protocol import Hole, Infill, Score, Search
from ..registry import ContrastSearch

_BATCH, _MOST = 8, 10


def random_search(n: int, *, rng: np.random.Generator) -> Search:
    """Edit one to ten units, drawn at random, for ever; what crosses by chance is not made smaller.

    Args:
        n: how many units may be edited.
        rng: the source of all chance.
    """
    while n:
        sizes = rng.integers(1, min(n, _MOST) + 1, _BATCH)
        sets = [sorted(int(unit) for unit in rng.choice(n, int(size), replace=False)) for size in sizes]
        fills: Sequence[str | None] = yield Infill(tuple(Hole(unit) for units in sets for unit in units))
        fill_of = iter(fills)
        candidates = [
            tuple((unit, fill) for unit, fill in ((unit, next(fill_of)) for unit in units) if fill) for units in sets
        ]
        if not any(candidates):
            return
        yield Score(tuple(edits for edits in candidates if edits))


RANDOM = ContrastSearch("random", "Random sets of units: a baseline.", random_search, baseline=True)
