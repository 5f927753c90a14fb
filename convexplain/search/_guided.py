"""The guided search: asks what it learns most from, instead of sampling blindly. Of this project, in no paper.

Everything that may be edited is edited at once. If that crosses, `shrink` finds the few edits that are needed: a
divide and conquer as in QuickXplain (Junker 2004) and delta debugging (Zeller and Hildebrandt 2002) that also uses how
far g moves, not only whether it crosses. If it does not, the text may be garbled rather than say something else. So
sentences are said anew in one piece, where they can be: those that carry g over delta say where to look. Else each
sentence or turn is edited whole, word by word, and `grow` learns from every score which edits move g, and where. Where
more than a few edits are left, `climb` looks once more, for smaller sets.
"""

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._climb import Effects, climb, grow
from ._scores import Scores
from ._shrink import Group, halves, shrink, split
from .protocol import Edits, Hole, Infill, Score, Search, without

_SHARES = (0.06, 0.12, 0.2, 0.3, 0.42, 0.56, 0.72, 0.88)  # of a crossing candidate's edits, those that seem to do most
_SHRUNK = 0.8  # of the edits at most have to be left for another round of this
_FEW = 7  # edits that are asked for one by one
_GROUPS = 8  # sentences or turns that are asked for whole at most
_ENOUGH = 4  # edits of an irreducible contrast, beyond which a smaller one is looked for
_WHOLES = 32  # sentences up to which they are said anew
_ELSEWHERE = 0.05  # weight of the edits in a sentence that, said anew, does nothing; 1 where one carries g to delta
_MOST = 400  # units that `grow` and `climb` take into account; drawn, where a text has more
_FILLS = 3  # fills that are tried for a unit where the first ones do not cross


def guided(
    n: int,
    *,
    delta: float,
    rng: np.random.Generator,
    groups: Sequence[Sequence[int]] = (),
    prior: Sequence[float] | None = None,
    wholes: Sequence[Sequence[int]] = (),
) -> Search:
    """Finds a contrast with few edits in few calls.

    Args:
        n: how many units may be edited.
        delta: g from which on a candidate is a contrast.
        rng: the source of all chance; used only where `grow` or `climb` is.
        groups: for each coarser level (turns, sentences) the number of the group that each unit is in.
        prior: how likely each unit matters, up to a factor; equally unless given.
        wholes: for each sentence that can be said anew in one piece, numbered n, n + 1, …, the units in it; it counts
            as that many edits.
    """
    fills: Sequence[str | None] = yield Infill(tuple(Hole(unit) for unit in range(n)))  # type: ignore[assignment]
    everything: Edits = tuple((unit, fill) for unit, fill in enumerate(fills) if fill is not None)
    if not everything:
        return
    wholes = wholes if len(wholes) <= _WHOLES else ()
    groups = [[*level, *(level[whole[0]] for whole in wholes)] for level in groups]
    scores = Scores(size=lambda edits: sum(1 if unit < n else len(wholes[unit - n]) for unit, _ in edits))
    cut = halves([unit for unit, _ in everything], groups) if len(everything) > 1 else None
    first = [everything, without(everything, *cut[0])] if cut else [everything]
    if prior is not None:
        first = [*likeliest(everything, dict(enumerate(prior)), (1, 2, 4, 8)), *first]
    yield from scores.ask([(), *first])
    weights = np.ones(n) if prior is None else np.asarray(prior, dtype=float)
    found, effects = scores.crossing(delta), None
    enough = 1 if found is None else _ENOUGH
    if found is None and wholes:
        found, weights = yield from said_anew(everything, wholes, weights, delta, scores, groups)
    if found is None:
        effects = Effects((yield from more_fills(some(everything, rng))), groups, weights)
        tried = any(len(edits) == 1 and edits[0][0] >= n for edits in scores)  # each sentence anew
        sentences = [] if tried else [edits for edits in each_whole(everything, groups) if edits not in scores]
        if len(sentences) > 1:  # a single one is not worth a round
            yield from scores.ask(sentences)
        yield from grow(effects, delta, scores, rng)
        yield from _fewer(effects, delta, scores)
        found = scores.crossing(delta)
    if found is None:
        return
    if cut and found in first[-2:] and scores.get(everything, -math.inf) >= delta:
        found = everything
        whole = Group(tuple(unit for unit, _ in found), scores[found] - scores.get((), 0.0))
        known = split(whole, *cut, scores[found], found, scores)
    else:
        known = unknown(found, scores)
    left = yield from shrink(found, known, delta, scores, groups)
    left = yield from shrunk(left, delta, scores, groups)
    while scores.size(left) > enough:
        # Irreducible, but not few: among many edits each does something else than alone, so a smaller set may do.
        effects = effects or Effects((yield from more_fills(some(everything, rng))), groups, weights)
        yield from climb(effects, delta, scores, rng, fewer_than=scores.size(left))
        if scores.size(scores.crossing(delta) or left) >= scores.size(left):
            return
        left = yield from shrunk(left, delta, scores, groups)


