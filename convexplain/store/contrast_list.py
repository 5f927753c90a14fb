"""Contrasts of a run as a list to review: filtered and counted by the database."""

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from convexplain.errors import StoreError
from convexplain.types import Contrast, Conversation, sha256_json

from . import schema
from .contrasts import to_contrast
from .database import reading
from .reviews import Decision
from .serialization import to_conversation
from .store import RunStore

Reviewed = Literal["open", "accept", "reject", "fix"]


@dataclass(frozen=True, slots=True)
class ContrastFilters:
    """Filters of a run's contrasts; a filter that is empty or None excludes nothing.

    Attributes:
        run: the run's number.
        rubrics: ids of maxims.
        rises: only contrasts whose score rises (True) or falls (False).
        margin: least movement of the score.
        distance: largest number of words changed.
        found: leave out searches without a contrast.
        reviewed: `open` (nobody has reviewed it), or the decision of its newest review.
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
        question: revise, regenerate or rescore.
        found: False for a search without a contrast.
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


def contrast_rows(store: RunStore, filters: ContrastFilters, limit: int, offset: int = 0) -> list[ContrastRow]:
    """Return a page of contrasts, the largest movement of the score first."""
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
    query = _filtered(sa.select(*columns), filters).order_by(sa.func.coalesce(movement, -1).desc(), table.c.id)
    with reading(store.engine) as connection:
        return [ContrastRow(*row) for row in connection.execute(query.limit(limit).offset(offset))]


def contrast_count(store: RunStore, filters: ContrastFilters) -> int:
    """Return the number of contrasts that pass the filters."""
    with reading(store.engine) as connection:
        return int(connection.execute(_filtered(sa.select(sa.func.count()), filters)).scalar_one())


def longest_distance(store: RunStore, run: int) -> int:
    """Return the most words that a contrast of the run has changed; 0 where there is none."""
    table = schema.contrasts
    with reading(store.engine) as connection:
        query = sa.select(sa.func.max(table.c.edit_distance)).where(table.c.run == run)
        return connection.execute(query).scalar() or 0


def newest_contrast(store: RunStore, run: int) -> int:
    """Return the number of the run's newest contrast; 0 where there is none."""
    table = schema.contrasts
    with reading(store.engine) as connection:
        return connection.scalar(sa.select(sa.func.max(table.c.id)).where(table.c.run == run)) or 0


def find_contrast(store: RunStore, number: int) -> tuple[int, Conversation, Contrast]:
    """Return a contrast with the number of its conversation and the conversation.

    Raises:
        StoreError: there is no contrast of that number.
    """
    table, conversation = schema.contrasts, schema.conversations
    query = (
        sa.select(table.c.conversation, table.c.body, conversation.c.body.label("conversation_body"))
        .join(conversation, conversation.c.id == table.c.conversation)
        .where(table.c.id == number)
    )
    with reading(store.engine) as connection:
        row = connection.execute(query).first()
    if row is None:
        raise StoreError(f"{store.place}: there is no contrast {number}")
    return row.conversation, to_conversation(row.conversation_body), to_contrast(row.body)


def contrast_run(store: RunStore, number: int) -> int:
    """Return the number of the run that a contrast is of.

    Raises:
        StoreError: there is no contrast of that number.
    """
    with reading(store.engine) as connection:
        run = connection.scalar(sa.select(schema.contrasts.c.run).where(schema.contrasts.c.id == number))
    if run is None:
        raise StoreError(f"{store.place}: there is no contrast {number}")
    return int(run)


def edit_digests(store: RunStore, run: int) -> dict[int, tuple[str, str]]:
    """Return by its number for each contrast of a run a digest of its edit, and the search that made it.

    Edits of one conversation with the same texts have one digest, whatever maxims they were searched for.
    """
    table = schema.contrasts
    query = sa.select(table.c.id, table.c.conversation, table.c.body).where(table.c.run == run).order_by(table.c.id)
    with reading(store.engine) as connection:
        rows = connection.execute(query)
        return {row.id: (_edit_digest(row), row.body["search"]) for row in rows}


def _edit_digest(row: Any) -> str:
    places = sorted({edit["unit"]["turn"] for edit in row.body["edits"]})
    if not row.body["found"] or not places:  # what a search tried last is no edit
        return str(row.id)
    return sha256_json([row.conversation, [(place, row.body["turns"][place]["content"]) for place in places]])


def _filtered(query: sa.Select[Any], filters: ContrastFilters) -> sa.Select[Any]:
    table, rubric, review = schema.contrasts, schema.rubrics, schema.pair_reviews
    conversation = schema.conversations
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
        .join(conversation, conversation.c.id == table.c.conversation)
        .outerjoin(review, newest)
    )
    query = query.select_from(joined).where(table.c.run == filters.run)
    rise = table.c.score_after - table.c.score_before
    if filters.found:
        query = query.where(table.c.found)
    if filters.rubrics:
        query = query.where(rubric.c.rubric.in_(filters.rubrics))
    if filters.rises is not None:
        query = query.where(rise > 0 if filters.rises else rise < 0)
    if filters.margin:
        query = query.where(sa.func.abs(rise) >= filters.margin)
    if filters.distance is not None:
        query = query.where(table.c.edit_distance <= filters.distance)
    if filters.reviewed:
        decided = review.c.decision.in_([decision for decision in filters.reviewed if decision != "open"])
        query = query.where(sa.or_(decided, review.c.id.is_(None)) if "open" in filters.reviewed else decided)
    return query
