"""All scores of a run, and the sources, bots and dates of its conversations: what themes are counted against."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from . import schema
from .database import reading
from .store import RunStore


@dataclass(frozen=True, slots=True)
class TurnScore:
    """A score of a turn.

    Attributes:
        place: the judgement's number, for `scored_turns`.
        number, turn: the conversation's number in the store, and the turn's index.
        rubric: the maxim's id.
        score: in [0, 1], 1 = satisfied.
        threshold: the maxim's.
    """

    place: int
    number: int
    turn: int
    rubric: str
    score: float
    threshold: float

    @property
    def margin(self) -> float:
        """Return by how much the score is above its threshold; negative below it."""
        return self.score - self.threshold


@dataclass(frozen=True, slots=True)
class ConversationGroup:
    """The groups that a conversation belongs to: its source, its bot ("" = not named), and when it began."""

    source: str
    bot: str
    began_at: datetime | None


def turn_scores(
    store: RunStore, run: int, rubrics: Sequence[str], conversations: Collection[int] | None = None
) -> list[TurnScore]:
    """Return the scores of a run, the lowest first; turns without a score are left out.

    Args:
        store: the store.
        run: the run's number.
        rubrics: ids of the maxims.
        conversations: only the turns of these, by their numbers in the store; None takes all.
    """
    table, rubric = schema.judgements, schema.rubrics
    query = (
        sa.select(table.c.id, table.c.conversation, table.c.turn, rubric.c.rubric, table.c.score, rubric.c.threshold)
        .join(rubric)
        .where(table.c.run == run, table.c.score.is_not(None), rubric.c.rubric.in_(list(rubrics)))
        .order_by(table.c.score, table.c.id)
    )
    if conversations is not None:
        query = query.where(table.c.conversation.in_(list(conversations)))
    with reading(store.engine) as connection:
        return [TurnScore(*row) for row in connection.execute(query)]


def conversation_groups(store: RunStore, run: int) -> dict[int, ConversationGroup]:
    """Return the groups of each conversation of a run, by its number in the store."""
    members, facets = schema.run_conversations, schema.facets
    query = (
        sa.select(facets.c.conversation, facets.c.source, facets.c.bot, facets.c.began_at)
        .join(members, members.c.conversation == facets.c.conversation)
        .where(members.c.run == run)
    )
    with reading(store.engine) as connection:
        return {
            row.conversation: ConversationGroup(row.source, row.bot or "", row.began_at)
            for row in connection.execute(query)
        }