def said_anew(
    everything: Edits,
    wholes: Sequence[Sequence[int]],
    weights: NDArray[np.float64],
    delta: float,
    scores: Scores,
    groups: Sequence[Sequence[int]],
) -> Generator[Infill | Score, Any, tuple[Edits | None, NDArray[np.float64]]]:
    """Says sentences anew, all and each: finds the few that cross, and whether editing their words does too.

    Returns:
        A crossing candidate, of words where those cross, else of sentences; None where there is none. And the weights,
        less where a sentence did less.
    """
    n, start = len(weights), scores.get((), 0.0)
    fills: Sequence[str | None] = yield Infill(tuple(Hole(n + i) for i in range(len(wholes))))
    every: Edits = tuple((n + i, fill) for i, fill in enumerate(fills) if fill is not None)
    if not every:
        return None, weights
    single = [(edit,) for edit in every] if len(every) <= _GROUPS else []
    yield from scores.ask([every, *single])
    found = scores.crossing(delta)
    if found is not None:
        found = yield from shrink(found, unknown(found, scores), delta, scores, groups)
    # What was tried and did little is looked at last; of what could not be tried nothing is known.
    moved = {edits[0][0]: scores[edits] - start for edits in single if edits in scores}
    most = max(delta - start, *moved.values(), 1e-9)
    share = dict.fromkeys((whole for whole, _ in every), 0.0) if found is not None else {}
    share |= {whole: by / most for whole, by in moved.items()} | {whole: 1.0 for whole, _ in found or ()}
    looked_at = np.ones(n)
    for whole, part in share.items():
        looked_at[list(wholes[whole - n])] = max(part, _ELSEWHERE)
    if found is not None:
        inside = {unit for whole, _ in found for unit in wholes[whole - n]}
        words = tuple(edit for edit in everything if edit[0] in inside)
        yield from scores.ask([words])
        found = words if scores.get(words, -math.inf) >= delta else found
    return found, weights * looked_at


def shrunk(left: Edits, delta: float, scores: Scores, groups: Sequence[Sequence[int]]) -> Generator[Score, Any, Edits]:
    """Shrinks what was met on the way and is as small as what is left, or smaller."""
    while (found := scores.crossing(delta) or left) != left:
        left = yield from shrink(found, unknown(found, scores), delta, scores, groups)
    return left


def unknown(edits: Edits, scores: Scores) -> list[Group]:
    """Edits of which nothing is known: few are asked for one by one, and all at once."""
    if len(edits) <= _FEW:
        return [Group((unit,)) for unit, _ in edits]
    return [Group(tuple(unit for unit, _ in edits), scores[edits] - scores.get((), 0.0))]


def likeliest(edits: Edits, weights: Mapping[int, float], sizes: Iterable[int]) -> list[Edits]:
    """So many edits of greatest weight, for each size."""
    ordered = sorted(edits, key=lambda edit: -weights[edit[0]])
    return [tuple(sorted(ordered[:size])) for size in sorted(set(sizes)) if 0 < size < len(edits)]


def _fewer(effects: Effects, delta: float, scores: Scores) -> Generator[Score, Any, None]:
    """Asks for parts of the crossing candidate, by what its edits seem to do, as long as one crosses too."""
    found = scores.crossing(delta)
    while found is not None and len(found) > 2:
        sizes = [round(share * len(found)) for share in _SHARES]
        yield from scores.ask(likeliest(found, effects.of(found, scores), sizes))
        smaller = scores.crossing(delta)
        if smaller is None or len(smaller) > _SHRUNK * len(found):
            return
        found = smaller


def some(edits: Edits, rng: np.random.Generator) -> Edits:
    """So many of the edits that what is believed of them can be worked out: its covariances grow as the square."""
    if len(edits) <= _MOST:
        return edits
    return tuple(edits[int(i)] for i in np.sort(rng.choice(len(edits), _MOST, replace=False)))


def more_fills(edits: Edits) -> Generator[Infill, Any, list[tuple[int, str]]]:
    """Every edit that there is: those, and further fills of the same units."""
    choices = [[edit] for edit in edits]
    for _ in range(1, _FILLS):
        holes = tuple(Hole(some[0][0], avoid=tuple(fill for _, fill in some)) for some in choices)
        fills: Sequence[str | None] = yield Infill(holes)
        for some, fill in zip(choices, fills, strict=True):
            if fill is not None and (some[0][0], fill) not in some:
                some.append((some[0][0], fill))
    return [choice for some in choices for choice in some]


def each_whole(edits: Edits, groups: Sequence[Sequence[int]]) -> list[Edits]:
    """All edits of each sentence, or of each turn where there are too many sentences."""
    for level in reversed(groups):
        names = list(dict.fromkeys(level[unit] for unit, _ in edits))
        if 1 < len(names) <= _GROUPS:
            return [tuple(edit for edit in edits if level[edit[0]] == name) for name in names]
    return []
