"""CELL, the myopic search: every unit in turn, the best edit stays (Luss et al., Algorithm 2)."""

from collections.abc import Callable, Sequence

from ..protocol import Edits, Hole, Infill, Score, Search, with_edit
from ..registry import ContrastSearch
from ._pruning import prune


def cell(n: int, *, delta: float, distance: Callable[[Edits], float] | None = None) -> Search:
    """Edit one unit a round, the one whose edit scores highest, until a candidate crosses or every unit is edited.

    Departures from the print: g compares with the original text and response (section 3), not with those of the round
    before; of the crossing candidates of a round the one nearest to the text is taken, of these the one that scores
    highest; afterwards edits are taken back.

    Args:
        n: how many units may be edited.
        delta: g from which on a candidate is a contrast.
        distance: how far a candidate is from the text; its number of edits unless given.
    """
    far = distance or len
    edits: Edits = ()
    unchanged = list(range(n))
    while unchanged:
        fills: Sequence[str | None] = yield Infill(tuple(Hole(unit, edits) for unit in unchanged))
        candidates = [
            with_edit(edits, unit, fill) for unit, fill in zip(unchanged, fills, strict=True) if fill is not None
        ]
        scores: Sequence[float | None] = yield Score(tuple(candidates))
        ranked = [(g, -i) for i, g in enumerate(scores) if g is not None]
        if not ranked:
            return
        crossing = [(far(candidates[-place]), -g, -place) for g, place in ranked if g >= delta]
        chosen = candidates[min(crossing)[2] if crossing else -max(ranked)[1]]
        (unit,) = {unit for unit, _ in chosen} - {unit for unit, _ in edits}
        edits = chosen
        unchanged.remove(unit)
        if crossing:
            yield from prune(edits, delta, far)
            return


CELL = ContrastSearch(
    "cell",
    "CELL, the paper's myopic search (Algorithm 2): every unit in every round.",
    cell,
    exhaustive=True,
)
