"""Attributions of a run's turns, all levels of one turn together."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from convexplain.types import Attribution, Conversation, Interaction, Unit

from . import schema
from .database import insert_for, reading, writing
from .scored_turns import EXPLANATION_KEY, ScoredTurn, explanation_key, explanation_rows
from .serialization import to_conversation
from .store import RunStore


def keep_attributions(
    store: RunStore, run: int, turn: ScoredTurn, settings: str, levels: Sequence[Attribution]
) -> None:
    """Keep a turn's attributions, in place of earlier ones of the same run, turn, rubric and settings.

    Args:
        store: the store.
        run: the run's number.
        turn: the turn that is explained.
        settings: SHA-256 of everything that decides the result.
        levels: one attribution a level; at least one.
    """
    values = {
        "question": levels[0].question,
        "method": levels[0].method,
        "body": [attribution_body(attribution) for attribution in levels],
    }
    with writing(store.engine) as connection:
        connection.execute(
            insert_for(store.engine)(schema.attributions)
            .values(**explanation_key(run, turn, settings), **values)
            .on_conflict_do_update(index_elements=list(EXPLANATION_KEY), set_=values)
        )


def stored_attributions(store: RunStore, run: int, turn: ScoredTurn, settings: str) -> list[Attribution] | None:
    """Return the stored attributions of this turn and these settings, one a level; None if there are none."""
    table = schema.attributions
    query = sa.select(table.c.body).filter_by(**explanation_key(run, turn, settings))
    with reading(store.engine) as connection:
        body = connection.execute(query).scalar()
    return None if body is None else [_to_attribution(level) for level in body]


def attributions(store: RunStore, run: int) -> Iterator[tuple[int, Conversation, list[Attribution]]]:
    """Yield all attributions of a run with the number and text of the conversation, in the order of storing."""
    for row in explanation_rows(store, schema.attributions, run):
        yield row.number, to_conversation(row.conversation_body), [_to_attribution(level) for level in row.body]


def newest_attributions(store: RunStore, run: int, turn: ScoredTurn) -> list[Attribution]:
    """Return the newest attributions of the judge's score of this turn, one a level; empty if there are none.

    Those of a span of the reply (a target) are none of the turn.
    """
    return next((levels for levels in _newest_first(store, run, turn) if levels[0].of_reply_score), [])


def target_attributions(store: RunStore, run: int, turn: ScoredTurn) -> list[list[Attribution]]:
    """Return the newest attributions of each span of the reply (target) that was explained, the newest first."""
    newest: dict[tuple[str, bool], list[Attribution]] = {}
    for levels in _newest_first(store, run, turn):
        if levels[0].target:
            newest.setdefault((levels[0].target, levels[0].of_score), levels)
    return list(newest.values())


def _newest_first(store: RunStore, run: int, turn: ScoredTurn) -> Iterator[list[Attribution]]:
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
    return ([_to_attribution(level) for level in body] for body in bodies)


def attribution_body(attribution: Attribution) -> dict[str, Any]:
    """Return an attribution as JSON values, with all its fields."""
    return asdict(attribution)


def _to_attribution(body: dict[str, Any]) -> Attribution:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
    values["units"] = tuple(Unit(**unit) for unit in body["units"])
    values["interactions"] = tuple(
        Interaction(tuple(pair["units"]), pair["value"], tuple(fitted) if (fitted := pair.get("fitted")) else None)
        for pair in body.get("interactions", ())
    )
    return Attribution(**values)
