"""Mean scores along conversations, computed by the database."""

import math
from dataclasses import dataclass

import sqlalchemy as sa

from . import schema
from .database import reading
from .store import RunStore

_QUANTILE = 0.975  # of a two-sided 95 % interval


@dataclass(frozen=True, slots=True)
class AnswerScore:
    """The scores of all conversations' n-th judged answer on one rubric.

    Attributes:
        answer: the place among a conversation's judged turns, from 1.
        n: how many of them have a score.
        mean: their mean score in [0, 1], 1 = satisfied.
        low, high: 95 % confidence interval of the mean (Student's t, cut to [0, 1]); None where n is 1.
    """

    answer: int
    n: int
    mean: float
    low: float | None
    high: float | None


def scores_by_answer(store: RunStore, run: int, rubric: str, limit: int = 40) -> list[AnswerScore]:
    """Return the mean score of all conversations' first, second, third … judged answers.

    Each conversation has one n-th answer, so the scores behind one mean are independent of each other.

    Args:
        store: the store.
        run: the run's number.
        rubric: the SHA of a rubric that the run has judged by.
        limit: later answers are left out.
    """
    table = schema.judgements
    answer = sa.func.row_number().over(partition_by=table.c.conversation, order_by=table.c.turn).label("answer")
    placed = sa.select(table.c.score, answer).where(table.c.run == run, table.c.rubric == rubric).subquery()
    query = (
        sa.select(
            placed.c.answer,
            sa.func.count(placed.c.score).label("n"),
            sa.func.avg(placed.c.score).label("mean"),
            sa.func.avg(placed.c.score * placed.c.score).label("square"),
        )
        .where(placed.c.answer <= limit)
        .group_by(placed.c.answer)
        .order_by(placed.c.answer)
    )
    with reading(store.engine) as connection:
        rows = connection.execute(query).all()
    return [_answer(row.answer, row.n, row.mean, row.square) for row in rows if row.n]


def mean_interval(n: int, mean: float, square: float) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of a mean score (Student's t, cut to [0, 1]); None where n is 1.

    Args:
        n: the number of independent scores.
        mean, square: their mean, and that of their squares.
    """
    if n == 1:
        return None
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # takes long to import

    half = float(stdtrit(n - 1, _QUANTILE)) * math.sqrt(max(0.0, square - mean * mean) / (n - 1))
    return max(0.0, mean - half), min(1.0, mean + half)


def _answer(answer: int, n: int, mean: float, square: float) -> AnswerScore:
    low, high = mean_interval(n, mean, square) or (None, None)
    return AnswerScore(answer, n, mean, low, high)
