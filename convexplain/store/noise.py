"""The judges' noise floors."""

from datetime import UTC, datetime

import sqlalchemy as sa

from convexplain.types import Rubric

from . import schema
from .database import inserting, reading, writing
from .store import RunStore


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
