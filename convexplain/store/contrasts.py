"""Contrasts of a run."""

from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa

from convexplain.types import Contrast, Conversation, Edit, ParetoPoint, Unit

from . import schema
from .database import insert_for, reading, writing
from .scored_turns import EXPLANATION_KEY, ScoredTurn, explanation_key, explanation_rows
from .serialization import to_conversation, to_turn, turn_body
from .store import RunStore


def keep_contrast(store: RunStore, run: int, turn: ScoredTurn, settings: str, contrast: Contrast) -> int:
    """Keep a contrast, in place of an earlier one of the same run, turn, rubric and settings; return its number.

    Args:
        store: the store.
        run: the run's number.
        turn: the turn that is explained.
        settings: SHA-256 of everything that decides the result.
        contrast: the contrast.
    """
    values = {
        "question": contrast.question,
        "goal": contrast.goal,
        "found": contrast.found,
        "score_before": contrast.score_before,
        "score_after": contrast.score_after,
        "body": contrast_body(contrast),
        "edit_distance": contrast.edit_distance,
    }
    with writing(store.engine) as connection:
        statement = (
            insert_for(store.engine)(schema.contrasts)
            .values(**explanation_key(run, turn, settings), **values)
            .on_conflict_do_update(index_elements=list(EXPLANATION_KEY), set_=values)
            .returning(schema.contrasts.c.id)
        )
        return int(connection.execute(statement).scalar_one())


def stored_contrast(store: RunStore, run: int, turn: ScoredTurn, settings: str) -> Contrast | None:
    """Return the stored contrast of this turn and these settings; None if there is none."""
    table = schema.contrasts
    query = sa.select(table.c.body).filter_by(**explanation_key(run, turn, settings))
    with reading(store.engine) as connection:
        body = connection.execute(query).scalar()
    return None if body is None else to_contrast(body)


def contrasts(store: RunStore, run: int) -> Iterator[tuple[Conversation, Contrast]]:
    """Yield all contrasts of a run with their conversations, in the order of first storing."""
    for row in explanation_rows(store, schema.contrasts, run):
        yield to_conversation(row.conversation_body), to_contrast(row.body)


def numbered_contrasts(store: RunStore, run: int) -> Iterator[tuple[int, Conversation, Contrast]]:
    """Yield all contrasts of a run with their numbers in the store and their conversations, in the same order."""
    for row in explanation_rows(store, schema.contrasts, run):
        yield row.id, to_conversation(row.conversation_body), to_contrast(row.body)


def turn_contrasts(store: RunStore, run: int, turn: ScoredTurn) -> list[Contrast]:
    """Return the contrasts of one turn: successful searches first, of these the newest first."""
    table = schema.contrasts
    query = (
        sa.select(table.c.body)
        .where(
            table.c.run == run,
            table.c.conversation == turn.number,
            table.c.turn == turn.turn,
            table.c.rubric == turn.rubric.sha,
        )
        .order_by(table.c.found.desc(), table.c.id.desc())
    )
    with reading(store.engine) as connection:
        return [to_contrast(body) for body in connection.execute(query).scalars()]


def contrast_body(contrast: Contrast) -> dict[str, Any]:
    """Return a contrast as JSON values, with all its fields."""
    body = {field.name: getattr(contrast, field.name) for field in fields(contrast)}
    edits = [asdict(edit) for edit in contrast.edits]
    turns = [turn_body(turn) for turn in contrast.turns]
    return {**body, "edits": edits, "turns": turns, "pareto": [asdict(point) for point in contrast.pareto]}


def to_contrast(body: dict[str, Any]) -> Contrast:
    """Return the contrast of a body that `contrast_body` returned."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
    values["edits"] = tuple(Edit(Unit(**edit["unit"]), edit["before"], edit["after"]) for edit in body["edits"])
    values["turns"] = tuple(map(to_turn, body["turns"]))
    values["trace"] = tuple((edits, score) for edits, score in body["trace"])
    values["kept_scores"] = {rubric: (before, after) for rubric, (before, after) in body.get("kept_scores", {}).items()}
    values["pareto"] = tuple(
        ParetoPoint(**{**point, "texts": tuple((turn, text) for turn, text in point["texts"])})
        for point in body.get("pareto", ())
    )
    return Contrast(**values)
