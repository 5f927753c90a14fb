"""The prior of a contrast search that comes from attributions: where they are high, it looks first."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from convexplain.types import Attribution, Unit

_LEAST = 0.05  # of the mean weight: that of units that nothing speaks for, so that none is left out


def prior_from(attributions: Sequence[Attribution], units: Sequence[Unit], upward: bool) -> list[float]:
    """Return how likely each unit matters, up to a factor.

    The score of an attributed unit is spread over its characters that no finer attributed unit has. A unit has what
    lies in it, as far as that holds the score where it is: what lowers it where it is to rise. Where nothing does, all
    have the same.

    Args:
        attributions: of one turn, one a level, the coarsest first.
        units: what a search may edit: words, or passages.
        upward: the score is to rise, not to fall.
    """
    side = -1 if upward else 1
    parts = [(part, max(0.0, side * score)) for part, score in _parts(attributions)]
    worth = [sum(score * _share(unit, part) for part, score in parts) for unit in units]
    total = sum(worth)
    return [weight + _LEAST * total / len(worth) for weight in worth] if total > 0 else [1.0] * len(units)


def _parts(attributions: Sequence[Attribution]) -> Iterator[tuple[list[Unit], float]]:
    """Yield what is left of each attributed unit without the finer ones, in stretches, with its score."""
    for level, attribution in enumerate(attributions):
        finer = sorted(
            (unit for later in attributions[level + 1 :] for unit in later.units), key=lambda unit: unit.start
        )
        for unit, score in zip(attribution.units, attribution.scores, strict=True):
            if score is not None:
                yield list(_stretches(unit, [part for part in finer if part.turn == unit.turn])), score


def _stretches(unit: Unit, finer: Sequence[Unit]) -> Iterator[Unit]:
    """Yield the stretches of a unit that none of these covers, which are in order."""
    start = unit.start
    for part in finer:
        if part.start > start:
            yield replace(unit, start=start, end=min(part.start, unit.end))
        start = max(start, part.end)
        if start >= unit.end:
            return
    yield replace(unit, start=start)


def _share(unit: Unit, stretches: Sequence[Unit]) -> float:
    """Return which share of some stretches' characters a unit covers."""
    total = sum(part.end - part.start for part in stretches)
    covered = (min(unit.end, part.end) - max(unit.start, part.start) for part in stretches if part.turn == unit.turn)
    return sum(max(0, count) for count in covered) / total if total else 0.0
