"""The search by few edits: sets of one to four first, larger ones where these do not do. Of this project, in no paper.

Where nearly every text can be spoilt by editing all of it, as a judged turn's own words can, the contrast that an edit
of everything shrinks to shows only how little garbled text the judge bears. This search never starts there: it follows
a model of what each edit does (`_effects`), and its contrast reads as a text in which a few words were changed. Where
small sets do not cross, it explores as the guided search does (`_exploration`).
"""

from collections.abc import Callable, Sequence

import numpy as np

from ..protocol import Edits, Hole, Infill, Search
from ..registry import ContrastSearch
from ._candidates import each_group, likeliest, minimise_crossing, more_fills, sampled, unmeasured
from ._effects import EffectModel, grow, search_smaller
from ._exploration import Exploration
from ._minimisation import minimise
from ._scoreboard import Scoreboard


def few(
    n: int,
    *,
    delta: float,
    rng: np.random.Generator,
    groups: Sequence[Sequence[int]] = (),
    prior: Sequence[float] | None = None,
    distance: Callable[[Edits], float] | None = None,
) -> Search:
    """Find a contrast with few edits, in more calls than `guided` where an edit of everything is informative.

    Args:
        n: how many units may be edited.
        delta: g from which on a candidate is a contrast.
        rng: the source of all chance.
        groups: for each coarser level (turns, sentences) the number of the group that each unit is in; where there are
            several, each of them is edited whole first, to see where to look.
        prior: how likely each unit matters, up to a factor; equally unless given.
        distance: how far a candidate is from the text; its number of edits unless given.
    """
    fills: Sequence[str | None] = yield Infill(tuple(Hole(unit) for unit in range(n)))
    everything: Edits = tuple((unit, fill) for unit, fill in enumerate(fills) if fill is not None)
    if not everything:
        return
    weights = np.ones(n) if prior is None else np.asarray(prior, dtype=float)
    effects = EffectModel((yield from more_fills(sampled(everything, rng))), groups, weights)
    scores = Scoreboard(distance=distance)
    first = [] if prior is None else likeliest(everything, dict(enumerate(prior)), (1, 2, 4))
    yield from scores.ask([(), *first, *each_group(everything, groups)])
    yield from grow(effects, delta, scores, rng)
    if scores.crossing(delta) is None:
        yield from scores.ask([everything])
        yield from Exploration(everything, delta, scores, groups, weights, rng).run()
    edits = scores.crossing(delta)
    if edits is None:
        return
    edits = yield from minimise(edits, unmeasured(edits, scores), delta, scores, groups)
    edits = yield from minimise_crossing(edits, delta, scores, groups)
    while len(edits) > 1:
        yield from search_smaller(effects, delta, scores, rng, fewer_than=len(edits))
        if len(scores.crossing(delta) or edits) >= len(edits):
            return
        edits = yield from minimise_crossing(edits, delta, scores, groups)


FEW = ContrastSearch(
    "few",
    "Tries sets of few edited words first, larger ones if none crosses: more calls, smaller contrasts.",
    few,
)
