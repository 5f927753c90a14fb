"""The units that explain a turn's score: those with the strongest effects beyond the judge's noise."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from convexplain.types import Attribution, Unit

COUNTS_WITH_OTHERS = "it counts only together with other parts"
"""The outcome of a unit whose effect is beyond the noise, where the score without it alone is within it."""
_UNITS = 3  # units that are named
_MOSTLY = 0.5  # of a unit's effect: a part that has as much stands for the whole unit


@dataclass(frozen=True, slots=True)
class UnitEffect:
    """A unit and the score of the turn without it.

    Attributes:
        unit: the unit.
        without: the score without it, in [0, 1].
        effect: by how much the unit raises (positive) or lowers the value that was attributed.
        needs_others: True where leaving it out alone changes nothing beyond the noise.
    """

    unit: Unit
    without: float
    effect: float
    needs_others: bool = False

    @property
    def outcome(self) -> str:
        """Return the score without the unit in words; where leaving it out alone changes nothing, that."""
        return COUNTS_WITH_OTHERS if self.needs_others else f"{self.without:.2f} without"

    @property
    def rank(self) -> tuple[bool, float]:
        """Return what orders units by what they explain, the strongest last: those that count alone come before."""
        return not self.needs_others, abs(self.effect)


def reply_effects(levels: Sequence[Attribution], turn: int) -> list[UnitEffect]:
    """Return the sentences and phrases of the judged turn itself that matter most, the strongest first; at most three.

    Args:
        levels: the attributions of the turn, from coarse to fine.
        turn: the index of the judged turn.
    """
    return _strongest(levels, lambda unit: unit.turn == turn)


def earlier_turn_effects(levels: Sequence[Attribution], turn: int) -> list[UnitEffect]:
    """Return the turns before the judged one that matter most, the strongest first; at most three."""
    return _strongest(levels, lambda unit: unit.turn < turn and unit.level == "turn")


def conversation_turn_effects(levels: Sequence[Attribution]) -> list[UnitEffect]:
    """Return the turns of a judged conversation that matter most, the strongest first; at most three."""
    return _strongest(levels, lambda unit: unit.level == "turn")


def conversation_part_effects(levels: Sequence[Attribution]) -> list[UnitEffect]:
    """Return the sentences and phrases of a judged conversation that matter most; at most three."""
    return _strongest(levels, lambda unit: unit.level != "turn")


def reply_is_measured(levels: Sequence[Attribution], turn: int) -> bool:
    """Return whether any part of the judged turn itself has an effect, however small."""
    return any(
        unit.turn == turn and score is not None
        for level in levels
        for unit, score in zip(level.units, level.scores, strict=True)
    )


def no_reply_effects(levels: Sequence[Attribution]) -> str:
    """Return the sentence for a reply that was measured and has no part that matters."""
    return f"No part of the reply changes the score by more than the judge's noise ({levels[0].noise or 0.0:.2f})."


def no_conversation_effects(levels: Sequence[Attribution]) -> str:
    """Return the sentence for a judged conversation in which no part matters."""
    noise = levels[0].noise or 0.0
    return f"No part of the conversation changes the score by more than the judge's noise ({noise:.2f})."


def _strongest(levels: Sequence[Attribution], counts: Callable[[Unit], bool]) -> list[UnitEffect]:
    effects = [effect for level in levels for effect in _explaining(level) if counts(effect.unit)]
    smallest = [effect for effect in effects if not any(_is_most_of(part, effect) for part in effects)]
    strongest: list[UnitEffect] = []
    for effect in sorted(smallest, key=lambda effect: effect.rank, reverse=True):
        if len(strongest) < _UNITS and not any(_overlap(effect.unit, chosen.unit) for chosen in strongest):
            strongest.append(effect)
    return strongest


def _explaining(level: Attribution) -> Iterator[UnitEffect]:
    """Yield the units of a level that explain the score's side of the threshold, beyond the judge's noise."""
    rows = zip(level.units, level.scores, level.scores_without, level.noisy, level.needs_others, strict=True)
    for unit, effect, without, noisy, needs_others in rows:
        if effect is not None and without is not None and not noisy and effect * level.side > 0:
            yield UnitEffect(unit, without, effect, needs_others)


def _overlap(first: Unit, second: Unit) -> bool:
    return first.turn == second.turn and first.start < second.end and second.start < first.end


def _is_most_of(part: UnitEffect, unit: UnitEffect) -> bool:
    """Return whether a smaller unit inside of another has most of its effect."""
    smaller = part.unit.end - part.unit.start < unit.unit.end - unit.unit.start
    return smaller and _overlap(part.unit, unit.unit) and abs(part.effect) >= _MOSTLY * abs(unit.effect)
