"""Work that runs in the background, so that any page or process finds it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa

from convexplain.errors import StoreError

from . import schema
from .database import reading, writing
from .store import RunStore

JobStatus = Literal["running", "done", "stopped", "failed"]

TRIAL = "judge"
"""The kind of jobs that are waited for, and not listed."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that was started in a process.

    Attributes:
        id: its number in the store.
        kind: what is done.
        settings: how, as JSON values.
        status: what its process wrote last; a process that was killed leaves `running` behind.
        progress: how far it is, as JSON values.
        result: what came out, as JSON values; None until it is done.
        error: why it ended before it was done; None where nothing went wrong.
        folder: where its process runs and writes.
        run: the run that it works on; None until that is known.
        created_at: when it was first started.
        started_at: when it was last started.
        alive_at: when its process last gave a sign of life.
        host, process: where it was last started; process is None where it could not be.
    """

    id: int
    kind: str
    settings: Mapping[str, Any]
    status: JobStatus
    progress: Mapping[str, Any]
    result: Mapping[str, Any] | None
    error: str | None
    folder: str
    run: int | None
    created_at: datetime
    started_at: datetime
    alive_at: datetime
    host: str
    process: int | None


def add_job(store: RunStore, kind: str, settings: Mapping[str, Any], folder: str, run: int | None, host: str) -> int:
    """Keep a job that is about to be started, and return its number."""
    now = datetime.now(UTC)
    values = {"kind": kind, "settings": settings, "folder": folder, "run": run, "host": host}
    times = {"created_at": now, "started_at": now, "alive_at": now}
    with writing(store.engine) as connection:
        insert = sa.insert(schema.jobs).values(**values, **times, status="running", progress={})
        return int(connection.execute(insert.returning(schema.jobs.c.id)).scalar_one())


def begin_job(store: RunStore, job: Job, host: str) -> None:
    """Keep that a job is started now, here; what it wrote the last time is forgotten.

    Args:
        store: the store.
        job: the job, as it was when it was decided to start it.
        host: this machine's name.

    Raises:
        StoreError: it has been started by somebody else since; nothing is changed.
    """
    now = datetime.now(UTC)
    before: dict[str, Any] = {"progress": {}, "result": None, "error": None, "process": None}
    unchanged = schema.jobs.c.started_at == job.started_at
    if not _update(store, job.id, unchanged, **before, status="running", host=host, started_at=now, alive_at=now):
        raise StoreError(f"job {job.id} has been started by somebody else in this moment")


def keep_process(store: RunStore, job: int, process: int) -> None:
    """Keep the number of a job's process."""
    _update(store, job, process=process)


def keep_progress(store: RunStore, job: int, progress: Mapping[str, Any], run: int | None = None) -> None:
    """Keep how far a job is, that its process lives, and its run where that is known."""
    values = {} if run is None else {"run": run}
    _update(store, job, progress=progress, alive_at=datetime.now(UTC), **values)


def end_job(
    store: RunStore, job: int, status: JobStatus, *, result: Mapping[str, Any] | None = None, error: str | None = None
) -> None:
    """Keep how a running job ended; one that has ended already stays as it is."""
    running = schema.jobs.c.status == "running"
    _update(store, job, running, status=status, result=result, error=error, alive_at=datetime.now(UTC))


def find_job(store: RunStore, job: int) -> Job:
    """Return the job of that number.

    Raises:
        StoreError: there is none.
    """
    with reading(store.engine) as connection:
        row = connection.execute(sa.select(schema.jobs).where(schema.jobs.c.id == job)).first()
    if row is None:
        raise StoreError(f"{store.place}: there is no job {job}")
    return Job(**row._mapping)


def newest_jobs(store: RunStore, limit: int = 50) -> list[Job]:
    """Return the jobs, newest first; those that are waited for are left out."""
    table = schema.jobs
    query = sa.select(table).where(table.c.kind != TRIAL).order_by(table.c.id.desc()).limit(limit)
    with reading(store.engine) as connection:
        return [Job(**row._mapping) for row in connection.execute(query)]


def analyzing_jobs(store: RunStore, run: int) -> list[Job]:
    """Return the jobs that a run was judged by, oldest first; none where it was started otherwise."""
    table = schema.jobs
    query = sa.select(table).where(table.c.run == run, table.c.kind == "analyze").order_by(table.c.id)
    with reading(store.engine) as connection:
        return [Job(**row._mapping) for row in connection.execute(query)]


def _update(store: RunStore, job: int, *where: sa.ColumnElement[bool], **values: Any) -> int:
    """Change a job, and return how many rows that met the conditions: 0 or 1."""
    table = schema.jobs
    with writing(store.engine) as connection:
        return connection.execute(sa.update(table).where(table.c.id == job, *where).values(**values)).rowcount
