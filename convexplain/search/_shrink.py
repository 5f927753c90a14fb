"""Finds the few edits of a crossing candidate that it needs, by halving what is not known to be needed."""

import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ._scores import Scores
from .protocol import Edits, Score, without

_STEADY = 0.2  # of a candidate's movement: what g may rise by with fewer edits, for noise, where it grows with them


Told = tuple[set[tuple[int, str]], float]
"""A candidate's edits and g."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Units whose edits are kept or taken back together.

    Attributes:
        effect: by how much g falls when they are taken back; None = not known.
        measured: the effect was measured, not worked out from those of the other parts.
        failed: what they do could not be measured; it is tried again once something else is taken back.
    """

    units: tuple[int, ...]
    effect: float | None = None
    measured: bool = False
    failed: bool = False


def halves(units: Sequence[int], groups: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The units, two or more, in two about equal parts; cut between two turns or sentences where such a place is near.

    In three parts a search would have a third fewer rounds, and take up to a fifth more calls.
    """
    middle, reach = len(units) // 2, len(units) // 6
    near = sorted(range(max(1, middle - reach), min(len(units), middle + reach + 1)), key=lambda at: abs(at - middle))
    between = (at for level in groups for at in near if level[units[at - 1]] != level[units[at]])
    cut = next(between, middle)
    return tuple(units[:cut]), tuple(units[cut:])


def shrink(
    kept: Edits, known: Sequence[Group], delta: float, scores: Scores, groups: Sequence[Sequence[int]]
) -> Generator[Score, Any, Edits]:
    """Asks for ever smaller crossing candidates, until none of the edits can be taken back any more.

    What remains is irreducible, without any single edit it does not cross, if g grows with the edits: as long as
    nothing that was told speaks against that, it is inferred from larger sets that fell short which edits are needed.
    Else each is asked for; an edit without which nothing could be measured stays.

    Args:
        kept: a crossing candidate.
        known: its units in groups, with what is known of them.
        delta: g from which on a candidate is a contrast.
        scores: what was told until now; holds `kept`.
        groups: for each coarser level the number of the group that each unit is in.

    Returns:
        What remains.
    """
    whole, state = set(kept), list(known)
    start, noise = scores[kept], _STEADY * (scores[kept] - scores.get((), 0.0))
    at_once = len(state)
    while True:
        slack = scores[kept] - delta
        possible = [x for x in state if scores.get(without(kept, *x.units), delta) >= delta]
        sure = _droppable([x for x in possible if x.measured], slack)[:at_once]
        slack -= _effect(sure)
        hopeful = _droppable([x for x in possible if not x.measured], slack)[: at_once - len(sure)]
        if len(sure) + len(hopeful) == len(state):  # something has to be edited
            sure, hopeful = (sure, hopeful[:-1]) if hopeful else (sure[:-1], hopeful)
        base, smaller = without(kept, *_units(sure)), without(kept, *_units([*sure, *hopeful]))
        rest = [x for x in state if x not in sure and x not in hopeful]
        to_split = [x for x in rest if len(x.units) > 1]
        pieces = [halves(x.units, groups) for x in to_split]
        inside = [(set(edits), g) for edits, g in scores.items() if whole.issuperset(edits)]
        crossed, short = [x for x in inside if x[1] >= delta], [x for x in inside if x[1] < delta]
        steady = _steady(crossed, short, start, noise)
        unsure = [] if smaller != kept or to_split else [x for x in rest if not _needed(x, kept, short, steady)]
        asked = [smaller] if smaller != kept else []
        asked += [without(base, *first) for first, _ in pieces]
        asked += [without(base, *x.units) for x in unsure]
        if not asked:
            return kept
        yield from scores.ask(asked)
        if scores.get(smaller, -math.inf) < delta:  # their effects do not add up: those worked out are to blame first
            trusted, doubted = (sure, hopeful) if hopeful else ([], sure)
            if len(doubted) == 1:
                told = measured(doubted[0], scores[kept] - _effect(trusted), smaller, scores)
                state = [told if x in doubted else x for x in state]
            at_once = max(1, len(trusted) + len(doubted) // 2)
            continue
        before = scores.get(base, scores[kept] - _effect(sure))
        state = [x for x in rest if x not in to_split and x not in unsure]
        for x, (first, second) in zip(to_split, pieces, strict=True):
            state += split(x, first, second, before, base, scores)
        state += [measured(x, before, without(base, *x.units), scores) for x in unsure]
        if smaller != kept:
            state = [replace(x, failed=False) for x in state]
        kept, at_once = smaller, len(state)


def _steady(crossed: Iterable[Told], short: Sequence[Told], start: float, noise: float) -> bool:
    """Whether nothing that was told speaks against g growing with the edits, by more than noise.

    Against it speak a candidate that has less edits than the first one, where g is `start`, and more of g; and one that
    crosses as a part of one that falls short.
    """
    return all(
        more <= start + noise and not any(less < more - noise and fewer <= larger for larger, less in short)
        for fewer, more in crossed
    )


def _needed(group: Group, kept: Edits, short: Sequence[Told], steady: bool) -> bool:
    """Whether what else is kept is known not to cross, by itself or, where g is steady, in more; or cannot be known.

    Where nothing else is kept it is needed too: a contrast has an edit.
    """
    rest = set(without(kept, *group.units))
    return group.failed or not rest or any(rest <= edits if steady else rest == edits for edits, _ in short)


def _effect(groups: Sequence[Group]) -> float:
    """By how much g falls when all of them are taken back, if their effects add up."""
    return sum(max(group.effect or 0.0, 0.0) for group in groups)


def _droppable(groups: Sequence[Group], slack: float) -> list[Group]:
    """The groups of least effect that can be taken back together, if their effects add up."""
    chosen: list[Group] = []
    for group in sorted((x for x in groups if x.effect is not None), key=lambda x: x.effect or 0.0):
        if _effect([*chosen, group]) > slack:
            break
        chosen.append(group)
    return chosen


def split(
    group: Group, first: tuple[int, ...], second: tuple[int, ...], before: float, base: Edits, scores: Scores
) -> list[Group]:
    """Both parts of a group: the first was taken back from `base`, where g is `before`; the second has the rest."""
    told = measured(Group(first), before, without(base, *first), scores)
    rest = None if group.effect is None or told.effect is None else group.effect - told.effect
    return [told, Group(second, rest)]


def measured(group: Group, before: float, after: Edits, scores: Scores) -> Group:
    """The group with what taking it back does: g was `before`, and then is that of `after`, which was asked for."""
    g = scores.get(after)
    if g is None:  # as if it were needed, so that the same is not asked again and again
        return replace(group, effect=None, measured=True, failed=True)
    return replace(group, effect=before - g, measured=True, failed=False)


def _units(groups: Sequence[Group]) -> list[int]:
    return [unit for group in groups for unit in group.units]
