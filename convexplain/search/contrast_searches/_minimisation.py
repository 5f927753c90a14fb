"""Minimisation: the few edits that a crossing candidate needs, by halving what is not known to be needed."""

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from ..protocol import Edits, Score, without
from ._scoreboard import Scoreboard

_STEADY = 0.2  # of a candidate's movement: what g may rise by with fewer edits, for noise, where it grows with them

ScoredEdits: TypeAlias = tuple[set[tuple[int, str]], float]
"""A candidate's edits and g."""


@dataclass(frozen=True, slots=True, eq=False)
class UnitGroup:
    """Units whose edits stay or are taken back together.

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
    """Return the units, two or more, in two about equal parts.

    They are cut between two turns or sentences where such a place is near.

    In three parts a search would have a third fewer rounds, and take up to a fifth more calls.
    """
    middle, reach = len(units) // 2, len(units) // 6
    near = sorted(range(max(1, middle - reach), min(len(units), middle + reach + 1)), key=lambda at: abs(at - middle))
    between = (at for level in groups for at in near if level[units[at - 1]] != level[units[at]])
    cut = next(between, middle)
    return tuple(units[:cut]), tuple(units[cut:])


def minimise(
    start: Edits, state: Sequence[UnitGroup], delta: float, scores: Scoreboard, groups: Sequence[Sequence[int]]
) -> Generator[Score, Any, Edits]:
    """Ask for ever smaller crossing candidates, until none of the edits can be taken back any more.

    What remains is irreducible, without any single edit it does not cross, if g grows with the edits: as long as no
    score speaks against that, it is inferred from larger sets that fell short which edits are needed. Else each is
    asked for; an edit without which nothing could be measured stays.

    Args:
        start: a crossing candidate.
        state: its units in groups, with their effects as far as these are known.
        delta: g from which on a candidate is a contrast.
        scores: the scores so far; holds `start`.
        groups: for each coarser level the number of the group that each unit is in.

    Returns:
        The smallest crossing candidate.
    """
    edits, state = start, list(state)
    noise = _STEADY * (scores[start] - scores.get((), 0.0))
    at_once = len(state)
    while True:
        sure, hopeful = _to_drop(edits, state, delta, scores, at_once)
        base, smaller = without(edits, *_units(sure)), without(edits, *_units([*sure, *hopeful]))
        needed = [x for x in state if x not in sure and x not in hopeful]
        to_split = [x for x in needed if len(x.units) > 1]
        pieces = [halves(x.units, groups) for x in to_split]
        unsure = [] if smaller != edits or to_split else _unsure(needed, edits, start, delta, scores, noise)
        candidates = [smaller] if smaller != edits else []
        candidates += [without(base, *first) for first, _ in pieces]
        candidates += [without(base, *x.units) for x in unsure]
        if not candidates:
            return edits
        yield from scores.ask(candidates)
        if scores.get(smaller, -math.inf) < delta:  # their effects do not add up: those worked out are to blame first
            trusted, doubted = (sure, hopeful) if hopeful else ([], sure)
            if len(doubted) == 1:
                corrected = measured(doubted[0], scores[edits] - _effect(trusted), smaller, scores)
                state = [corrected if x in doubted else x for x in state]
            at_once = max(1, len(trusted) + len(doubted) // 2)
            continue
        before = scores.get(base, scores[edits] - _effect(sure))
        state = [x for x in needed if x not in to_split and x not in unsure]
        for x, (first, second) in zip(to_split, pieces, strict=True):
            state += split(x, first, second, before, base, scores)
        state += [measured(x, before, without(base, *x.units), scores) for x in unsure]
        if smaller != edits:
            state = [replace(x, failed=False) for x in state]
        edits, at_once = smaller, len(state)


def _to_drop(
    edits: Edits, state: Sequence[UnitGroup], delta: float, scores: Scoreboard, at_once: int
) -> tuple[list[UnitGroup], list[UnitGroup]]:
    """The groups to take back next: those whose effect was measured, and those whose effect was worked out."""
    slack = scores[edits] - delta
    possible = [x for x in state if scores.get(without(edits, *x.units), delta) >= delta]
    if not scores.counts_edits:
        chosen = _droppable(possible, slack, partial(_farthest, edits, scores))[:at_once]
        chosen = chosen[: len(state) - 1]  # something has to be edited
        return [x for x in chosen if x.measured], [x for x in chosen if not x.measured]
    sure = _droppable([x for x in possible if x.measured], slack, _cheapest)[:at_once]
    slack -= _effect(sure)
    hopeful = _droppable([x for x in possible if not x.measured], slack, _cheapest)[: at_once - len(sure)]
    if len(sure) + len(hopeful) == len(state):  # something has to be edited
        return (sure, hopeful[:-1]) if hopeful else (sure[:-1], hopeful)
    return sure, hopeful


def _unsure(
    state: Sequence[UnitGroup], edits: Edits, start: Edits, delta: float, scores: Scoreboard, noise: float
) -> list[UnitGroup]:
    """The groups that are not shown to be needed by the scores of parts of the first candidate."""
    inside = [(set(part), g) for part, g in scores.items() if set(start).issuperset(part)]
    crossed, short = [x for x in inside if x[1] >= delta], [x for x in inside if x[1] < delta]
    steady = _steady(crossed, short, scores[start], noise)
    return [x for x in state if not _needed(x, edits, short, steady)]


def _steady(crossed: Iterable[ScoredEdits], short: Sequence[ScoredEdits], start: float, noise: float) -> bool:
    """True where no score speaks against g growing with the edits, by more than noise.

    Against it speak a candidate that has less edits than the first one, where g is `start`, and more of g; and one that
    crosses as a part of one that falls short.
    """
    return all(
        more <= start + noise and not any(less < more - noise and fewer <= larger for larger, less in short)
        for fewer, more in crossed
    )


def _needed(group: UnitGroup, edits: Edits, short: Sequence[ScoredEdits], steady: bool) -> bool:
    """True where the edits without the group are known not to cross, by themselves or, where g is steady, in more.

    True too where that cannot be measured, and where no edit would remain: a contrast has an edit.
    """
    remaining = set(without(edits, *group.units))
    return group.failed or not remaining or any(remaining <= part if steady else remaining == part for part, _ in short)


def _effect(groups: Sequence[UnitGroup]) -> float:
    """By how much g falls when all of them are taken back, if their effects add up."""
    return sum(max(group.effect or 0.0, 0.0) for group in groups)


def _droppable(
    groups: Sequence[UnitGroup], slack: float, order: Callable[[UnitGroup], tuple[float, ...]]
) -> list[UnitGroup]:
    """The first groups in an order that can be taken back together, if their effects add up."""
    chosen: list[UnitGroup] = []
    for group in sorted((x for x in groups if x.effect is not None), key=order):
        if _effect([*chosen, group]) <= slack:
            chosen.append(group)
    return chosen


def _cheapest(group: UnitGroup) -> tuple[float, ...]:
    return (group.effect or 0.0,)


def _farthest(edits: Edits, scores: Scoreboard, group: UnitGroup) -> tuple[float, ...]:
    """The order of groups in which those come first without which the text is nearest to the original one."""
    return scores.distance(without(edits, *group.units)), group.effect or 0.0


def split(
    group: UnitGroup, first: tuple[int, ...], second: tuple[int, ...], before: float, base: Edits, scores: Scoreboard
) -> list[UnitGroup]:
    """Return both parts of a group: the first was taken back from `base`, where g is `before`; the second remains."""
    part = measured(UnitGroup(first), before, without(base, *first), scores)
    effect = None if group.effect is None or part.effect is None else group.effect - part.effect
    return [part, UnitGroup(second, effect)]


def measured(group: UnitGroup, before: float, after: Edits, scores: Scoreboard) -> UnitGroup:
    """Return the group with its effect: g was `before`, and then is that of `after`, which was asked for."""
    g = scores.get(after)
    if g is None:  # as if it were needed, so that the same is not asked again and again
        return replace(group, effect=None, measured=True, failed=True)
    return replace(group, effect=before - g, measured=True, failed=False)


def _units(groups: Sequence[UnitGroup]) -> list[int]:
    return [unit for group in groups for unit in group.units]
