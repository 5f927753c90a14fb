"""One conversation of a run: its judgements and explanations, and the next flagged turn."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from convexplain.types import Conversation, Judgement

from . import schema
from .database import reading
from .serialization import to_conversation, to_judgement
from .store import RunStore


@dataclass(frozen=True, slots=True)
class Place:
    """A judged turn: the conversation's number in the store and its own id, and the index of the turn."""

    number: int
    conversation: str
    turn: int


def find_conversations(store: RunStore, run: int, conversation: str, limit: int = 20) -> list[int]:
    """Return the numbers of a run's conversations with that id: several where sources use the same ids."""
    table, members = schema.conversations, schema.run_conversations
    query = (
        sa.select(table.c.id)
        .join(members, members.c.conversation == table.c.id)
        .where(members.c.run == run, table.c.conversation_id == conversation)
        .order_by(table.c.id)
        .limit(limit)
    )
    with reading(store.engine) as connection:
        return list(connection.execute(query).scalars())


def judged_conversation(store: RunStore, run: int, number: int) -> tuple[Conversation, list[Judgement]] | None:
    """Return a conversation of a run with its judgements, by turn; None if the run has no such number."""
    table, rubric, members = schema.judgements, schema.rubrics, schema.run_conversations
    conversations = schema.conversations
    body_query = (
        sa.select(conversations.c.body)
        .join(members, members.c.conversation == conversations.c.id)
        .where(members.c.run == run, conversations.c.id == number)
    )
    query = (
        sa.select(table, rubric.c.rubric.label("rubric_id"))
        .join(rubric)
        .where(table.c.run == run, table.c.conversation == number)
        .order_by(table.c.turn, table.c.id)
    )
    with reading(store.engine) as connection:
        body = connection.execute(body_query).scalar()
        if body is None:
            return None
        conversation = to_conversation(body)
        return conversation, [to_judgement(row, conversation) for row in connection.execute(query)]


def explanation_kinds(store: RunStore, run: int, number: int) -> dict[tuple[int, str], set[str]]:
    """Return the kinds of explanations of a conversation's turns, by turn and rubric id.

    The kinds are `attribution`, `contrast`, and `attempt` for a search without a contrast.
    """
    rubric, kinds = schema.rubrics, dict[tuple[int, str], set[str]]()
    contrasts, attributions = schema.contrasts, schema.attributions
    queries = (
        sa.select(contrasts.c.turn, rubric.c.rubric, contrasts.c.found).join(rubric),
        sa.select(attributions.c.turn, rubric.c.rubric, sa.null().label("found")).join(rubric),
    )
    with reading(store.engine) as connection:
        for query, table in zip(queries, (contrasts, attributions), strict=True):
            rows = connection.execute(query.where(table.c.run == run, table.c.conversation == number))
            for turn, name, success in rows:
                kind = "attribution" if success is None else "contrast" if success else "attempt"
                kinds.setdefault((turn, name), set()).add(kind)
    return kinds


def next_flagged(
    store: RunStore, run: int, rubric: str, threshold: float, number: int, turn: int, *, back: bool = False
) -> Place | None:
    """Return the flagged turn of a run after (or before) a place, in the order of the store; None at the end.

    Args:
        store: the store.
        run: the run's number.
        rubric: SHA of the rubric.
        threshold: a turn that scores below it is flagged.
        number, turn: the place.
        back: search backwards.
    """
    table, conversation = schema.judgements, schema.conversations
    order = (table.c.conversation, table.c.turn)
    after = sa.or_(
        table.c.conversation < number if back else table.c.conversation > number,
        sa.and_(table.c.conversation == number, table.c.turn < turn if back else table.c.turn > turn),
    )
    query = (
        sa.select(table.c.conversation, conversation.c.conversation_id, table.c.turn)
        .join(conversation, conversation.c.id == table.c.conversation)
        .where(table.c.run == run, table.c.rubric == rubric, table.c.score < threshold, after)
        .order_by(*(column.desc() if back else column for column in order))
        .limit(1)
    )
    with reading(store.engine) as connection:
        row = connection.execute(query).first()
    return None if row is None else Place(*row)


def turn_excerpts(store: RunStore, places: Sequence[tuple[int, int]]) -> list[str]:
    """Return the texts of turns, identified by the conversation's number and the turn's index."""
    table = schema.conversations
    numbers = {number for number, _ in places}
    with reading(store.engine) as connection:
        rows = connection.execute(sa.select(table.c.id, table.c.body).where(table.c.id.in_(numbers))).all()
    bodies = {row.id: row.body["turns"] for row in rows}
    return [bodies[number][turn]["content"] for number, turn in places]
