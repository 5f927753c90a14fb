"""Jobs: work in the background, recorded so that any page or process can follow it."""

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
"""The kind of jobs that a page waits for; they are not listed."""


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work in a process of its own.

    Attributes:
        id: its number in the store.
        kind: `analyze`, `explain`, ….
        settings: its settings, as JSON values.
        status: the last status that its process wrote; a process that was killed leaves `running` behind.
        progress: its progress, as JSON values.
        result: its result, as JSON values; None until it is done.
        error: the error that ended it; None without one.
        folder: in which its process runs and writes.
        run: the run that it works on; None until that is known.
        created_at: when it was first started.
        started_at: when it was last started.
        alive_at: when its process last gave a sign of life.
        host, process: of its last start; process is None if that failed.
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
    """Record that a job is started now, here; its progress and result of an earlier start are removed.

    Args:
        store: the store.
        job: the job, as it was when the start was decided.
        host: this machine's name.

    Raises:
        StoreError: somebody else has started it since; nothing is changed.
    """
    now = datetime.now(UTC)
    before: dict[str, Any] = {"progress": {}, "result": None, "error": None, "process": None}
    unchanged = schema.jobs.c.started_at == job.started_at
    if not _update(store, job.id, unchanged, **before, status="running", host=host, started_at=now, alive_at=now):
        raise StoreError(f"job {job.id} has been started by somebody else in this moment")


def keep_process(store: RunStore, job: int, process: int) -> None:
    """Record the number of a job's process."""
    _update(store, job, process=process)


def keep_progress(store: RunStore, job: int, progress: Mapping[str, Any], run: int | None = None) -> None:
    """Record a job's progress, a sign of life, and its run if there is one."""
    runs = schema.runs
    stored = sa.select(runs.c.id).where(runs.c.id == run).scalar_subquery()  # none where the run was deleted
    values = {} if run is None else {"run": stored}
    _update(store, job, progress=progress, alive_at=datetime.now(UTC), **values)


def end_job(
    store: RunStore, job: int, status: JobStatus, *, result: Mapping[str, Any] | None = None, error: str | None = None
) -> None:
    """Record the end of a running job; a job that has ended already stays as it is."""
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
    """Return the jobs, newest first, without those that a page waits for."""
    table = schema.jobs
    query = sa.select(table).where(table.c.kind != TRIAL).order_by(table.c.id.desc()).limit(limit)
    with reading(store.engine) as connection:
        return [Job(**row._mapping) for row in connection.execute(query)]


def analyzing_jobs(store: RunStore, run: int) -> list[Job]:
    """Return the jobs that judged a run, oldest first; none if it was started without a job."""
    table = schema.jobs
    query = sa.select(table).where(table.c.run == run, table.c.kind == "analyze").order_by(table.c.id)
    with reading(store.engine) as connection:
        return [Job(**row._mapping) for row in connection.execute(query)]


def _update(store: RunStore, job: int, *conditions: sa.ColumnElement[bool], **values: Any) -> int:
    """Change a job if it meets the conditions, and return the number of changed rows: 0 or 1."""
    table = schema.jobs
    with writing(store.engine) as connection:
        return connection.execute(sa.update(table).where(table.c.id == job, *conditions).values(**values)).rowcount
