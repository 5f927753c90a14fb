"""Background jobs: described as JSON in the store, and done by a worker in a process of its own."""

import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import platformdirs

from convexplain.errors import ConvexplainError, StoreError, UsageError
from convexplain.store import Run, RunStore
from convexplain.store.jobs import (
    Job,
    JobStatus,
    add_job,
    begin_job,
    end_job,
    find_job,
    keep_process,
    newest_jobs,
)
from convexplain.text.visible import visible

from .job_specs import AnalyzeJob, JobSpec, JudgeJob, job_settings, job_spec
from .processes import check_system, held, interrupt, lives, start_worker

_TAIL = 8192  # bytes of what a process wrote that are looked at
_LINES = 40
_FRESH = timedelta(seconds=60)  # a job on another machine gives a sign of life every few seconds
_POLL = 0.2  # seconds
_EXIT = 10.0  # seconds that a process may take to exit once its job has ended


@dataclass(frozen=True, slots=True)
class JobState:
    """The state of a job.

    Attributes:
        job: the job.
        status: `running`; `done`; `stopped` (cancelled, killed, or its model went away) or `failed` (the error says
            why): these two can go on.
        run: the run that it works on, with what it has cost; None where it has none.
        written: the last lines that its process wrote, as text that may be shown.
    """

    job: Job
    status: JobStatus
    run: Run | None = None
    written: str = ""

    @property
    def done(self) -> int:
        """Return how many items (judgements, turns, contrasts) are done."""
        return int(self.job.progress.get("done", 0))

    @property
    def total(self) -> int | None:
        """Return how many items there are; None if that is not known."""
        return self.job.progress.get("total")

    @property
    def share(self) -> float | None:
        """Return the share that is done, in [0, 1]; None if that is not known."""
        if self.status == "done":
            return 1.0
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def doing(self) -> str:
        """Return in one line what it works on now."""
        item, calls = self.job.progress.get("doing"), self.job.progress.get("calls")
        return ", ".join([*([visible(item)] if item else []), *([f"{calls:,} calls"] if calls else [])])

    @property
    def messages(self) -> str:
        """Everything that it reported, a line each, as text that may be shown."""
        error = [f"Error: {self.job.error}"] if self.job.error else []
        lines = [*self.job.progress.get("notes", []), *error, *self.written.splitlines()]
        return visible("\n".join(lines))


def start_job(database: str, spec: JobSpec) -> int:
    """Start a job, or go on with one that was to do the same; return the job's number.

    Args:
        database: the store's URL or file.
        spec: what is to be done.

    Raises:
        UsageError: a job does the same already, or no job can be started on this system.
        ConvexplainError: its process cannot be started.
    """
    check_system()
    settings = job_settings(spec)
    with _opened(database) as store:
        for same in newest_jobs(store):
            if (same.kind, same.settings) != (spec.kind, settings):
                continue
            if (status := state_of(store, same).status) != "done":
                if status == "running":
                    raise UsageError(f"job {same.id} does the same and is running")
                _start(store, same)
                return same.id
        folder = Path(platformdirs.user_data_dir("convexplain")) / "jobs" / uuid.uuid4().hex
        run = None if isinstance(spec, (AnalyzeJob, JudgeJob)) else spec.run
        job = add_job(store, spec.kind, settings, str(folder), run, socket.gethostname())
        _start(store, find_job(store, job))
    return job


def job_state(database: str, job: int) -> JobState:
    """Return how far a job is.

    Raises:
        StoreError: there is no such job.
    """
    with _opened(database) as store:
        return state_of(store, find_job(store, job))


def list_jobs(database: str, limit: int = 20) -> list[JobState]:
    """Return the newest jobs and how far they are, the newest first."""
    with _opened(database) as store:
        return [state_of(store, job) for job in newest_jobs(store, limit)]


def wait_for_job(database: str, job: int, seconds: float) -> JobState:
    """Return the state of a job when it has ended; it is cancelled after so many seconds."""
    until = time.monotonic() + seconds
    with _opened(database) as store:
        while (state := state_of(store, find_job(store, job))).status == "running":
            if time.monotonic() > until:
                cancel_job(database, job)
            time.sleep(_POLL)
    return state


