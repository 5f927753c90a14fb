"""Pruning: edits of a contrast are taken back while it still is one."""

from collections.abc import Callable, Generator, Sequence
from typing import Any

from ..protocol import Edits, Score, without


def prune(edits: Edits, delta: float, distance: Callable[[Edits], float] = len) -> Generator[Score, Any, None]:
    """Ask for g with single edits taken back, then with all those at once that are not needed singly.

    Every crossing candidate that it meets has fewer edits than the last. Where g only grows with the edits, none of the
    edits that remain can be taken back any more. Of edits that are not needed, the one goes first without which the
    text is nearest to the original one, of these the one without which it scores highest.

    Args:
        edits: a crossing candidate.
        delta: g from which on a candidate is a contrast.
        distance: how far a candidate is from the original text.
    """
    free = [unit for unit, _ in edits]
    while len(edits) > 1 and free:
        scores: Sequence[float | None] = yield Score(tuple(without(edits, unit) for unit in free))
        crossing = {unit: g for unit, g in zip(free, scores, strict=True) if g is not None and g >= delta}
        free = list(crossing)
        if len(free) > 1 and len(free) < len(edits):
            (at_once,) = yield Score((without(edits, *free),))
            if at_once is not None and at_once >= delta:
                return
        if not free:
            return
        remaining = edits
        best = min(free, key=lambda unit: (distance(without(remaining, unit)), -crossing[unit]))
        edits = without(edits, best)
        free.remove(best)
