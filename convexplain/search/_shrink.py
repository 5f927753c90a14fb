"""Finds the few edits of a crossing candidate that it needs, by halving what is not known to be needed."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ..asks import Edits, Score, without
from ._scores import Scores

WAYS = 2  # parts of a group: with three a search has a third fewer rounds, and takes up to a fifth more calls


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Units whose edits are kept or taken back together.

    Attributes:
        effect: by how much g falls when they are taken back; None = not known.
        measured: the effect was measured, not worked out from those of the other parts.
        needed: without them a candidate did not cross that had every edit which is kept now.
        failed: what they do could not be measured; it is tried again once something else is taken back.
    """

    units: tuple[int, ...]
    effect: float | None = None
    measured: bool = False
    needed: bool = False
    failed: bool = False


def parts(units: Sequence[int], ways: int, groups: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """The units in about equal parts; cut between two turns or sentences where such a place is near."""
    size = len(units)
    ways = min(ways, size)
    cuts = {0, size}
    for i in range(1, ways):
        wanted, reach = i * size // ways, size // (3 * ways)
        near = sorted(range(max(1, wanted - reach), min(size, wanted + reach + 1)), key=lambda at: abs(at - wanted))
        between = (at for level in groups for at in near if level[units[at - 1]] != level[units[at]])
        cuts.add(next(between, wanted))
    ordered = sorted(cuts)
    return [tuple(units[a:b]) for a, b in pairwise(ordered)]


def shrink(
    kept: Edits, known: Sequence[Group], delta: float, scores: Scores, groups: Sequence[Sequence[int]]
) -> Generator[Score, Any, Edits]:
    """Asks for ever smaller crossing candidates, until none of the edits can be taken back any more.

    Where g only grows with the edits, what remains is irreducible: without any single edit it does not cross.

    Args:
        kept: a crossing candidate.
        known: its units in groups, with what is known of them.
        delta: g from which on a candidate is a contrast.
        scores: what was told until now; holds `kept`.
        groups: for each coarser level the number of the group that each unit is in.

    Returns:
        What remains.
    """
    state = list(known)
    at_once = len(state)
    while True:
        slack = scores[kept] - delta
        sure = _droppable([x for x in state if x.measured], slack)[:at_once]
        slack -= _effect(sure)
        hopeful = _droppable([x for x in state if not x.measured], slack)[: at_once - len(sure)]
        if len(sure) + len(hopeful) == len(state):
            hopeful = hopeful[:-1]
        base, smaller = without(kept, *_units(sure)), without(kept, *_units([*sure, *hopeful]))
        rest = [x for x in state if x not in sure and x not in hopeful]
        to_split = [x for x in rest if len(x.units) > 1]
        pieces = [parts(x.units, WAYS, groups) for x in to_split]
        unsure = [] if smaller != kept or to_split else [x for x in rest if not x.needed]
        asked = [smaller] if smaller != kept else []
        asked += [without(base, *part) for some in pieces for part in some[:-1]]
        asked += [without(base, *x.units) for x in unsure]
        if not asked:
            return kept
        yield from scores.ask(asked)
        if scores.get(smaller, delta - 1) < delta:  # their effects do not add up
            drop = [*sure, *hopeful]
            at_once = max(1, len(drop) // 2)
            if len(drop) == 1:
                state = [measured(x, scores[kept], kept, scores, delta) if x in drop else x for x in state]
            continue
        at_once = len(state)
        before = scores.get(base, scores[kept] - _effect(sure))
        state = [x for x in rest if x not in to_split and x not in unsure]
        for x, some in zip(to_split, pieces, strict=True):
            state += split(x, some, before, base, scores, delta)
        state += [measured(x, before, base, scores, delta) for x in unsure]
        if smaller != kept:
            state = [replace(x, needed=False, failed=False) if x.failed else x for x in state]
        kept = smaller


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
    group: Group, pieces: Sequence[tuple[int, ...]], before: float, base: Edits, scores: Scores, delta: float
) -> list[Group]:
    """The parts of a group: all measured but the last, which has what the others leave of the group's effect."""
    found = [measured(Group(part), before, base, scores, delta) for part in pieces[:-1]]
    effects = [part.effect for part in found if part.effect is not None]
    rest = group.effect - sum(effects) if group.effect is not None and len(effects) == len(found) else None
    return [*found, Group(pieces[-1], rest)]


def measured(group: Group, before: float, base: Edits, scores: Scores, delta: float) -> Group:
    """The group with what taking it back from `base`, where g is `before`, does: that was asked for."""
    g = scores.get(without(base, *group.units))
    if g is None:  # as if it were needed, so that the same is not asked again and again
        return replace(group, effect=None, measured=True, needed=len(group.units) == 1, failed=True)
    return replace(group, effect=before - g, measured=True, needed=g < delta, failed=False)


def _units(groups: Sequence[Group]) -> list[int]:
    return [unit for group in groups for unit in group.units]
