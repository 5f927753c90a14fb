"""Attributions as shaded text: pieces of turns with the effect of the unit around them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from convexplain.explain.strongest_units import COUNTS_WITH_OTHERS
from convexplain.types import Attribution, Conversation, Level, Unit

_ROUNDING = 1e-9  # contributions below it are 0
_SMALLEST_SHADE = 0.05  # share of the largest contribution: smaller ones are not shaded


@dataclass(frozen=True, slots=True)
class Shade:
    """The effect of one unit on the judge's score.

    Attributes:
        level: the kind of unit.
        sign: `+` raises the score, `-` lowers it, "" has no effect.
        strength: its share of the largest contribution, in [0, 1]; 0 for units that are not shaded.
        without: the value without the unit: a score in [0, 1], unless another value was attributed; None if unknown.
        noisy: True if its effect is below the judge's noise.
        chosen: True if joint attribution chose it.
        needs_others: True if leaving it out alone changes nothing beyond the noise.
    """

    level: Level
    sign: str
    strength: float
    without: float | None
    noisy: bool
    chosen: bool
    needs_others: bool = False

    @property
    def outcome(self) -> str:
        """Return the score without the unit in words; empty where it is not known."""
        if self.without is None:
            return ""
        return COUNTS_WITH_OTHERS if self.needs_others else f"{self.without:.2f} without it"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a turn's text, with the shade of the smallest unit around it; None outside of all units."""

    text: str
    shade: Shade | None


def turn_shades(levels: Sequence[Attribution]) -> dict[int, Shade]:
    """Return the shades of whole turns, by their index; empty if no unit is a turn."""
    scale = _scale(levels)
    return {
        unit.turn: _shade(level, i, scale)
        for level in levels
        for i, unit in enumerate(level.units)
        if unit.level == "turn"
    }


def pieces(conversation: Conversation, turn: int, levels: Sequence[Attribution]) -> list[Piece]:
    """Return the text of a turn in pieces, each with the shade of the finest unit around it; joined they are the text.

    A unit within the judge's noise keeps the shade of a coarser unit whose effect is beyond it.

    Args:
        conversation: the conversation.
        turn: the turn's index.
        levels: the attributions of one judged turn, from coarse to fine.
    """
    text = conversation.turns[turn].content
    scale = _scale(levels)
    units = [(unit, _shade(level, i, scale)) for level, i, unit in _inner_units(levels, turn)]
    cuts = sorted({0, len(text), *(cut for unit, _ in units for cut in (unit.start, unit.end))})
    place = {cut: i for i, cut in enumerate(cuts)}
    paint: list[Shade | None] = [None] * max(0, len(cuts) - 1)
    for unit, shade in units:  # finer units come later and cover coarser ones
        for i in range(place[unit.start], place[unit.end]):
            coarser = paint[i]
            if coarser is None or not coarser.strength or not shade.noisy:  # noise hides no effect of the sentence
                paint[i] = shade
    runs = [(shade, list(group)) for shade, group in groupby(enumerate(paint), lambda part: part[1])]
    return [Piece(text[cuts[group[0][0]] : cuts[group[-1][0] + 1]], shade) for shade, group in runs]


def _inner_units(levels: Sequence[Attribution], turn: int) -> Iterator[tuple[Attribution, int, Unit]]:
    """Yield the units inside a turn that have a value, from coarse to fine, without the turn itself."""
    for level in levels:
        for i, unit in enumerate(level.units):
            if unit.turn == turn and unit.level != "turn" and level.scores[i] is not None:
                yield level, i, unit


def _scale(levels: Sequence[Attribution]) -> float:
    return max((abs(score) for level in levels for score in level.scores if score is not None), default=0.0)


def _shade(level: Attribution, i: int, scale: float) -> Shade:
    score = level.scores[i] or 0.0
    share = abs(score) / scale if scale > _ROUNDING else 0.0
    noisy = level.noisy[i]
    sign = "" if abs(score) < _ROUNDING else "+" if score > 0 else "-"
    strength = 0.0 if noisy or share < _SMALLEST_SHADE else share
    return Shade(
        level.units[i].level, sign, strength, level.scores_without[i], noisy, i in level.chosen, level.needs_others[i]
    )
