"""Sums of a run's scores on one maxim, by conversation and depth: from them follow means, and how sure they are."""

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from . import schema
from .database import reading
from .paired_scores import Floats, Numbers
from .sample_scores import turn_weights
from .store import RunStore

DEPTHS = (0, 2, 4, 8, 16, 32)
"""The first turn of each depth: turns 0 and 1, 2 and 3, 4 to 7, 8 to 15, 16 to 31, and from 32 on."""


@dataclass(frozen=True, slots=True)
class ScoreSums:
    """Sums of scores: a row for each conversation and depth in it that has a score.

    Attributes:
        numbers: the conversations' numbers in the store.
        depths: indices of `DEPTHS`.
        counts: how many turns have a score.
        totals: the sums of their scores.
        below: how many of them are below the threshold.
        weights: for how many turns of the logs each of them stands, up to a factor; None where everything was judged.
    """

    numbers: Numbers
    depths: Numbers
    counts: Floats
    totals: Floats
    below: Floats
    weights: Floats | None = None

    def weighted(self, column: Floats) -> Floats:
        """Return a column of sums as it counts for the logs."""
        return column if self.weights is None else column * self.weights


def score_sums(store: RunStore, run: int, sha: str, threshold: float) -> ScoreSums:
    """Return the sums of a run's scores on one maxim.

    Args:
        store: the store.
        run: the run's number.
        sha: SHA of the maxim's wording.
        threshold: the maxim's.
    """
    table = schema.judgements
    cases = [(table.c.turn >= first, depth) for depth, first in reversed(list(enumerate(DEPTHS)))]
    depth = sa.case(*cases, else_=0).label("depth")
    below = sa.func.sum(sa.case((table.c.score < threshold, 1), else_=0))
    query = (
        sa.select(table.c.conversation, depth, sa.func.count(), sa.func.sum(table.c.score), below)
        .where(table.c.run == run, table.c.rubric == sha, table.c.score.is_not(None))
        .group_by(table.c.conversation, depth)
        .order_by(table.c.conversation, depth)
    )
    with reading(store.engine) as connection:
        rows = connection.execute(query).all()
    columns = np.array([tuple(row) for row in rows], dtype=np.float64).reshape(-1, 5).T
    numbers, depths, counts, totals, low = columns
    weights = turn_weights(store, run, sha)
    column = np.array([weights.get(number, 0.0) for number in numbers.tolist()]) if weights else None
    return ScoreSums(numbers.astype(np.int64), depths.astype(np.int64), counts, totals, low, column)


def depth_name(depth: int) -> str:
    """Return the turns of a depth, as `4–7` or `32–`."""
    last = DEPTHS[depth + 1] - 1 if depth + 1 < len(DEPTHS) else ""
    return f"{DEPTHS[depth]}–{last}"
