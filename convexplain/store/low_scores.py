"""Low scores: the turns of a run that are below a threshold."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from convexplain.types import Conversation, QuoteCheck

from . import schema
from .database import reading
from .serialization import to_conversation
from .store import RunStore

_PAGE = 500  # turns read in one query


@dataclass(frozen=True, slots=True)
class LowScore:
    """A turn's score on one maxim, below its threshold or the lowest that there is.

    Attributes:
        rubric: the maxim's id.
        score: in [0, 1], 1 = the requirement is satisfied.
        threshold: the maxim's.
        model: the judge's model that gave the score.
        sha: of the rubric's wording in the run.
        reason: the judge's reason in words, if it was asked for.
        reason_quotes: whether the words that the reason quotes are in the conversation, as in `Evidence`.
        warnings: why people should read the turn themselves, as in `Evidence`.
    """

    rubric: str
    score: float
    threshold: float
    model: str
    sha: str
    reason: str | None = None
    reason_quotes: QuoteCheck | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LowTurn:
    """A turn below the threshold of at least one maxim, or with a low score.

    Attributes:
        number: the conversation's number in the store.
        conversation, turn: the turn.
        scores: the scores below their threshold, or all of them, the furthest below first.
    """

    number: int
    conversation: Conversation
    turn: int
    scores: tuple[LowScore, ...]


def low_turns(
    store: RunStore, run: int, limit: int, rubrics: Sequence[str] | None = None, *, below: bool = True
) -> list[LowTurn]:
    """Return the turns of a run that are below a threshold, the furthest below first.

    Turns are sorted by their score that is furthest below its threshold; equal ones are in the order of the
    store, and equal scores of one turn in that of their maxims' ids.

    Args:
        store: the store.
        run: the run's number.
        limit: the most turns that are returned.
        rubrics: ids of the maxims that count; None takes all.
        below: leave out scores that are not below their threshold; False takes the lowest ones whatever they are.
    """
    low = _low(run, rubrics, below)
    order = (sa.func.min(low.c.distance), low.c.conversation, low.c.turn)
    places = sa.select(low.c.conversation, low.c.turn).group_by(low.c.conversation, low.c.turn).order_by(*order)
    with reading(store.engine) as connection:
        chosen = [(row.conversation, row.turn) for row in connection.execute(places.limit(limit))]
    pages = (chosen[start : start + _PAGE] for start in range(0, len(chosen), _PAGE))
    return [turn for page in pages for turn in _turns(store, low, page)]


def _turns(store: RunStore, low: sa.Subquery, places: Sequence[tuple[int, int]]) -> list[LowTurn]:
    conversations, numbers = schema.conversations, {number for number, _ in places}
    # Judgements arrive in any order, so equal ones are sorted by their maxim.
    query = sa.select(low).where(low.c.conversation.in_(numbers)).order_by(low.c.distance, low.c.rubric, low.c.id)
    with reading(store.engine) as connection:
        scores = connection.execute(query).all()
        columns = sa.select(conversations.c.id, conversations.c.body)
        bodies = connection.execute(columns.where(conversations.c.id.in_(numbers))).all()
    by_number = {row.id: to_conversation(row.body) for row in bodies}
    below: dict[tuple[int, int], list[LowScore]] = {}
    for row in scores:
        quotes, warnings = row.evidence.get("reason_quotes"), tuple(row.evidence.get("warnings", ()))
        score = LowScore(row.rubric, row.score, row.threshold, row.model, row.sha, row.reason, quotes, warnings)
        below.setdefault((row.conversation, row.turn), []).append(score)
    return [LowTurn(number, by_number[number], turn, tuple(below[number, turn])) for number, turn in places]


def low_turn_count(store: RunStore, run: int, rubrics: Sequence[str] | None = None) -> int:
    """Return the number of turns of a run that are below the threshold of at least one maxim; None takes all maxims."""
    low = _low(run, rubrics)
    places = sa.select(low.c.conversation, low.c.turn).distinct().subquery()
    with reading(store.engine) as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(places)).scalar_one())


def scored_turn_count(store: RunStore, run: int) -> int:
    """Return the number of turns of a run that have a score on at least one maxim."""
    table = schema.judgements
    places = sa.select(table.c.conversation, table.c.turn).where(table.c.run == run, table.c.score.is_not(None))
    query = sa.select(sa.func.count()).select_from(places.distinct().subquery())
    with reading(store.engine) as connection:
        return int(connection.execute(query).scalar_one())


def _low(run: int, rubrics: Sequence[str] | None, below: bool = True) -> sa.Subquery:
    table, rubric = schema.judgements, schema.rubrics
    query = (
        sa.select(
            table.c.id,
            table.c.conversation,
            table.c.turn,
            table.c.score,
            table.c.model,
            table.c.reason,
            table.c.evidence,
            rubric.c.sha,
            rubric.c.rubric,
            rubric.c.threshold,
            (table.c.score - rubric.c.threshold).label("distance"),
        )
        .join(rubric)
        .where(table.c.run == run, table.c.score < rubric.c.threshold if below else table.c.score.is_not(None))
    )
    if rubrics is not None:
        query = query.where(rubric.c.rubric.in_(list(rubrics)))
    return query.subquery()
