"""Contrasts of a run, the scored turns that they start from, and the judges' noise floors."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from convexplain.types import Contrast, Conversation, Edit, Example, Label, Rubric, Unit

from . import schema
from .database import inserting, reading, writing
from .store import RunStore, to_conversation, to_turn, turn_body

_PLACE = ("run", "conversation", "turn", "rubric", "settings")


@dataclass(frozen=True, slots=True)
class ScoredTurn:
    """A turn that a run has judged.

    Attributes:
        number: the conversation's number in the store.
        conversation, turn, rubric: the judged turn.
        score: in [0, 1], 1 = the requirement is satisfied; None = unscored.
    """

    number: int
    conversation: Conversation
    turn: int
    rubric: Rubric
    score: float | None


# ---- turns to explain


def run_rubrics(store: RunStore, run: int) -> list[Rubric]:
    """The rubrics that the run has judged by, as they were then, in the order in which they came."""
    table, rubric = schema.judgements, schema.rubrics
    query = (
        sa.select(rubric.c.sha, rubric.c.body)
        .join(table, table.c.rubric == rubric.c.sha)
        .where(table.c.run == run)
        .group_by(rubric.c.sha, rubric.c.body)
        .order_by(sa.func.min(table.c.id))
    )
    with reading(store.engine) as connection:
        return [_to_rubric(row.body) for row in connection.execute(query)]


def scored_turns(
    store: RunStore,
    run: int,
    rubric: Rubric,
    *,
    below: float | None = None,
    place: tuple[str, int] | None = None,
    limit: int | None = None,
) -> list[ScoredTurn]:
    """Turns that the run has judged on a rubric, the lowest score first.

    Args:
        store: the store.
        run: the run's number.
        rubric: one that the run has judged by.
        below: only turns with a lower score.
        place: only this turn, (conversation's id, index), of each conversation with that id, scored or not.
        limit: so many turns at most.
    """
    table, conversation = schema.judgements, schema.conversations
    query = (
        sa.select(table.c.conversation, table.c.turn, table.c.score, conversation.c.body)
        .join(conversation, conversation.c.id == table.c.conversation)
        .where(table.c.run == run, table.c.rubric == rubric.sha)
        .order_by(table.c.score, table.c.id)
        .limit(limit)
    )
    if place is not None:
        query = query.where(conversation.c.conversation_id == place[0], table.c.turn == place[1])
    else:
        query = query.where(table.c.score.is_not(None))
    if below is not None:
        query = query.where(table.c.score < below)
    with reading(store.engine) as connection:
        rows = connection.execute(query).all()
    return [ScoredTurn(row.conversation, to_conversation(row.body), row.turn, rubric, row.score) for row in rows]


# ---- contrasts


def keep_contrast(store: RunStore, run: int, turn: ScoredTurn, settings: str, contrast: Contrast) -> None:
    """Keeps a contrast, in place of an earlier one of the same run, turn, rubric and settings.

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
    }
    with writing(store.engine) as connection:
        connection.execute(
            inserting(store.engine)(schema.contrasts)
            .values(**_place(run, turn, settings), **values)
            .on_conflict_do_update(index_elements=list(_PLACE), set_=values)
        )


def known_contrast(store: RunStore, run: int, turn: ScoredTurn, settings: str) -> Contrast | None:
    """The contrast that is kept for this turn and these settings."""
    table = schema.contrasts
    query = sa.select(table.c.body).filter_by(**_place(run, turn, settings))
    with reading(store.engine) as connection:
        body = connection.execute(query).scalar()
    return None if body is None else _to_contrast(body)


def contrasts(store: RunStore, run: int) -> Iterator[tuple[Conversation, Contrast]]:
    """All contrasts of a run with their conversations, in the order in which they were first kept."""
    table, conversation, last = schema.contrasts, schema.conversations, 0
    query = (
        sa.select(table.c.id, table.c.body, conversation.c.body.label("conversation"))
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
        yield to_conversation(row.conversation), _to_contrast(row.body)
        last = row.id


def contrast_body(contrast: Contrast) -> dict[str, Any]:
    """A contrast as JSON values, with all its fields."""
    body = {field.name: getattr(contrast, field.name) for field in fields(contrast)}
    edits = [asdict(edit) for edit in contrast.edits]
    return {**body, "edits": edits, "turns": [turn_body(turn) for turn in contrast.turns]}


def _to_contrast(body: dict[str, Any]) -> Contrast:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
    values["edits"] = tuple(Edit(Unit(**edit["unit"]), edit["before"], edit["after"]) for edit in body["edits"])
    values["turns"] = tuple(map(to_turn, body["turns"]))
    values["trace"] = tuple((edits, score) for edits, score in body["trace"])
    return Contrast(**values)


def _place(run: int, turn: ScoredTurn, settings: str) -> dict[str, Any]:
    return dict(zip(_PLACE, (run, turn.number, turn.turn, turn.rubric.sha, settings), strict=True))


def _to_rubric(body: dict[str, Any]) -> Rubric:
    examples = tuple(Example(example["label"], tuple(map(to_turn, example["turns"]))) for example in body["examples"])
    labels = tuple(Label(**label) for label in body["labels"])
    return Rubric(**{**body, "labels": labels, "examples": examples, "notes": tuple(body["notes"])})


# ---- noise floors


def keep_noise_floor(
    store: RunStore, fingerprint: str, rubric: Rubric, value: float, turns: int, n: int, samples: int | None = None
) -> None:
    """Keeps a judge's noise floor on a rubric, in place of an earlier one.

    Args:
        store: the store.
        fingerprint: the judge's model's.
        rubric: the rubric.
        value: in [0, 1].
        turns: judged turns that it was measured on.
        n: differences that it is the 95th percentile of.
        samples: replies that were drawn for each judgement; None where label probabilities were read.
    """
    values = {"value": value, "turns": turns, "n": n, "created_at": datetime.now(UTC)}
    with writing(store.engine) as connection:
        connection.execute(
            inserting(store.engine)(schema.noise_floors)
            .values(model=_measured_by(fingerprint, samples), rubric=rubric.sha, **values)
            .on_conflict_do_update(index_elements=["model", "rubric"], set_=values)
        )


def noise_floor(store: RunStore, fingerprint: str, rubric: Rubric, samples: int | None = None) -> float | None:
    """The judge's noise floor on a rubric, in [0, 1]; None where it was never measured in that way."""
    table = schema.noise_floors
    query = sa.select(table.c.value).where(
        table.c.model == _measured_by(fingerprint, samples), table.c.rubric == rubric.sha
    )
    with reading(store.engine) as connection:
        value = connection.execute(query).scalar()
    return None if value is None else float(value)


def _measured_by(fingerprint: str, samples: int | None) -> str:
    """What a noise floor belongs to: the same model moves otherwise when its replies are sampled."""
    return f"{fingerprint} samples={samples}" if samples else fingerprint
