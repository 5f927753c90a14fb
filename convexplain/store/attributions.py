"""Attributions of a run's turns, all levels of one turn together."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from convexplain.types import Attribution, Conversation, Unit

from . import schema
from .database import inserting, reading, writing
from .scored import PLACE, ScoredTurn, kept, place_of
from .store import RunStore, to_conversation


def keep_attributions(store: RunStore, run: int, turn: ScoredTurn, settings: str, found: Sequence[Attribution]) -> None:
    """Keeps a turn's attributions, in place of earlier ones of the same run, turn, rubric and settings.

    Args:
        store: the store.
        run: the run's number.
        turn: the turn that is explained.
        settings: SHA-256 of everything that decides the result.
        found: one attribution a level; at least one.
    """
    values = {
        "question": found[0].question,
        "method": found[0].method,
        "body": [attribution_body(one) for one in found],
    }
    with writing(store.engine) as connection:
        connection.execute(
            inserting(store.engine)(schema.attributions)
            .values(**place_of(run, turn, settings), **values)
            .on_conflict_do_update(index_elements=list(PLACE), set_=values)
        )


def known_attributions(store: RunStore, run: int, turn: ScoredTurn, settings: str) -> list[Attribution] | None:
    """The attributions that are kept for this turn and these settings, one a level."""
    table = schema.attributions
    query = sa.select(table.c.body).filter_by(**place_of(run, turn, settings))
    with reading(store.engine) as connection:
        body = connection.execute(query).scalar()
    return None if body is None else [_to_attribution(one) for one in body]


def attributions(store: RunStore, run: int) -> Iterator[tuple[int, Conversation, list[Attribution]]]:
    """All attributions of a run with the conversation and its number, in the order in which they were first kept."""
    for row in kept(store, schema.attributions, run):
        yield row.number, to_conversation(row.talk), [_to_attribution(one) for one in row.body]


def newest_attributions(store: RunStore, run: int, turn: ScoredTurn) -> list[Attribution]:
    """What the judge's score of this turn hangs on, by the settings that were used first most lately; else nothing."""
    table = schema.attributions
    query = (
        sa.select(table.c.body)
        .where(
            table.c.run == run,
            table.c.conversation == turn.number,
            table.c.turn == turn.turn,
            table.c.rubric == turn.rubric.sha,
        )
        .order_by(table.c.id.desc())
    )
    with reading(store.engine) as connection:
        bodies = connection.execute(query).scalars().all()
    kept = ([_to_attribution(one) for one in body] for body in bodies)
    return next((found for found in kept if found[0].of_score), [])


def attribution_body(found: Attribution) -> dict[str, Any]:
    """An attribution as JSON values, with all its fields."""
    return asdict(found)


def _to_attribution(body: dict[str, Any]) -> Attribution:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
    values["units"] = tuple(Unit(**unit) for unit in body["units"])
    return Attribution(**values)
