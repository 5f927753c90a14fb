"""The units of a conversation on each level, and how many evaluations an attribution to them takes at most."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from convexplain.search.refinement import ALWAYS, calls_per_unit, most_mixed_units, most_units
from convexplain.text.segmentation import Phrases, segment
from convexplain.types import LEVELS, Conversation, Level, RubricScope, Unit

from .settings import AttributionSettings


@dataclass(frozen=True, slots=True)
class UnitLevels:
    """The conversation's units on each level.

    Attributes:
        units: for each level the units, in the order of the text.
        parents: for each of them the number of the unit of the level before that it is in, or `ALWAYS`.
    """

    units: tuple[tuple[Unit, ...], ...]
    parents: tuple[tuple[int, ...], ...]

    def by_stage(self, mixed: bool) -> tuple[tuple[Unit, ...], ...]:
        """Return the units as a search numbers them: level by level, or in each stage of mixed levels all of them."""
        return (sum(self.units, ()),) * len(self.units) if mixed else self.units

    def before(self, turn: int) -> frozenset[int]:
        """Return the numbers of the coarsest units that lie before a turn."""
        return frozenset(i for i, unit in enumerate(self.units[0]) if unit.turn < turn)


def unit_levels(
    conversation: Conversation,
    levels: Sequence[Level],
    *,
    reply: bool,
    phrases: Phrases | None = None,
    scope: RubricScope = "turn",
) -> UnitLevels:
    """Divide the turns of a conversation, level by level.

    Args:
        conversation: up to the judged turn; or all of it.
        levels: from coarse to fine.
        reply: divide the judged turn too, into units that are finer than a turn. Where the finest level does not divide
            it (a reply of one sentence, and sentences), the next finer one does.
        phrases: says where phrases begin, instead of the rules of `text.segmentation`.
        scope: what is judged; where that is the `conversation`, its last turn is divided like any other.
    """
    last = len(conversation.turns) - (scope == "turn")
    units: list[tuple[Unit, ...]] = []
    parents: list[tuple[int, ...]] = []
    for level in levels:
        level_units = [
            unit for i, turn in enumerate(conversation.turns[:last]) for unit in _units(turn.content, level, i, phrases)
        ]
        if reply and scope == "turn" and level != "turn":
            finer = LEVELS[LEVELS.index(level) :] if level == levels[-1] else (level,)
            level_units += _reply_units(conversation.turns[last].content, finer, last, phrases)
        above = [(unit.turn, unit.start) for unit in units[-1]] if units else []
        parents.append(tuple(_parent(unit, above) for unit in level_units))
        units.append(tuple(level_units))
    return UnitLevels(tuple(units), tuple(parents))


def most_calls(
    conversation: Conversation,
    settings: AttributionSettings,
    *,
    reply: bool,
    phrases: Phrases | None = None,
    scope: RubricScope = "turn",
) -> int:
    """Return how many perturbed conversations an attribution of the last turn, or of the conversation, takes at most.

    Where units are infilled, each is evaluated with up to `FILLS` fills. The arguments are those of `unit_levels`.
    """
    levels = unit_levels(conversation, settings.levels, reply=reply, phrases=phrases, scope=scope)
    per_unit = calls_per_unit(settings.budget)
    if settings.mixed:
        stages = most_mixed_units(levels.parents, settings.top, settings.share)
        # In a later stage, units that are not new were left out alone before; joint attribution may not have done so.
        most = sum(per_unit * size - (size - new) * (settings.method != "joint") for size, new in stages)
    else:
        finer = (most_units(parents, settings.top, settings.share) for parents in levels.parents[1:])
        most = per_unit * (len(levels.units[0]) + sum(finer))
    total = most + (scope == "turn" and bool(levels.before(len(conversation.turns) - 1)))
    return total if settings.budget is None else min(total, settings.budget)


def _reply_units(content: str, levels: Sequence[Level], turn: int, phrases: Phrases | None) -> list[Unit]:
    """The units of the first of these levels that divides the reply: without one, nothing would be left to judge."""
    divisions = (_units(content, level, turn, phrases) for level in levels)
    return next((units for units in divisions if len(units) > 1), [])


def _units(content: str, level: Level, turn: int, phrases: Phrases | None) -> list[Unit]:
    units = [Unit(turn, start, end, level) for start, end in _spans(content, level, phrases)]
    return [unit for unit in units if unit.of(content).strip()]


@lru_cache(maxsize=4096)
def _spans(text: str, level: Level, phrases: Phrases | None) -> tuple[tuple[int, int], ...]:
    """The spans of a text's units, cached: the turns of a conversation are divided for each turn that is judged."""
    return tuple((unit.start, unit.end) for unit in segment(text, level, 0, phrases))


def _parent(unit: Unit, above: Sequence[tuple[int, int]]) -> int:
    """The number of the last coarser unit that begins no later than this one, in the same turn."""
    place = bisect_right(above, (unit.turn, unit.start)) - 1
    return place if place >= 0 and above[place][0] == unit.turn else ALWAYS
