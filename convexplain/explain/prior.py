"""The prior of a contrast search that comes from attributions: where they are high, it looks first."""

from collections import Counter
from collections.abc import Sequence

from convexplain.types import Attribution, Unit

_LEAST = 0.05  # of the mean weight: that of units that nothing speaks for, so that none is left out


def prior_from(attributions: Sequence[Attribution], units: Sequence[Unit], upward: bool) -> list[float]:
    """Return how likely each unit matters, up to a factor.

    A unit has the share of the finest attributed unit that it lies in, as far as that holds the score where it is: what
    lowers it where it is to rise. Where nothing does, all have the same.

    Args:
        attributions: of one turn, one a level, the coarsest first.
        units: what a search may edit.
        upward: the score is to rise, not to fall.
    """
    side = -1 if upward else 1
    places = [_finest(attributions, unit) for unit in units]
    inside = Counter(places)
    worth = [0.0 if place is None else max(0.0, side * _score(attributions, place)) / inside[place] for place in places]
    total = sum(worth)
    return [weight + _LEAST * total / len(worth) for weight in worth] if total > 0 else [1.0] * len(units)


def _finest(attributions: Sequence[Attribution], unit: Unit) -> tuple[int, int] | None:
    """Level and number of the finest attributed unit that a unit begins in."""
    for level in range(len(attributions) - 1, -1, -1):
        for i, attributed in enumerate(attributions[level].units):
            if attributed.turn == unit.turn and attributed.start <= unit.start < attributed.end:
                return level, i
    return None


def _score(attributions: Sequence[Attribution], place: tuple[int, int]) -> float:
    return attributions[place[0]].scores[place[1]] or 0.0
