"""Multi-level attribution: the coarse units first, and the parts of those that matter most (MExGen)."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from convexplain.types import Interaction

from .protocol import MethodOutcome, Scores, Value, ValueSearch

ALWAYS = -1  # the parent of units that are attributed to whatever is chosen
CALLS_PER_UNIT = 3  # without a budget; with one, as many are left for finer levels
MOST_PER_UNIT = 10  # with a budget; methods may limit themselves to fewer
_NOTHING = 1e-9  # of the largest score, or of 1: what is no score but rounding


@dataclass(frozen=True, slots=True)
class LevelScores:
    """The attribution on one level, or in one stage of mixed levels.

    Attributes:
        level: the level's number, 0 is the coarsest; of mixed levels, how many times top units were divided.
        units: numbers of the level's units that were attributed to: those whose coarser units were among the top.
        scores: one for each unit of `units`.
        chosen: of `units`, those that were removed together (joint attribution only).
        drop: the loss of value without the chosen ones, toward the side that is explained.
        interactions: pairs of places in `units` that do more or less together than the sum of the two.
    """

    level: int
    units: tuple[int, ...]
    scores: Scores
    chosen: tuple[int, ...] = ()
    drop: float | None = None
    interactions: tuple[Interaction, ...] = ()


def refine(
    parents: Sequence[Sequence[int]],
    method: Callable[[int, Sequence[int], int], ValueSearch[MethodOutcome]],
    *,
    side: int,
    top: int | None = 2,
    share: float | None = None,
    budget: int | None = None,
    matters: Callable[[float], bool] = lambda effect: True,
) -> ValueSearch[list[LevelScores]]:
    """Attribute to the coarsest units, then to the parts of the top ones, and so on.

    The units that are not refined stay in the text. A finer level is begun only where the budget is enough to remove
    each of its units once, or else with its units without a parent alone; a coarser one leaves budget for the finer
    ones (`CALLS_PER_UNIT` for each unit), where it is enough for that, and for units without a parent up to a half of
    it. What is left beyond that a level may use, up to `MOST_PER_UNIT` for each of its units.

    Args:
        parents: for each level, the coarsest first, the number on the level before of each unit, or `ALWAYS`; the
            coarsest level's are not used.
        method: makes a search over some units of a level within so many evaluations. The search numbers them from 0.
        side: 1 where the units are looked for that raise the value, -1 where those are that lower it: they are refined.
        top: units of a level that are refined at most.
        share: instead, as many as have that share of all that speaks for the side. Of a joint attribution the units
            that were removed together are refined.
        budget: evaluations of all levels together; `CALLS_PER_UNIT` for each unit unless given.
        matters: returns True for an effect on the value that is more than noise; only units with such an effect are
            refined (of a joint attribution: all that were removed together, or none).
    """
    levels: list[LevelScores] = []
    chosen: set[int] = set()
    remaining = budget
    for level, parent in enumerate(parents):
        units = [unit for unit, above in enumerate(parent) if not level or above in chosen or above == ALWAYS]
        allowed = calls_per_unit(budget) * len(units)
        if remaining is not None:
            reserve = sum(CALLS_PER_UNIT * most_units(finer, top, share) for finer in parents[level + 1 :])
            least = min(len(units), remaining - _needed_later(parents, level, remaining))
            allowed = min(allowed, remaining, max(least, remaining - reserve))
        if level and allowed < len(units):
            units = [unit for unit in units if parent[unit] == ALWAYS]
            allowed = min(calls_per_unit(budget) * len(units), allowed)
        if not units or allowed < 1:
            chosen = set()
            continue
        scores, spent = yield from _on_level(method(level, units, allowed), units, level, set())
        remaining = None if remaining is None else remaining - spent
        levels.append(scores)
        chosen = _chosen(scores, side, top, share, matters)
    return levels


def refine_mixed(
    parents: Sequence[Sequence[int]],
    method: Callable[[int, Sequence[int], int], ValueSearch[MethodOutcome]],
    *,
    side: int,
    top: int | None = 2,
    share: float | None = None,
    budget: int | None = None,
    matters: Callable[[float], bool] = lambda effect: True,
) -> ValueSearch[list[LevelScores]]:
    """Attribute to the coarsest units; divide the top ones, and attribute to their parts and all others again.

    These are the mixed units of MExGen: in one ranking some units are coarse and others are fine. Each stage divides
    the top units of the one before into their next finer parts; those without parts stay. The units of all levels are
    numbered together, those of the coarsest level first. A later stage is begun only where the budget is enough to
    remove each of its units once, or else with new units without a parent alone; what was evaluated in a stage before
    costs nothing.

    Args:
        parents, method, side, top, share, budget, matters: as of `refine`. Units whose parent is `ALWAYS` come in at
            the stage of their level.

    Returns:
        The attribution in each stage, in which the top units are divided once more than in the stage before.
    """
    tree = _Tree(parents)
    stages: list[LevelScores] = []
    evaluated: set[frozenset[int]] = set()
    units, chosen, remaining = tree.always(0), set[int](), budget
    for stage in range(len(parents)):
        if stage:
            before, units = units, tree.divided(units, chosen) + tree.always(stage)
            if units == before:
                continue
        allowed = calls_per_unit(budget) * len(units)
        if remaining is not None:
            free = sum(frozenset([unit]) in evaluated for unit in units)
            later = most_mixed_units(parents, top, share)[stage + 1 :]
            reserve = sum(CALLS_PER_UNIT * new for _, new in later)
            least = min(len(units), remaining + free - _needed_later(parents, stage, remaining))
            allowed = min(allowed, remaining + free, max(least, remaining + free - reserve))
        if stage and allowed < len(units):
            units, chosen = tree.always(stage), set()
            allowed = min(calls_per_unit(budget) * len(units), remaining or 0)
        if not units or allowed < 1:
            continue
        scores, spent = yield from _on_level(method(stage, units, allowed), units, stage, evaluated)
        remaining = None if remaining is None else max(0, remaining - spent)
        stages.append(scores)
        chosen = _chosen(scores, side, top, share, matters)
    return stages


def calls_per_unit(budget: int | None) -> int:
    """Return how many evaluations a level has for each of its units at most."""
    return CALLS_PER_UNIT if budget is None else MOST_PER_UNIT


def _needed_later(parents: Sequence[Sequence[int]], level: int, remaining: int) -> int:
    """The evaluations that are left for units without a parent of the next level that has any.

    That is one for each, and one for what a caller may ask about besides; a half of what remains at most.
    """
    counts = (list(finer).count(ALWAYS) for finer in parents[level + 1 :])
    count = next((count for count in counts if count), 0)
    return min(count + 1, remaining // 2) if count else 0


def most_mixed_units(parents: Sequence[Sequence[int]], top: int | None, share: float | None) -> list[tuple[int, int]]:
    """Return for each stage of mixed levels how many units there are at most, and how many of them are new."""
    tree = _Tree(parents)
    most = [(len(parents[0]), len(parents[0]))]
    for stage in range(1, len(parents)):
        divisible = range(len(parents[0])) if stage == 1 else range(sum(map(len, parents)))
        sizes = sorted((len(parts) for unit in divisible if (parts := tree.parts(unit))), reverse=True)
        divided = sizes if share is not None else sizes[:top]
        new = sum(divided) + len(tree.always(stage))
        most.append((most[-1][0] + new - len(divided), new))
    return most


class _Tree:
    """The units of all levels, numbered together, with the parts of each.

    Args:
        parents: as of `refine`.
    """

    def __init__(self, parents: Sequence[Sequence[int]]) -> None:
        self._children: dict[int, list[int]] = {}
        self._always: list[list[int]] = []
        begin = above = 0
        for level, numbers in enumerate(parents):
            self._always.append([begin + i for i, parent in enumerate(numbers) if not level or parent == ALWAYS])
            for i, parent in enumerate(numbers):
                if level and parent != ALWAYS:
                    self._children.setdefault(above + parent, []).append(begin + i)
            above, begin = begin, begin + len(numbers)

    def always(self, level: int) -> list[int]:
        """Return the units of a level that are attributed to whatever is chosen; of the coarsest level all."""
        return self._always[level]

    def parts(self, unit: int) -> list[int]:
        """Return the parts of a unit on the next level that divides it; none where no level does."""
        parts = self._children.get(unit, [])
        while len(parts) == 1:
            parts = self._children.get(parts[0], [])
        return parts

    def divided(self, units: Sequence[int], chosen: set[int]) -> list[int]:
        """Return the units with the parts of the chosen ones in their places."""
        return [part for unit in units for part in (unit in chosen and self.parts(unit)) or [unit]]


def most_units(parents: Sequence[int], top: int | None, share: float | None) -> int:
    """Return how many units of a level are attributed to at most, given the numbers of their parents."""
    sizes = sorted(Counter(parent for parent in parents if parent != ALWAYS).values(), reverse=True)
    return sum(sizes if share is not None else sizes[:top]) + list(parents).count(ALWAYS)


def _on_level(
    search: ValueSearch[MethodOutcome], units: Sequence[int], level: int, evaluated: set[frozenset[int]]
) -> ValueSearch[tuple[LevelScores, int]]:
    """The search over some units of a level, and how many evaluations it asked for that were not made before."""
    spent = 0
    answer: Sequence[float | None] | None = None
    while True:
        try:
            request = search.send(answer)  # type: ignore[arg-type]
        except StopIteration as end:
            outcome: MethodOutcome = end.value
            chosen = tuple(units[i] for i in outcome.chosen)
            scores = LevelScores(level, tuple(units), outcome.scores, chosen, outcome.drop, outcome.interactions)
            return scores, spent
        sets = tuple(frozenset(units[i] for i in removed) for removed in request.removed)
        answer = yield Value(sets, level)
        spent += len({removed for removed in sets if removed} - evaluated)
        evaluated |= set(sets)


def _chosen(
    scores: LevelScores, side: int, top: int | None, share: float | None, matters: Callable[[float], bool]
) -> set[int]:
    """The units that are refined."""
    if scores.chosen:
        return set(scores.chosen) if matters(side * (scores.drop or 0.0)) else set()
    return {scores.units[i] for i in _top(scores.scores, side, top, share, matters)}


def _top(
    scores: Scores, side: int, top: int | None, share: float | None, matters: Callable[[float], bool]
) -> list[int]:
    """The units that speak most for the side, and more than noise; none where none does."""
    numbers = [score for score in scores if score is not None]
    least = _NOTHING * max([1.0, *map(abs, numbers)])
    worth = {i: side * score for i, score in enumerate(scores) if score is not None and side * score > least}
    ordered = sorted((i for i in worth if matters(side * worth[i])), key=lambda i: -worth[i])
    if share is None:
        return ordered[:top]
    total = sum(worth.values())
    chosen: list[int] = []
    while ordered and (not chosen or sum(worth[i] for i in chosen) < share * total - _NOTHING):
        chosen.append(ordered.pop(0))
    return chosen
