"""The judges' calibrations."""

from datetime import UTC, datetime

import sqlalchemy as sa

from convexplain.agreement.calibration import Calibration, calibration_from_body
from convexplain.types import Rubric

from . import schema
from .database import insert_for, reading, writing
from .store import RunStore


def keep_calibration(store: RunStore, judge: str, rubric: Rubric, calibration: Calibration) -> None:
    """Keep a judge's calibration on a rubric, in place of an earlier one. Stored scores do not change.

    Args:
        store: the store.
        judge: the text that identifies its scores, from `scoring_fingerprint`.
        rubric: the rubric, in the wording that was judged by.
        calibration: the calibration.
    """
    table = schema.calibrations
    values = {"body": calibration.body(), "created_at": datetime.now(UTC)}
    with writing(store.engine) as connection:
        connection.execute(
            insert_for(store.engine)(table)
            .values(model=judge, rubric=rubric.sha, **values)
            .on_conflict_do_update(index_elements=["model", "rubric"], set_=values)
        )


def calibration(store: RunStore, judge: str, rubric: Rubric) -> Calibration | None:
    """Return the judge's calibration on a rubric; None where there is none."""
    table = schema.calibrations
    query = sa.select(table.c.body).where(table.c.model == judge, table.c.rubric == rubric.sha)
    with reading(store.engine) as connection:
        body = connection.execute(query).scalar()
    return None if body is None else calibration_from_body(body)


def calibrations(store: RunStore) -> list[tuple[int, Calibration]]:
    """Return all calibrations with their numbers, the oldest first."""
    table = schema.calibrations
    with reading(store.engine) as connection:
        rows = connection.execute(sa.select(table.c.id, table.c.body).order_by(table.c.id)).all()
    return [(row.id, calibration_from_body(row.body)) for row in rows]


def remove_calibration(store: RunStore, number: int) -> bool:
    """Remove a calibration, and return True if there was one."""
    with writing(store.engine) as connection:
        deletion = connection.execute(sa.delete(schema.calibrations).where(schema.calibrations.c.id == number))
    return bool(deletion.rowcount)
