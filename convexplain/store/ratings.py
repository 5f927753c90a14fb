"""People's ratings of turns."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa

from convexplain.errors import StoreError
from convexplain.types import Conversation, Rating, Rubric, sha256_json

from . import schema
from .conversation_import import keep_conversations
from .database import insert_for, reading, writing
from .serialization import conversation_body, to_conversation
from .store import RunStore

_PAGE = 200
_BATCH = 500
_PLACE = ("conversation", "turn", "rubric", "rater")


def keep_ratings(store: RunStore, rated: Iterable[tuple[Conversation, Rating]]) -> int:
    """Keep people's ratings, and the conversations that are not yet in the store.

    A rating replaces an earlier one by the same rater of the same turn on the same rubric. All raters without a name
    count as one rater.

    Args:
        store: the store.
        rated: ratings with their conversations; of several ratings that replace each other, the last one counts.

    Returns:
        The number of ratings that were kept.
    """
    count, remaining = 0, iter(rated)
    while batch := list(islice(remaining, _BATCH)):
        keep_conversations(store, [conversation for conversation, _ in batch])
        digests = {conversation: _digest(conversation) for conversation, _ in batch}
        table = schema.conversations
        query = sa.select(table.c.digest, table.c.id).where(table.c.digest.in_(set(digests.values())))
        with writing(store.engine) as connection:
            numbers = {row.digest: row.id for row in connection.execute(query)}
            rows = {}
            for conversation, rating in batch:
                row = _row(numbers[digests[conversation]], rating)
                rows[tuple(row[column] for column in _PLACE)] = row
            _write(store, connection, list(rows.values()))
        count += len(rows)
    return count


def keep_turn_rating(store: RunStore, number: int, rating: Rating) -> None:
    """Keep a person's rating of a turn of a stored conversation, as `keep_ratings` does, by the conversation's number.

    After a redaction, conversations of one text may have different numbers.

    Raises:
        StoreError: the conversation is no longer in the store.
    """
    table = schema.conversations
    with writing(store.engine) as connection:
        if connection.execute(sa.select(table.c.id).where(table.c.id == number)).first() is None:
            raise StoreError(f"conversation {number} is no longer in the store")
        _write(store, connection, [_row(number, rating)])


def ratings(
    store: RunStore, run: int | None = None, rubric: str | None = None
) -> Iterator[tuple[Conversation, Rating]]:
    """Yield people's ratings with their conversations, in the order of conversations, turns, rubrics and raters.

    Args:
        store: the store.
        run: only of the conversations of this run; None for all.
        rubric: only on this rubric, by its id; None for all.
    """
    for _, rows in groupby(_rows(store, run, rubric), key=lambda row: row.conversation):
        conversation = None
        for row in rows:
            conversation = conversation or to_conversation(row.body)
            yield conversation, _to_rating(conversation.id, row)


@dataclass(frozen=True, slots=True)
class RatedTurn:
    """A turn that a run has scored and people have rated.

    Attributes:
        number: the conversation's number in the store.
        conversation, turn: the turn.
        score: the judge's, in [0, 1], 1 = satisfied.
        human: the mean of people's ratings, likewise.
        ratings: people's ratings, in the order of their names.
    """

    number: int
    conversation: Conversation
    turn: int
    score: float
    human: float
    ratings: tuple[Rating, ...]


def rated_turns(store: RunStore, run: int, rubric: Rubric, limit: int) -> list[RatedTurn]:
    """Return the turns on which the run's judge and people differ most, the widest gap first.

    Args:
        store: the store.
        run: the run's number.
        rubric: one that the run has judged by; people's ratings of its id count, whatever its wording was.
        limit: the most turns that are returned.
    """
    judged, table, conversation = schema.judgements, schema.ratings, schema.conversations
    people = (
        sa.select(table.c.conversation, table.c.turn, sa.func.avg(table.c.score).label("human"))
        .where(table.c.rubric == rubric.id)
        .group_by(table.c.conversation, table.c.turn)
        .subquery()
    )
    query = (
        sa.select(judged.c.conversation, judged.c.turn, judged.c.score, people.c.human, conversation.c.body)
        .join(people, sa.and_(people.c.conversation == judged.c.conversation, people.c.turn == judged.c.turn))
        .join(conversation, conversation.c.id == judged.c.conversation)
        .where(judged.c.run == run, judged.c.rubric == rubric.sha, judged.c.score.is_not(None))
        .order_by(sa.func.abs(judged.c.score - people.c.human).desc(), judged.c.id)
        .limit(limit)
    )
    with reading(store.engine) as connection:
        rows = connection.execute(query).all()
    return [
        RatedTurn(
            number=row.conversation,
            conversation=to_conversation(row.body),
            turn=row.turn,
            score=row.score,
            human=row.human,
            ratings=turn_ratings(store, row.conversation, row.turn, rubric.id),
        )
        for row in rows
    ]


def turn_ratings(store: RunStore, number: int, turn: int, rubric: str) -> tuple[Rating, ...]:
    """Return people's ratings of one turn on one rubric (its id), in the order of their names.

    `number` is the conversation's number in the store.
    """
    table, conversation = schema.ratings, schema.conversations
    query = (
        sa.select(table, conversation.c.conversation_id)
        .join(conversation, conversation.c.id == table.c.conversation)
        .where(table.c.conversation == number, table.c.turn == turn, table.c.rubric == rubric)
        .order_by(table.c.rater)
    )
    with reading(store.engine) as connection:
        rows = connection.execute(query).all()
    return tuple(_to_rating(row.conversation_id, row) for row in rows)


def noted_ratings(store: RunStore, run: int) -> dict[tuple[int, int], list[Rating]]:
    """Return people's ratings with a note on the turns of a run, by the conversation's number and the turn's index."""
    table, conversation, members = schema.ratings, schema.conversations, schema.run_conversations
    query = (
        sa.select(table, conversation.c.conversation_id)
        .join(conversation, conversation.c.id == table.c.conversation)
        .join(members, members.c.conversation == table.c.conversation)
        .where(members.c.run == run, table.c.note.is_not(None))
        .order_by(table.c.conversation, table.c.turn, table.c.rater)
    )
    noted: dict[tuple[int, int], list[Rating]] = {}
    with reading(store.engine) as connection:
        for row in connection.execute(query):
            noted.setdefault((row.conversation, row.turn), []).append(_to_rating(row.conversation_id, row))
    return noted


