"""The agreement of judges with people's labels, or with the reference set, on one maxim each."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from . import schema
from .database import insert_for, reading, writing
from .store import RunStore


def keep_judge_agreement(store: RunStore, judge: str, wording: str, source: str, body: Mapping[str, Any]) -> None:
    """Keep the agreement of a judge on a maxim, in place of an earlier one from the same source.

    Args:
        store: the store.
        judge: the text that identifies its scores.
        wording: the SHA-256 of all that it is asked by the maxim's rubric.
        source: `labels` of people, or the half of the reference set.
        body: the agreement as JSON values.
    """
    values = {"body": body, "created_at": datetime.now(UTC)}
    with writing(store.engine) as connection:
        connection.execute(
            insert_for(store.engine)(schema.judge_agreements)
            .values(judge=judge, wording=wording, source=source, **values)
            .on_conflict_do_update(index_elements=["judge", "wording", "source"], set_=values)
        )


def judge_agreement(store: RunStore, judge: str, wording: str, source: str) -> dict[str, Any] | None:
    """Return the agreement of a judge on a maxim, as JSON values; None where none is kept."""
    table = schema.judge_agreements
    query = sa.select(table.c.body).where(table.c.judge == judge, table.c.wording == wording, table.c.source == source)
    with reading(store.engine) as connection:
        body: dict[str, Any] | None = connection.execute(query).scalar()
    return body
