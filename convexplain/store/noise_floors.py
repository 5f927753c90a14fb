"""The judges' noise floors."""

from datetime import UTC, datetime

import sqlalchemy as sa

from convexplain.types import Rubric

from . import schema
from .database import insert_for, reading, writing
from .store import RunStore


def keep_noise_floor(
    store: RunStore, fingerprint: str, rubric: Rubric, floor: float, turns: int, n: int, samples: int | None = None
) -> None:
    """Keep a judge's noise floor on a rubric, in place of an earlier one.

    Args:
        store: the store.
        fingerprint: of the judge's model.
        rubric: the rubric.
        floor: in [0, 1].
        turns: the number of judged turns that it was measured on.
        n: the number of differences whose 95th percentile it is.
        samples: replies that were drawn for each judgement; None where label probabilities were read.
    """
    values = {"value": floor, "turns": turns, "n": n, "created_at": datetime.now(UTC)}
    with writing(store.engine) as connection:
        connection.execute(
            insert_for(store.engine)(schema.noise_floors)
            .values(model=_floor_key(fingerprint, samples), rubric=rubric.sha, **values)
            .on_conflict_do_update(index_elements=["model", "rubric"], set_=values)
        )


def noise_floor(store: RunStore, fingerprint: str, rubric: Rubric, samples: int | None = None) -> float | None:
    """Return the judge's noise floor on a rubric, in [0, 1]; None where it was not measured with these samples."""
    table = schema.noise_floors
    query = sa.select(table.c.value).where(
        table.c.model == _floor_key(fingerprint, samples), table.c.rubric == rubric.sha
    )
    with reading(store.engine) as connection:
        floor = connection.execute(query).scalar()
    return None if floor is None else float(floor)


def _floor_key(fingerprint: str, samples: int | None) -> str:
    """Return the key of a noise floor: sampled replies vary more than label probabilities of the same model."""
    return f"{fingerprint} samples={samples}" if samples else fingerprint
