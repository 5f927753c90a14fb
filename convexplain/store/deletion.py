"""The deletion of a run, with everything that only this run uses."""

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from convexplain.errors import StoreError

from . import schema
from .database import reading, writing
from .run_records import is_alive
from .store import RunStore

_PAGE = 500  # conversations deleted in one statement


@dataclass(frozen=True, slots=True)
class DeletedRun:
    """Counts of what the deletion of a run deletes, and of what stays.

    Attributes:
        run: its number.
        judgements, attributions, contrasts: of the run; deleted.
        reviews: of its contrasts; deleted.
        themes: of the run; deleted.
        conversations: conversations that nothing else uses; deleted.
        conversations_kept: conversations that another run uses, that people have labelled, or that were imported.
        labels_kept: labels of people on conversations of the run; they stay.
    """

    run: int
    judgements: int
    attributions: int
    contrasts: int
    reviews: int
    conversations: int
    conversations_kept: int
    labels_kept: int
    themes: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return the counts as JSON values."""
        return asdict(self)


def run_contents(store: RunStore, run: int) -> DeletedRun:
    """Return the counts of what deleting a run would delete, and of what would stay."""
    with reading(store.engine) as connection:
        return _contents(connection, run)


def delete_run(store: RunStore, run: int) -> DeletedRun:
    """Delete a run, and return the counts of what was deleted and of what stays.

    Replies of models stay in the cache: the same analysis needs no calls.

    Raises:
        StoreError: a process works on the run.
    """
    runs, conversations, members = schema.runs, schema.conversations, schema.run_conversations
    with writing(store.engine) as connection:
        row = connection.execute(sa.select(runs).where(runs.c.id == run).with_for_update()).first()
        if row is not None and is_alive(row.owner, row.alive_at, row.status, include_self=True):
            raise StoreError(f"run {run} is being worked on by {row.owner}; stop that first")
        contents = _contents(connection, run)
        numbers = list(connection.scalars(_unused(sa.select(members.c.conversation), run)))
        connection.execute(sa.delete(runs).where(runs.c.id == run))
        for start in range(0, len(numbers), _PAGE):
            connection.execute(sa.delete(conversations).where(conversations.c.id.in_(numbers[start : start + _PAGE])))
    return contents


def discard_run(store: RunStore, run: int) -> None:
    """Delete a run into which no conversation was read.

    In a SQLite store the next run takes its number, if no run has begun since: nobody has seen a result of it. A
    PostgreSQL sequence cannot be set back safely while others draw from it, so there the number stays unused.

    Raises:
        StoreError: a process works on the run.
    """
    delete_run(store, run)
    if store.engine.dialect.name == "sqlite":
        with writing(store.engine) as connection:
            set_back = "UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = 'runs' AND seq = :run"
            connection.execute(sa.text(set_back), {"run": run})


def _contents(connection: sa.Connection, run: int) -> DeletedRun:
    members, contrasts, ratings = schema.run_conversations, schema.contrasts, schema.ratings

    def count(query: sa.Select[Any]) -> int:
        return int(connection.execute(query).scalar_one())

    def of_run(table: sa.Table) -> int:
        return count(sa.select(sa.func.count()).select_from(table).where(table.c.run == run))

    reviewed = schema.pair_reviews.join(contrasts, contrasts.c.id == schema.pair_reviews.c.contrast)
    labelled = ratings.join(members, members.c.conversation == ratings.c.conversation)
    unused = count(_unused(sa.select(sa.func.count()), run))
    return DeletedRun(
        run=run,
        judgements=of_run(schema.judgements),
        attributions=of_run(schema.attributions),
        contrasts=of_run(contrasts),
        reviews=count(sa.select(sa.func.count()).select_from(reviewed).where(contrasts.c.run == run)),
        conversations=unused,
        conversations_kept=of_run(members) - unused,
        labels_kept=count(sa.select(sa.func.count()).select_from(labelled).where(members.c.run == run)),
        themes=of_run(schema.themes),
    )


def _unused(query: sa.Select[Any], run: int) -> sa.Select[Any]:
    """Return the query over the conversations of a run that nothing else uses."""
    members, conversations, ratings = schema.run_conversations, schema.conversations, schema.ratings
    held = [  # by another run, as a member or by its judgements and explanations
        sa.exists().where(table.c.conversation == members.c.conversation, table.c.run != run)
        for table in (members.alias(), schema.judgements, schema.contrasts, schema.attributions)
    ]
    labelled = sa.exists().where(ratings.c.conversation == members.c.conversation)
    joined = members.join(conversations, conversations.c.id == members.c.conversation)
    return query.select_from(joined).where(members.c.run == run, ~conversations.c.imported, ~sa.or_(labelled, *held))
