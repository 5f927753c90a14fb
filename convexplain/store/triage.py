"""The scores and labels of a run from which the queue of turns to label is made, and the progress of labelling."""

from dataclasses import dataclass

import sqlalchemy as sa

from convexplain.types import Rubric

from . import schema
from .database import reading, writing
from .store import RunStore


@dataclass(frozen=True, slots=True)
class ScoredPlace:
    """A scored turn without its text.

    Attributes:
        place: the judgement's number, for `scored_turns`.
        number, turn: the conversation's number in the store, and the turn's index.
        score: in [0, 1], 1 = satisfied.
    """

    place: int
    number: int
    turn: int
    score: float


@dataclass(frozen=True, slots=True)
class PersonLabel:
    """A person's label of a turn without the turn's text; `rater` is empty without a name."""

    number: int
    turn: int
    rater: str
    score: float


def triage_scores(store: RunStore, run: int, rubric: Rubric) -> list[ScoredPlace]:
    """Return all scored turns of a run on a rubric, in the order in which they were judged."""
    table = schema.judgements
    query = (
        sa.select(table.c.id, table.c.conversation, table.c.turn, table.c.score)
        .where(table.c.run == run, table.c.rubric == rubric.sha, table.c.score.is_not(None))
        .order_by(table.c.id)
    )
    with reading(store.engine) as connection:
        return [ScoredPlace(*row) for row in connection.execute(query)]


def person_labels(store: RunStore, run: int, rubric: str) -> list[PersonLabel]:
    """Return people's labels of a run's conversations on a rubric (its id), in the order of turns and names."""
    table, members = schema.ratings, schema.run_conversations
    query = (
        sa.select(table.c.conversation, table.c.turn, table.c.rater, table.c.score)
        .join(members, members.c.conversation == table.c.conversation)
        .where(members.c.run == run, table.c.rubric == rubric)
        .order_by(table.c.conversation, table.c.turn, table.c.rater)
    )
    with reading(store.engine) as connection:
        return [PersonLabel(*row) for row in connection.execute(query)]


def delete_rating(store: RunStore, number: int, turn: int, rubric: str, rater: str) -> None:
    """Delete a person's rating of a turn; nothing happens where there is none.

    Args:
        store: the store.
        number: the conversation's number in the store.
        turn: the turn's index.
        rubric: the rubric's id.
        rater: the person's name; "" for people without a name.
    """
    table = schema.ratings
    with writing(store.engine) as connection:
        connection.execute(
            sa.delete(table).where(
                table.c.conversation == number, table.c.turn == turn, table.c.rubric == rubric, table.c.rater == rater
            )
        )
