"""The scored turns of a run, from which explanations start."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from convexplain.types import Conversation, QuoteCheck, Rubric

from . import schema
from .database import reading
from .serialization import to_conversation, to_rubric
from .store import RunStore

_PAGE = 100  # turns read in one query
EXPLANATION_KEY = ("run", "conversation", "turn", "rubric", "settings")


@dataclass(frozen=True, slots=True)
class ScoredTurn:
    """A turn that a run has judged.

    Attributes:
        number: the conversation's number in the store.
        conversation, turn, rubric: the judged turn.
        score: in [0, 1], 1 = the requirement is satisfied; None = unscored.
        model: the judge's model that gave the score; empty if it is unknown.
        reason: the judge's reason in words, if it was asked for; of an unscored turn, why it has no score.
        reason_quotes: whether the words that the reason quotes are in the conversation, as in `Evidence`.
        label: the judge's label; None if it is unscored or unknown.
        warnings: why people should read the turn themselves, as in `Evidence`.
    """

    number: int
    conversation: Conversation
    turn: int
    rubric: Rubric
    score: float | None
    model: str = ""
    reason: str | None = None
    reason_quotes: QuoteCheck | None = None
    label: str | None = None
    warnings: tuple[str, ...] = ()


def run_rubrics(store: RunStore, run: int) -> list[Rubric]:
    """Return the rubrics that the run has judged by, in their wording then, in the order in which they judged its first
    conversation.
    """
    table, rubric, members = schema.judgements, schema.rubrics, schema.run_conversations
    # Each rubric looks into the run: to group the run's judgements by rubric would read all of them.
    of_rubric = sa.select(table.c.id).where(table.c.run == run, table.c.rubric == rubric.c.sha)
    opening = sa.select(sa.func.min(members.c.conversation)).where(members.c.run == run).scalar_subquery()
    first = of_rubric.where(table.c.conversation == opening).order_by(table.c.id).limit(1).scalar_subquery()
    query = sa.select(rubric.c.body).where(of_rubric.exists()).order_by(first.nulls_last(), rubric.c.title)
    with reading(store.engine) as connection:
        return [to_rubric(row.body) for row in connection.execute(query)]


def unscored_conversations(store: RunStore, run: int) -> set[int]:
    """Return the numbers of the conversations in which a judgement of the run has no score."""
    table = schema.judgements
    query = sa.select(table.c.conversation).where(table.c.run == run, table.c.score.is_(None)).distinct()
    with reading(store.engine) as connection:
        return set(connection.scalars(query))


def scored_places(
    store: RunStore,
    run: int,
    rubric: Rubric,
    *,
    below: float | None = None,
    place: tuple[str, int] | None = None,
) -> list[int]:
    """Return the places of the turns that the run has judged on a rubric, for `scored_turns`; lowest score first.

    Args:
        store: the store.
        run: the run's number.
        rubric: one that the run has judged by.
        below: only turns with a lower score.
        place: only this turn (conversation's id, index) of each conversation with that id, scored or not.
    """
    table, conversation = schema.judgements, schema.conversations
    query = (
        sa.select(table.c.id)
        .where(table.c.run == run, table.c.rubric == rubric.sha)
        .order_by(table.c.score, table.c.id)
    )
    if place is not None:
        query = query.join(conversation, conversation.c.id == table.c.conversation)
        query = query.where(conversation.c.conversation_id == place[0], table.c.turn == place[1])
    else:
        query = query.where(table.c.score.is_not(None))
    if below is not None:
        query = query.where(table.c.score < below)
    with reading(store.engine) as connection:
        return list(connection.scalars(query))


def judged_places(store: RunStore, run: int, rubric: Rubric, turns: Sequence[tuple[int, int]]) -> list[int]:
    """Return the places of these turns in a run, for `scored_turns`, in their order, without those it has not judged.

    Args:
        store: the store.
        run: the run's number.
        rubric: one that the run has judged by.
        turns: the numbers of conversations in the store, and the indices of turns.
    """
    table = schema.judgements
    query = sa.select(table.c.id, table.c.conversation, table.c.turn).where(
        table.c.run == run, table.c.rubric == rubric.sha, table.c.conversation.in_({number for number, _ in turns})
    )
    with reading(store.engine) as connection:
        places = {(row.conversation, row.turn): row.id for row in connection.execute(query)}
    return [places[turn] for turn in turns if turn in places]


def judged_indices(store: RunStore, run: int, conversation_id: str, rubrics: Sequence[Rubric]) -> list[int]:
    """Return the indices of the turns that the run has judged, of conversations with this id, on any of the rubrics."""
    table, conversation = schema.judgements, schema.conversations
    query = (
        sa.select(table.c.turn)
        .join(conversation, conversation.c.id == table.c.conversation)
        .where(table.c.run == run, table.c.rubric.in_([rubric.sha for rubric in rubrics]))
        .where(conversation.c.conversation_id == conversation_id)
        .distinct()
        .order_by(table.c.turn)
    )
    with reading(store.engine) as connection:
        return list(connection.scalars(query))


def scored_turns(store: RunStore, rubric: Rubric, places: Sequence[int]) -> Iterator[ScoredTurn]:
    """Yield the turns at these places, in this order, a page in memory at a time: conversations are long."""
    table, conversation = schema.judgements, schema.conversations
    query = sa.select(
        table.c.id,
        table.c.conversation,
        table.c.turn,
        table.c.score,
        table.c.model,
        table.c.reason,
        table.c.evidence,
        table.c.label,
        conversation.c.body,
    ).join(conversation, conversation.c.id == table.c.conversation)
    for start in range(0, len(places), _PAGE):
        page = places[start : start + _PAGE]
        with reading(store.engine) as connection:
            rows = {row.id: row for row in connection.execute(query.where(table.c.id.in_(page)))}
        for row in (rows[place] for place in page if place in rows):
            talk = to_conversation(row.body)
            yield ScoredTurn(
                row.conversation,
                talk,
                row.turn,
                rubric,
                row.score,
                row.model,
                row.reason,
                row.evidence.get("reason_quotes"),
                row.label,
                tuple(row.evidence.get("warnings", ())),
            )


def explanation_rows(store: RunStore, table: sa.Table, run: int) -> Iterator[Any]:
    """Yield a run's rows of contrasts or attributions, in the order of first storing.

    Each row has its `id` and `body`, and the `number` and `conversation_body` of the conversation.
    """
    conversation, last = schema.conversations, 0
    query = (
        sa.select(
            table.c.id,
            table.c.conversation.label("number"),
            table.c.body,
            conversation.c.body.label("conversation_body"),
        )
        .join(conversation, conversation.c.id == table.c.conversation)
        .where(table.c.run == run)
        .order_by(table.c.id)
        .limit(1)
    )
    while True:  # one at a time, without an open cursor in between
        with reading(store.engine) as connection:
            row = connection.execute(query.where(table.c.id > last)).first()
        if row is None:
            return
        yield row
        last = row.id


def explanation_key(run: int, turn: ScoredTurn, settings: str) -> dict[str, Any]:
    """Return the columns that identify an explanation: one row for each turn, rubric and settings of a run."""
    return dict(zip(EXPLANATION_KEY, (run, turn.number, turn.turn, turn.rubric.sha, settings), strict=True))
