"""Numbers of a run's turns that people have labelled good and bad."""

import sqlalchemy as sa

from convexplain.types import Rubric

from . import schema
from .database import reading
from .store import RunStore


def label_counts(store: RunStore, run: int, rubric: Rubric) -> tuple[int, int]:
    """Return how many scored turns of a run people have called good, and how many bad, on a maxim.

    Args:
        store: the store.
        run: the run's number.
        rubric: the maxim; turns whose ratings have a mean below its threshold are bad.
    """
    judged, table = schema.judgements, schema.ratings
    people = (
        sa.select(table.c.conversation, table.c.turn, sa.func.avg(table.c.score).label("human"))
        .where(table.c.rubric == rubric.id)
        .group_by(table.c.conversation, table.c.turn)
        .subquery()
    )
    # Each labelled turn looks its judgement up: few turns have labels, and a join would read the whole run.
    scored = (
        sa.select(judged.c.id)
        .where(judged.c.run == run, judged.c.rubric == rubric.sha, judged.c.score.is_not(None))
        .where(judged.c.conversation == people.c.conversation, judged.c.turn == people.c.turn)
        .exists()
    )
    bad = sa.func.coalesce(sa.func.sum(sa.case((people.c.human < rubric.threshold, 1), else_=0)), 0)
    query = sa.select(sa.func.count(), bad).select_from(people).where(scored)
    with reading(store.engine) as connection:
        n, n_bad = connection.execute(query).one()
    return n - int(n_bad), int(n_bad)
