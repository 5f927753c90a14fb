"""Contrasts of a run as a list to review: filtered and counted by the database."""

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from convexplain.errors import StoreError
from convexplain.types import Contrast, Conversation

from . import schema
from .contrasts import to_contrast
from .database import reading
from .reviews import Decision
from .store import RunStore, to_conversation

Reviewed = Literal["open", "accept", "reject", "fix"]


@dataclass(frozen=True, slots=True)
class WhichContrasts:
    """Which contrasts are listed; what is empty or None does not narrow.

    Attributes:
        run: the run's number.
        rubrics: ids of maxims.
        rises: only those whose score rises (True) or falls (False).
        margin: least movement of the score.
        distance: largest number of words changed.
        found: leave out searches that found none.
        reviewed: `open` (nobody has reviewed it), or what was said of it last.
    """

    run: int
    rubrics: tuple[str, ...] = ()
    rises: bool | None = None
    margin: float = 0.0
    distance: int | None = None
    found: bool = True
    reviewed: tuple[Reviewed, ...] = ()


@dataclass(frozen=True, slots=True)
class ContrastRow:
    """A contrast in a list.

    Attributes:
        number: the contrast's number in the store.
        conversation, turn, rubric: the judged turn, by ids.
        question: what was asked.
        found: whether it was found.
        before, after: the scores.
        distance: words changed.
        decision, reviewer: of the newest review; None where there is none.
    """

    number: int
    conversation: str
    turn: int
    rubric: str
    question: str
    found: bool
    before: float | None
    after: float | None
    distance: int | None
    decision: Decision | None
    reviewer: str | None


def contrast_rows(store: RunStore, which: WhichContrasts, limit: int, offset: int = 0) -> list[ContrastRow]:
    """A page of contrasts, the largest movement of the score first."""
    table = schema.contrasts
    columns = (
        table.c.id,
        schema.conversations.c.conversation_id,
        table.c.turn,
        schema.rubrics.c.rubric,
        table.c.question,
        table.c.found,
        table.c.score_before,
        table.c.score_after,
        table.c.edit_distance,
        schema.pair_reviews.c.decision,
        schema.pair_reviews.c.reviewer,
    )
    movement = sa.func.abs(table.c.score_after - table.c.score_before)
    query = _of(sa.select(*columns), which).order_by(sa.func.coalesce(movement, -1).desc(), table.c.id)
    with reading(store.engine) as connection:
        return [ContrastRow(*row) for row in connection.execute(query.limit(limit).offset(offset))]


def contrast_count(store: RunStore, which: WhichContrasts) -> int:
    """How many contrasts there are like that."""
    with reading(store.engine) as connection:
        return int(connection.execute(_of(sa.select(sa.func.count()), which)).scalar_one())


def longest_distance(store: RunStore, run: int) -> int:
    """The most words that a contrast of the run has changed; 0 where there is none."""
    table = schema.contrasts
    with reading(store.engine) as connection:
        query = sa.select(sa.func.max(table.c.edit_distance)).where(table.c.run == run)
        return connection.execute(query).scalar() or 0


def contrast_of(store: RunStore, number: int) -> tuple[int, Conversation, Contrast]:
    """A contrast by its number, with its conversation and that one's number. Raises StoreError where there is none."""
    table, talk = schema.contrasts, schema.conversations
    query = (
        sa.select(table.c.conversation, table.c.body, talk.c.body.label("talk"))
        .join(talk, talk.c.id == table.c.conversation)
        .where(table.c.id == number)
    )
    with reading(store.engine) as connection:
        row = connection.execute(query).first()
    if row is None:
        raise StoreError(f"{store.place}: there is no contrast {number}")
    return row.conversation, to_conversation(row.talk), to_contrast(row.body)


def _of(query: sa.Select[Any], which: WhichContrasts) -> sa.Select[Any]:
    table, rubric, talk, review = schema.contrasts, schema.rubrics, schema.conversations, schema.pair_reviews
    later = review.alias()
    newest = sa.and_(
        review.c.contrast == table.c.id,
        ~sa.exists().where(
            later.c.contrast == review.c.contrast,
            sa.tuple_(later.c.created_at, later.c.id) > sa.tuple_(review.c.created_at, review.c.id),
        ),
    )
    joined = (
        table.join(rubric, rubric.c.sha == table.c.rubric)
        .join(talk, talk.c.id == table.c.conversation)
        .outerjoin(review, newest)
    )
    query = query.select_from(joined).where(table.c.run == which.run)
    rise = table.c.score_after - table.c.score_before
    if which.found:
        query = query.where(table.c.found)
    if which.rubrics:
        query = query.where(rubric.c.rubric.in_(which.rubrics))
    if which.rises is not None:
        query = query.where(rise > 0 if which.rises else rise < 0)
    if which.margin:
        query = query.where(sa.func.abs(rise) >= which.margin)
    if which.distance is not None:
        query = query.where(table.c.edit_distance <= which.distance)
    if which.reviewed:
        said = review.c.decision.in_([one for one in which.reviewed if one != "open"])
        query = query.where(sa.or_(said, review.c.id.is_(None)) if "open" in which.reviewed else said)
    return query