def _rows(store: RunStore, run: int | None, rubric: str | None) -> Iterator[Any]:
    """Yield ratings with the conversations' bodies: a page of conversations at a time, without an open cursor."""
    table, conversation = schema.ratings, schema.conversations
    numbers = sa.select(table.c.conversation).distinct().order_by(table.c.conversation).limit(_PAGE)
    if rubric is not None:
        numbers = numbers.where(table.c.rubric == rubric)
    if run is not None:
        link = schema.run_conversations
        numbers = numbers.join(link, link.c.conversation == table.c.conversation).where(link.c.run == run)
    last = 0
    while True:
        with reading(store.engine) as connection:
            page = connection.execute(numbers.where(table.c.conversation > last)).scalars().all()
            query = (
                sa.select(table, conversation.c.body)
                .join(conversation, conversation.c.id == table.c.conversation)
                .where(table.c.conversation.in_(page))
                .order_by(table.c.conversation, table.c.turn, table.c.rubric, table.c.rater)
            )
            rows = connection.execute(query if rubric is None else query.where(table.c.rubric == rubric)).all()
        yield from rows
        if len(page) < _PAGE:
            return
        last = page[-1]


def _write(store: RunStore, connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    insert = insert_for(store.engine)(schema.ratings)
    new = {name: insert.excluded[name] for name in ("score", "label", "note", "created_at")}
    connection.execute(insert.on_conflict_do_update(index_elements=list(_PLACE), set_=new), rows)


def _digest(conversation: Conversation) -> str:
    return sha256_json(conversation_body(conversation))


def _row(conversation: int, rating: Rating) -> dict[str, Any]:
    return {
        "conversation": conversation,
        "turn": rating.turn,
        "rubric": rating.rubric,
        "rater": rating.rater or "",
        "score": rating.score,
        "label": rating.label,
        "note": rating.note,
        "created_at": datetime.now(UTC),
    }


def _to_rating(conversation_id: str, row: Any) -> Rating:
    return Rating(conversation_id, row.turn, row.rubric, row.score, row.rater or None, row.label, row.note)
