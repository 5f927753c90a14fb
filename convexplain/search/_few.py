"""The search by few edits: sets of one to four first, larger ones where these do not do. Of this project, in no paper.

Where nearly every text can be spoilt by editing all of it, as a judged turn's own words can, what an edit of everything
shrinks to says how little garbled text the judge bears. This search never starts there: it goes by what is believed of
each edit (`_climb`), and what it finds reads as a text in which a few words were changed.
"""

from collections.abc import Sequence

import numpy as np

from ._climb import Effects, climb, grow
from ._guided import each_whole, likeliest, more_fills, shrunk, some, unknown
from ._scores import Scores
from ._shrink import shrink
from .protocol import Edits, Hole, Infill, Search


def few(
    n: int,
    *,
    delta: float,
    rng: np.random.Generator,
    groups: Sequence[Sequence[int]] = (),
    prior: Sequence[float] | None = None,
) -> Search:
    """Finds a contrast with few edits, in more calls than `guided` where editing everything tells something.

    Args:
        n: how many units may be edited.
        delta: g from which on a candidate is a contrast.
        rng: the source of all chance.
        groups: for each coarser level (turns, sentences) the number of the group that each unit is in; where there are
            several, editing each of them whole tells first where to look.
        prior: how likely each unit matters, up to a factor; equally unless given.
    """
    fills: Sequence[str | None] = yield Infill(tuple(Hole(unit) for unit in range(n)))  # type: ignore[assignment]
    everything: Edits = tuple((unit, fill) for unit, fill in enumerate(fills) if fill is not None)
    if not everything:
        return
    weights = np.ones(n) if prior is None else np.asarray(prior, dtype=float)
    effects = Effects((yield from more_fills(some(everything, rng))), groups, weights)
    scores = Scores()
    first = [] if prior is None else likeliest(everything, dict(enumerate(prior)), (1, 2, 4))
    yield from scores.ask([(), *first, *each_whole(everything, groups)])
    yield from grow(effects, delta, scores, rng)
    left = scores.crossing(delta)
    if left is None:
        return
    left = yield from shrink(left, unknown(left, scores), delta, scores, groups)
    left = yield from shrunk(left, delta, scores, groups)
    while len(left) > 1:
        yield from climb(effects, delta, scores, rng, fewer_than=len(left))
        if len(scores.crossing(delta) or left) >= len(left):
            return
        left = yield from shrunk(left, delta, scores, groups)
