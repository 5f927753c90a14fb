"""Work that a page has started, so that any page finds it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa

from convexplain.errors import StoreError

from . import schema
from .database import reading, writing
from .store import RunStore

Kind = Literal["analyze", "explain", "export"]


@dataclass(frozen=True, slots=True)
class Job:
    """A command that was started in a process of its own.

    Attributes:
        id: its number in the store.
        kind: the command.
        arguments: what follows `convexplain` on the command line.
        folder: where it runs and what it says is kept.
        planned: how many judgements it was to make, if that was counted.
        run: the run that it works on; None until that is known.
        created_at: when it was first started.
        started_at: when it was last started.
        host, process: where that was; process is None where it could not be started.
    """

    id: int
    kind: Kind
    arguments: tuple[str, ...]
    folder: str
    planned: int | None
    run: int | None
    created_at: datetime
    started_at: datetime
    host: str
    process: int | None


def add_job(
    store: RunStore, kind: Kind, arguments: Sequence[str], folder: str, run: int | None, planned: int | None, host: str
) -> int:
    """Keeps a job that is about to be started, and returns its number."""
    now = datetime.now(UTC)
    values = {"kind": kind, "arguments": list(arguments), "folder": folder, "run": run, "planned": planned}
    with writing(store.engine) as connection:
        insert = sa.insert(schema.jobs).values(**values, host=host, created_at=now, started_at=now)
        return int(connection.execute(insert.returning(schema.jobs.c.id)).scalar_one())


def job_started(store: RunStore, job: int, host: str, process: int | None, at: datetime) -> None:
    """Keeps where and when a job was started."""
    table = schema.jobs
    with writing(store.engine) as connection:
        values = {"host": host, "process": process, "started_at": at}
        connection.execute(sa.update(table).where(table.c.id == job).values(**values))


def find_job(store: RunStore, job: int) -> Job:
    """The job of that number. Raises StoreError when there is none."""
    with reading(store.engine) as connection:
        row = connection.execute(sa.select(schema.jobs).where(schema.jobs.c.id == job)).first()
    if row is None:
        raise StoreError(f"{store.place}: there is no job {job}")
    return _to_job(row)


def newest_jobs(store: RunStore, limit: int = 50) -> list[Job]:
    """The jobs, newest first."""
    table = schema.jobs
    with reading(store.engine) as connection:
        rows = connection.execute(sa.select(table).order_by(table.c.id.desc()).limit(limit)).all()
    return [_to_job(row) for row in rows]


def job_run(store: RunStore, job: Job) -> int | None:
    """The run that a job works on, kept with it once it is known: the one whose owner its process is."""
    table, runs = schema.jobs, schema.runs
    if job.process is None or job.kind != "analyze":
        return job.run
    owner = f"{job.host}:{job.process}"
    query = (
        sa.select(runs.c.id)
        .where(runs.c.owner == owner, runs.c.alive_at >= job.started_at)
        .order_by(runs.c.id.desc())
        .limit(1)
    )
    with reading(store.engine) as connection:
        found = connection.execute(query).scalar()
    if found is None or found == job.run:
        return job.run
    with writing(store.engine) as connection:
        connection.execute(sa.update(table).where(table.c.id == job.id).values(run=found))
    return int(found)


def gave_sign(store: RunStore, run: int, since: datetime) -> bool:
    """Whether somebody works on a run: it is running, and gave a sign of life since then."""
    table = schema.runs
    query = sa.select(table.c.id).where(table.c.id == run, table.c.status == "running", table.c.alive_at > since)
    with reading(store.engine) as connection:
        return connection.execute(query).first() is not None


def judged_count(store: RunStore, run: int) -> int:
    """How many judgements a run has made, scored or not."""
    table = schema.judgements
    with reading(store.engine) as connection:
        query = sa.select(sa.func.count()).select_from(table).where(table.c.run == run)
        return int(connection.execute(query).scalar_one())


def is_explained(store: RunStore, run: int, conversation: str, turn: int, rubric: str, *, attribute: bool) -> bool:
    """Whether a turn has an attribution, or a contrast or an attempt at one.

    Args:
        store: the store.
        run, conversation, turn, rubric: the judged turn, by the conversation's own id and the rubric's.
        attribute: whether an attribution is asked for.
    """
    table = schema.attributions if attribute else schema.contrasts
    talk, rubrics = schema.conversations, schema.rubrics
    query = (
        sa.select(table.c.id)
        .join(talk, talk.c.id == table.c.conversation)
        .join(rubrics, rubrics.c.sha == table.c.rubric)
        .where(table.c.run == run, table.c.turn == turn)
        .where(talk.c.conversation_id == conversation, rubrics.c.rubric == rubric)
        .limit(1)
    )
    with reading(store.engine) as connection:
        return connection.execute(query).first() is not None


def _to_job(row: Any) -> Job:
    values = {**row._mapping, "arguments": tuple(row.arguments)}
    return Job(**values)
