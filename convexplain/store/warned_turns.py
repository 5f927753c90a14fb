"""The turns of a run with a warning: words in them may speak to the judge, or two prompts disagree."""

from dataclasses import dataclass

import sqlalchemy as sa

from . import schema
from .database import reading
from .store import RunStore


@dataclass(frozen=True, slots=True)
class WarnedTurn:
    """A judged turn with a warning.

    Attributes:
        conversation: the conversation's id.
        turn: the turn's index.
        warning: its first warning.
    """

    conversation: str
    turn: int
    warning: str


@dataclass(frozen=True, slots=True)
class WarnedTurns:
    """The turns of a run with a warning.

    Attributes:
        count: how many there are.
        first: the first of them, in the order of the store.
    """

    count: int
    first: tuple[WarnedTurn, ...]


def warned_turns(store: RunStore, run: int, limit: int = 3) -> WarnedTurns:
    """Return the turns of a run with a warning, each once, whatever the maxim.

    Args:
        store: the store.
        run: the run's number.
        limit: how many of them are named.
    """
    table, conversation = schema.judgements, schema.conversations
    warned = sa.type_coerce(table.c.evidence, sa.Text).like('%"warnings":["%')
    places = (
        sa.select(table.c.conversation, table.c.turn, sa.func.min(table.c.id).label("first"))
        .where(table.c.run == run, warned)
        .group_by(table.c.conversation, table.c.turn)
        .subquery()
    )
    query = (
        sa.select(conversation.c.conversation_id, places.c.turn, table.c.evidence)
        .join(places, places.c.conversation == conversation.c.id)
        .join(table, table.c.id == places.c.first)
        .order_by(places.c.conversation, places.c.turn)
        .limit(limit)
    )
    with reading(store.engine) as connection:
        count = int(connection.execute(sa.select(sa.func.count()).select_from(places)).scalar_one())
        rows = connection.execute(query).all() if count else []
    first = tuple(WarnedTurn(row.conversation_id, row.turn, row.evidence["warnings"][0]) for row in rows)
    return WarnedTurns(count, first)
