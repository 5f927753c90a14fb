"""What a judged turn's score hangs on, as text cut into pieces that a page can shade."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from convexplain.types import Attribution, Conversation, Level, Unit

_LEAST = 1e-9
_SMALL = 0.05  # of the largest contribution: less is not shaded


@dataclass(frozen=True, slots=True)
class Shade:
    """What one unit does to the judge's score.

    Attributes:
        level: what kind of unit it is.
        sign: `+` raises the score, `-` lowers it, "" does nothing to speak of.
        strength: how much, as a share of the largest contribution, in [0, 1]; 0 where it is not to be shaded.
        without: what the value would be without the unit: a score in [0, 1], unless something else was attributed.
        noisy: it does less than the judge's noise.
        chosen: joint attribution chose it.
    """

    level: Level
    sign: str
    strength: float
    without: float | None
    noisy: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a turn's text, with what the smallest unit around it does; None where there is none."""

    text: str
    shade: Shade | None


def turn_shades(found: Sequence[Attribution]) -> dict[int, Shade]:
    """What whole turns do, by their index; the coarsest level must be turns, or there is nothing."""
    coarsest = [one for one in found[:1] if one.level == "turn"]
    scale = _scale(found)
    return {unit.turn: _shade(one, i, scale) for one in coarsest for i, unit in enumerate(one.units)}


def pieces(conversation: Conversation, turn: int, found: Sequence[Attribution]) -> list[Piece]:
    """The text of a turn in pieces, each as the finest unit around it is; together they are the text again.

    Args:
        conversation: the conversation.
        turn: the turn's index.
        found: the attributions of one judged turn, from coarse to fine.
    """
    text = conversation.turns[turn].content
    scale = _scale(found)
    units = [(unit, _shade(one, i, scale)) for one, i, unit in _inner(found, turn)]
    cuts = sorted({0, len(text), *(cut for unit, _ in units for cut in (unit.start, unit.end))})
    place = {cut: i for i, cut in enumerate(cuts)}
    paint: list[Shade | None] = [None] * max(0, len(cuts) - 1)
    for unit, shade in units:  # finer units come later and lie on top
        first, last = place[unit.start], place[unit.end]
        paint[first:last] = [shade] * (last - first)
    return [Piece(text[cuts[i] : cuts[i + 1]], shade) for i, shade in enumerate(paint)]


def _inner(found: Sequence[Attribution], turn: int) -> Iterator[tuple[Attribution, int, Unit]]:
    """The units inside a turn that have a value, from coarse to fine; the turn as a whole is none of them."""
    for one in found:
        for i, unit in enumerate(one.units):
            if unit.turn == turn and one.level != "turn" and one.scores[i] is not None:
                yield one, i, unit


def _scale(found: Sequence[Attribution]) -> float:
    return max((abs(score) for one in found for score in one.scores if score is not None), default=0.0)


def _shade(one: Attribution, i: int, scale: float) -> Shade:
    score = one.scores[i] or 0.0
    share = abs(score) / scale if scale > _LEAST else 0.0
    noisy = one.noisy[i]
    sign = "" if abs(score) < _LEAST else "+" if score > 0 else "-"
    strength = 0.0 if noisy or share < _SMALL else share
    return Shade(one.level, sign, strength, one.scores_without[i], noisy, i in one.chosen)
