"""The Pareto front: those of several points of which none is better on every count."""

import math
from collections.abc import Sequence

MOST_POINTS = 8  # points of a front that are worth showing

Point = Sequence[float]
"""One number for each count, the higher the better."""


def dominates(first: Point, second: Point) -> bool:
    """Return True where the first point is nowhere worse than the second, and better somewhere."""
    pairs = list(zip(first, second, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def pareto_front(points: Sequence[Point], most: int = MOST_POINTS) -> list[int]:
    """Return the places of the points that no other one dominates, those of equal points once.

    Of more than `most`, the best on each count stay, the first count first; then, one after the other, the one that is
    furthest from those that stay, so that they are spread over the front.

    Args:
        points: as many numbers each, the higher the better.
        most: how many places are returned at most.

    Returns:
        The places, in the order of the points.
    """
    places = {tuple(point): i for i, point in reversed(list(enumerate(points)))}  # of equal points the first
    front = sorted(i for point, i in places.items() if not any(dominates(rival, point) for rival in places))
    if len(front) <= most:
        return front
    ends = [max(front, key=lambda i: (points[i][count], -i)) for count in range(len(points[0]))]
    chosen = list(dict.fromkeys(ends))[:most]
    while len(chosen) < most:
        remaining = [i for i in front if i not in chosen]
        chosen.append(max(remaining, key=lambda i: (_distance(points, front, chosen, i), -i)))
    return sorted(chosen)


def front_layers(points: Sequence[Point], most: int) -> list[int]:
    """Return the places of at most so many points: those of the front, then those of the front without them, and so on.

    Args:
        points: as of `pareto_front`; equal ones count each.
        most: how many places are returned at most.
    """
    remaining, chosen = list(range(len(points))), list[int]()
    while remaining and len(chosen) < most:
        layer = pareto_front([points[i] for i in remaining], most - len(chosen))
        chosen += [remaining[place] for place in layer]
        remaining = [i for i in remaining if i not in chosen]
    return chosen


def _distance(points: Sequence[Point], front: Sequence[int], chosen: Sequence[int], place: int) -> float:
    """Return how far a point stands from the nearest chosen one, each count in shares of its range."""
    counts = range(len(points[place]))
    ranges = [max(points[i][count] for i in front) - min(points[i][count] for i in front) for count in counts]
    return min(
        math.fsum(abs(points[place][count] - points[i][count]) / (ranges[count] or 1.0) for count in counts)
        for i in chosen
    )
