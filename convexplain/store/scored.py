"""The scored turns of a run, which explanations start from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from convexplain.types import Conversation, Example, Label, Rubric

from . import schema
from .database import reading
from .store import RunStore, to_conversation, to_turn

_PAGE = 100  # turns that are read at once
PLACE = ("run", "conversation", "turn", "rubric", "settings")


@dataclass(frozen=True, slots=True)
class ScoredTurn:
    """A turn that a run has judged.

    Attributes:
        number: the conversation's number in the store.
        conversation, turn, rubric: the judged turn.
        score: in [0, 1], 1 = the requirement is satisfied; None = unscored.
        model: the judge's model that the score is from; empty where it is not known.
    """

    number: int
    conversation: Conversation
    turn: int
    rubric: Rubric
    score: float | None
    model: str = ""


def run_rubrics(store: RunStore, run: int) -> list[Rubric]:
    """The rubrics that the run has judged by, as they were then, in the order in which they came."""
    table, rubric = schema.judgements, schema.rubrics
    used = (  # first, out of an index: bodies are long
        sa.select(table.c.rubric, sa.func.min(table.c.id).label("first"))
        .where(table.c.run == run)
        .group_by(table.c.rubric)
        .subquery()
    )
    query = sa.select(rubric.c.body).join(used, used.c.rubric == rubric.c.sha).order_by(used.c.first)
    with reading(store.engine) as connection:
        return [_to_rubric(row.body) for row in connection.execute(query)]


def scored_places(
    store: RunStore,
    run: int,
    rubric: Rubric,
    *,
    below: float | None = None,
    place: tuple[str, int] | None = None,
) -> list[int]:
    """Where the turns are that the run has judged on a rubric, for `scored_turns`; the lowest score first.

    Args:
        store: the store.
        run: the run's number.
        rubric: one that the run has judged by.
        below: only turns with a lower score.
        place: only this turn, (conversation's id, index), of each conversation with that id, scored or not.
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


def scored_turns(store: RunStore, rubric: Rubric, places: Sequence[int]) -> Iterator[ScoredTurn]:
    """The turns at these places, in their order; read as they are wanted, for conversations are long."""
    table, conversation = schema.judgements, schema.conversations
    query = sa.select(
        table.c.id, table.c.conversation, table.c.turn, table.c.score, table.c.model, conversation.c.body
    ).join(conversation, conversation.c.id == table.c.conversation)
    for start in range(0, len(places), _PAGE):
        page = places[start : start + _PAGE]
        with reading(store.engine) as connection:
            rows = {row.id: row for row in connection.execute(query.where(table.c.id.in_(page)))}
        for row in (rows[place] for place in page if place in rows):
            talk = to_conversation(row.body)
            yield ScoredTurn(row.conversation, talk, row.turn, rubric, row.score, row.model)


def kept(store: RunStore, table: sa.Table, run: int) -> Iterator[Any]:
    """The rows of a run: `body`, the `talk` and its `number`, in the order in which they were first kept."""
    conversation, last = schema.conversations, 0
    query = (
        sa.select(table.c.id, table.c.conversation.label("number"), table.c.body, conversation.c.body.label("talk"))
        .join(conversation, conversation.c.id == table.c.conversation)
        .where(table.c.run == run)
        .order_by(table.c.id)
        .limit(1)
    )
    while True:  # one at a time, with no cursor held open between them
        with reading(store.engine) as connection:
            row = connection.execute(query.where(table.c.id > last)).first()
        if row is None:
            return
        yield row
        last = row.id


def place_of(run: int, turn: ScoredTurn, settings: str) -> dict[str, Any]:
    """The columns that say which explanation of which turn a row is."""
    return dict(zip(PLACE, (run, turn.number, turn.turn, turn.rubric.sha, settings), strict=True))


def _to_rubric(body: dict[str, Any]) -> Rubric:
    examples = tuple(Example(example["label"], tuple(map(to_turn, example["turns"]))) for example in body["examples"])
    labels = tuple(Label(**label) for label in body["labels"])
    return Rubric(**{**body, "labels": labels, "examples": examples, "notes": tuple(body["notes"])})
