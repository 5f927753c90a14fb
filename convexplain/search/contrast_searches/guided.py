"""The guided search: asks for the most informative candidates instead of random ones. Of this project, in no paper.

Everything that may be edited is edited at once. If that crosses, `minimise` finds the few edits that are needed: a
divide and conquer as in QuickXplain (Junker 2004) and delta debugging (Zeller and Hildebrandt 2002) that also uses how
far g moves, not only whether it crosses. If it does not, the text may be garbled rather than say something else. So
sentences are replaced in one piece, where they can be: those that carry g over delta show where to look. Else
groups of edits are explored, with ever new fills, as long as there is budget (`_exploration`). Where more than a few
edits remain, `search_smaller` looks once more, for smaller sets.
"""

import math
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..protocol import Edits, Hole, Infill, Score, Search, without
from ..registry import ContrastSearch
from ._candidates import (
    MOST_GROUPS,
    likeliest,
    minimise_crossing,
    more_fills,
    sampled,
    unmeasured,
)
from ._effects import EffectModel, search_smaller
from ._exploration import Exploration
from ._minimisation import UnitGroup, halves, minimise, split
from ._scoreboard import Scoreboard

_ENOUGH = 4  # edits of an irreducible contrast, beyond which a smaller one is looked for
_MOST_SENTENCES = 32  # of a text, up to which whole sentences are replaced
_ELSEWHERE = 0.05  # weight of the edits in a sentence whose replacement does nothing; 1 where one carries g to delta


def guided(
    n: int,
    *,
    delta: float,
    rng: np.random.Generator,
    groups: Sequence[Sequence[int]] = (),
    prior: Sequence[float] | None = None,
    sentences: Sequence[Sequence[int]] = (),
    distance: Callable[[Edits], float] | None = None,
) -> Search:
    """Find a contrast with few edits in few calls.

    Args:
        n: how many units may be edited.
        delta: g from which on a candidate is a contrast.
        rng: the source of all chance; used only where `_exploration` or `search_smaller` is.
        groups: for each coarser level (turns, sentences) the number of the group that each unit is in.
        prior: how likely each unit matters, up to a factor; equally unless given.
        sentences: for each sentence that can be replaced in one piece, numbered n, n + 1, …, the units in it; it counts
            as that many edits.
        distance: how far a candidate is from the text; its number of edits unless given.
    """
    fills: Sequence[str | None] = yield Infill(tuple(Hole(unit) for unit in range(n)))
    everything: Edits = tuple((unit, fill) for unit, fill in enumerate(fills) if fill is not None)
    if not everything:
        return
    sentences = sentences if len(sentences) <= _MOST_SENTENCES else ()
    groups = [[*level, *(level[sentence[0]] for sentence in sentences)] for level in groups]
    scores = Scoreboard(
        size=lambda edits: sum(1 if unit < n else len(sentences[unit - n]) for unit, _ in edits), distance=distance
    )
    cut = halves([unit for unit, _ in everything], groups) if len(everything) > 1 else None
    first = [everything, without(everything, *cut[0])] if cut else [everything]
    if prior is not None:
        first = [*likeliest(everything, dict(enumerate(prior)), (1, 2, 4, 8)), *first]
    yield from scores.ask([(), *first])
    weights = np.ones(n) if prior is None else np.asarray(prior, dtype=float)
    crossing, effects = scores.crossing(delta), None
    enough = 1 if crossing is None else _ENOUGH
    if crossing is None and sentences:
        crossing, weights = yield from replace_sentences(everything, sentences, weights, delta, scores, groups)
    if crossing is None:
        yield from Exploration(everything, delta, scores, groups, weights, rng).run()
        crossing = scores.crossing(delta)
    if crossing is None:
        return
    state = unmeasured(crossing, scores)
    if cut and crossing in first[-2:] and scores.get(everything, -math.inf) >= delta:
        crossing, state = everything, _in_halves(everything, cut, scores)
    edits = yield from minimise(crossing, state, delta, scores, groups)
    edits = yield from minimise_crossing(edits, delta, scores, groups)
    while scores.size(edits) > enough:
        # Irreducible, but not few: among many edits each does something else than alone, so a smaller set may do.
        effects = effects or EffectModel((yield from more_fills(sampled(everything, rng))), groups, weights)
        yield from search_smaller(effects, delta, scores, rng, fewer_than=scores.size(edits))
        if scores.size(scores.crossing(delta) or edits) >= scores.size(edits):
            return
        edits = yield from minimise_crossing(edits, delta, scores, groups)


def _in_halves(everything: Edits, cut: tuple[tuple[int, ...], tuple[int, ...]], scores: Scoreboard) -> list[UnitGroup]:
    """All edits in the two groups of a cut, of which the first was taken back already."""
    group = UnitGroup(tuple(unit for unit, _ in everything), scores[everything] - scores.get((), 0.0))
    return split(group, *cut, scores[everything], everything, scores)


def replace_sentences(
    everything: Edits,
    sentences: Sequence[Sequence[int]],
    weights: NDArray[np.float64],
    delta: float,
    scores: Scoreboard,
    groups: Sequence[Sequence[int]],
) -> Generator[Infill | Score, Any, tuple[Edits | None, NDArray[np.float64]]]:
    """Replace sentences in one piece, all and each: find the few that cross, and try the edits of their words too.

    Returns:
        A crossing candidate, of words where those cross, else of sentences; None where there is none. And the weights,
        less where a sentence did less.
    """
    n, start = len(weights), scores.get((), 0.0)
    fills: Sequence[str | None] = yield Infill(tuple(Hole(n + i) for i in range(len(sentences))))
    every: Edits = tuple((n + i, fill) for i, fill in enumerate(fills) if fill is not None)
    if not every:
        return None, weights
    single = [(edit,) for edit in every] if len(every) <= MOST_GROUPS else []
    yield from scores.ask([every, *single])
    crossing = scores.crossing(delta)
    if crossing is not None:
        crossing = yield from minimise(crossing, unmeasured(crossing, scores), delta, scores, groups)
    # Sentences that did little come last; nothing is known of those that could not be replaced or scored.
    moved = {edits[0][0]: scores[edits] - start for edits in single if edits in scores}
    most = max(delta - start, *moved.values(), 1e-9)
    share = dict.fromkeys((number for number, _ in every), 0.0) if crossing is not None else {}
    share |= {number: by / most for number, by in moved.items()} | {number: 1.0 for number, _ in crossing or ()}
    factors = np.ones(n)
    for number, part in share.items():
        factors[list(sentences[number - n])] = max(part, _ELSEWHERE)
    if crossing is not None:
        inside = {unit for number, _ in crossing for unit in sentences[number - n]}
        words = tuple(edit for edit in everything if edit[0] in inside)
        yield from scores.ask([words])
        crossing = words if scores.get(words, -math.inf) >= delta else crossing
    return crossing, weights * factors


GUIDED = ContrastSearch(
    "guided",
    "Replaces all words at once, then puts back those that are not needed: the fewest calls.",
    guided,
)