def cancel_job(database: str, job: int) -> None:
    """Stop a job; what it has done until then is kept. Does nothing where it has ended.

    Raises:
        UsageError: it runs on another machine or is another user's, or its process is only just being started.
    """
    with _opened(database) as store:
        chosen = find_job(store, job)
        if chosen.process is None and state_of(store, chosen).status != "running":
            return
        if chosen.host != socket.gethostname():
            raise UsageError(f"job {job} was started on {chosen.host!r}; cancel it there")
        if chosen.process is None:
            raise UsageError(f"job {job} is just being started; cancel it in a moment")
        interrupt(Path(chosen.folder), chosen.process)
        end_job(store, job, "stopped")  # where it was killed before it could keep that itself


def resume_job(database: str, job: int) -> None:
    """Start a job again, which goes on where it stopped.

    Raises:
        UsageError: it is running, another version of convexplain has started it, or no job can be started on this
            system.
        ConvexplainError: its process cannot be started, or somebody else starts it in this moment.
    """
    check_system()
    with _opened(database) as store:
        chosen = find_job(store, job)
        job_spec(chosen)
        if chosen.host != socket.gethostname() and state_of(store, chosen).status == "running":
            raise UsageError(f"job {job} is running on {chosen.host!r}")
        _start(store, chosen)


@contextmanager
def _opened(database: str) -> Iterator[RunStore]:
    store = RunStore(database)
    try:
        yield store
    finally:
        store.close()


def _start(store: RunStore, job: Job) -> None:
    """Start a job's process. The row is changed under the job's lock: of several who start it, only one does."""
    folder = Path(job.folder)
    # The store goes by the environment: a URL may hold a password, and everybody can read command lines.
    environment = {"CONVEXPLAIN_DB": _address(store), "PYTHONUTF8": "1"}
    until = time.monotonic() + _EXIT
    try:
        while lives(folder, None):
            if find_job(store, job.id).status == "running" or time.monotonic() > until:
                raise UsageError("the job is running already")
            time.sleep(_POLL)
        with held(folder) as lock:
            begin_job(store, job, socket.gethostname())
            keep_process(store, job.id, start_worker(job.id, folder, environment, lock))
    except OSError as error:
        reason = f"job {job.id} could not be started in {folder}: {error}"
        if find_job(store, job.id).process is None:  # else it may be another user's that works
            end_job(store, job.id, "failed", error=reason)
        raise ConvexplainError(reason) from error


def _address(store: RunStore) -> str:
    """Return the store's file or URL, with its password, as a process in any folder may take it."""
    url = store.engine.url
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        scheme = "file:" if url.database.startswith("file:") else ""
        file = scheme + str(Path(url.database.removeprefix(scheme)).resolve())
        if not url.query:
            return file  # in a URL some characters of a path would mean something else
        url = url.set(database=file)
    return url.render_as_string(hide_password=False)


def state_of(store: RunStore, job: Job) -> JobState:
    """Return how far a job of an open store is; one whose process is gone is stopped."""
    status = job.status
    if status == "running" and not _alive(job):
        job = find_job(store, job.id)  # what has just ended has kept its last
        status = "stopped" if job.status == "running" else job.status
    run = _run(store, job.run)
    if job.kind == AnalyzeJob.kind and status == "done" and run is None:
        status = "failed"  # the run was deleted
    return JobState(job, status, run, _written(Path(job.folder)))


def _alive(job: Job) -> bool:
    if job.host == socket.gethostname():
        with suppress(PermissionError):  # another user's
            return lives(Path(job.folder), job.process)
    return datetime.now(UTC) - job.alive_at < _FRESH


def _run(store: RunStore, number: int | None) -> Run | None:
    if number is None:
        return None
    try:
        return store.run(number)
    except StoreError:  # deleted in the meantime
        return None


def _written(folder: Path) -> str:
    try:
        with (folder / "log.txt").open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - _TAIL))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(visible(text).splitlines()[-_LINES:])
