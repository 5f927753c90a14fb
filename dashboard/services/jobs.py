"""Jobs: the command line itself, started so that it goes on when the page is closed, and found again by any page."""

import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import platformdirs

from convexplain.errors import ConvexplainError, StoreError, UsageError
from convexplain.store import Run, RunStore
from convexplain.store.jobs import (
    Job,
    Kind,
    add_job,
    find_job,
    gave_sign,
    is_explained,
    job_run,
    job_started,
    judged_count,
    newest_jobs,
)
from convexplain.text.visible import visible

from .commands import SearchOptions, analyze_arguments, explain_arguments, export_arguments
from .processes import interrupt, lives, start
from .uploads import Options

Status = Literal["running", "done", "stopped", "failed"]

_TAIL = 8192  # bytes of what a job said that are looked at
_LINES = 40
_FRESH = timedelta(seconds=60)  # a run on another machine gives a sign of life every few seconds


@dataclass(frozen=True, slots=True)
class JobState:
    """How far a job is.

    Attributes:
        job: the job.
        status: `running`; `done`; `stopped` (cancelled, killed, or its model went away) or `failed` (it could not
            begin): these two can go on.
        run: the run that it works on, with its status and what it has cost; None where it has none.
        judged: how many judgements the run has.
        said: the last lines of what the command said, as text that may be shown.
    """

    job: Job
    status: Status
    run: Run | None
    judged: int
    said: str

    @property
    def share(self) -> float | None:
        """How much of what was planned is done, in [0, 1]; None where that was not counted."""
        if self.status == "done":
            return 1.0
        return min(1.0, self.judged / self.job.planned) if self.job.planned else None


def start_analyze(database: str, files: Sequence[Path], options: Options, planned: int | None = None) -> int:
    """Starts judging these files, or goes on with a job that was to do the same; returns the job's number.

    Args:
        database: the store's URL or file.
        files: the logs.
        options: what is to be done.
        planned: how many judgements that will be, if it was counted.

    Raises:
        ConvexplainError: the command cannot be written, or the process not be started; or a job does the same already.
    """
    return _begin(database, "analyze", analyze_arguments(files, options), None, planned)


def start_explain(
    database: str, run: int, conversation: str, turn: int, rubric: str, options: SearchOptions | None
) -> int:
    """Starts explaining one turn of a run, or goes on with it; returns the job's number.

    Args:
        database: the store's URL or file.
        run: the run's number.
        conversation: the conversation's own id.
        turn: the turn's index.
        rubric: the maxim's id.
        options: for which contrast; None: say what the score hangs on.

    Raises:
        ConvexplainError: as of `start_analyze`.
    """
    arguments = explain_arguments(run, conversation, turn, rubric, options)
    return _begin(database, "explain", arguments, run, None)


def start_export(database: str, run: int, form: str, min_margin: float, test: float) -> int:
    """Starts writing the pairs of a run into a folder of its own (`exported`); returns the job's number.

    Args:
        database: the store's URL or file.
        run: the run's number.
        form: as what, one of the names of `convexplain export`.
        min_margin: by how much the chosen turn must score higher.
        test: share of the conversations that is held out.

    Raises:
        ConvexplainError: as of `start_analyze`.
    """
    out = Path(platformdirs.user_data_dir("convexplain")) / "exports" / uuid.uuid4().hex
    return _begin(database, "export", export_arguments(run, form, out, min_margin, test), run, None)


def exported(job: Job) -> Path:
    """The folder that an export writes: complete when there is a README.md in it."""
    return Path(next(one for one in job.arguments if one.startswith("--out=")).removeprefix("--out="))


def job_state(database: str, job: int) -> JobState:
    """How far a job is. Raises StoreError where there is no such job."""
    with _opened(database) as store:
        return _state(store, find_job(store, job))


def jobs(database: str, limit: int = 20) -> list[JobState]:
    """The newest jobs and how far they are, the newest first."""
    with _opened(database) as store:
        return [_state(store, job) for job in newest_jobs(store, limit)]


def cancel(database: str, job: int) -> None:
    """Stops a job; what it has found until then is kept. Does nothing where it has ended.

    Raises:
        UsageError: it runs on another machine.
    """
    with _opened(database) as store:
        found = find_job(store, job)
        if found.process is None:
            return
        if found.host != socket.gethostname():
            raise UsageError(f"job {job} was started on {found.host!r}; cancel it there")
        interrupt(Path(found.folder), found.process)
        job_run(store, found)


def go_on(database: str, job: int) -> None:
    """Gives a job's command again, which goes on where it stopped.

    Raises:
        UsageError: it is running.
    """
    with _opened(database) as store:
        found = find_job(store, job)
        if found.host != socket.gethostname() and _state(store, found).status == "running":
            raise UsageError(f"job {job} is running on {found.host!r}")
        _start(store, database, found.id, Path(found.folder), found.arguments)


def _begin(database: str, kind: Kind, arguments: Sequence[str], run: int | None, planned: int | None) -> int:
    folder = Path(platformdirs.user_data_dir("convexplain")) / "jobs" / uuid.uuid4().hex
    with _opened(database) as store:
        for same in newest_jobs(store):
            if same.arguments == tuple(arguments) and (status := _state(store, same).status) != "done":
                if status == "running":
                    raise UsageError(f"job {same.id} does the same and is running")
                _start(store, database, same.id, Path(same.folder), arguments)
                return same.id
        job = add_job(store, kind, arguments, str(folder), run, planned, socket.gethostname())
        _start(store, database, job, folder, arguments)
    return job


def _start(store: RunStore, database: str, job: int, folder: Path, arguments: Sequence[str]) -> None:
    place = database if "://" in database else str(Path(database).expanduser().resolve())
    # The store goes by the environment: a URL may hold a password, and everybody can read command lines.
    environment = {"CONVEXPLAIN_DB": place, "COLUMNS": "120", "NO_COLOR": "1", "PYTHONUTF8": "1"}
    at = datetime.now(UTC)
    try:
        process = start(arguments, folder, environment)
    except OSError as error:
        raise ConvexplainError(f"job {job} could not be started in {folder}: {error}") from error
    job_started(store, job, socket.gethostname(), process, at)


@contextmanager
def _opened(database: str) -> Iterator[RunStore]:
    store = RunStore(database)
    try:
        yield store
    finally:
        store.close()


def _state(store: RunStore, job: Job) -> JobState:
    alive = _alive(store, job)  # first: what has just ended has written its last before it is looked at
    run = _run(store, job_run(store, job))
    said = _said(Path(job.folder))
    judged = judged_count(store, run.id) if run is not None else 0
    status: Status
    if alive:
        status = "running"
    elif _is_done(store, job, run):
        status = "done"
    else:
        status = "failed" if run is None or (job.kind != "analyze" and "Error: " in said) else "stopped"
    return JobState(job, status, run, judged, said)


def _alive(store: RunStore, job: Job) -> bool:
    if job.host == socket.gethostname():
        return lives(Path(job.folder), job.process)
    now, run = datetime.now(UTC), job_run(store, job)
    if job.kind != "analyze" or run is None:
        return now - job.started_at < _FRESH and not _is_done(store, job, None)
    return gave_sign(store, run, now - _FRESH)


def _is_done(store: RunStore, job: Job, run: Run | None) -> bool:
    if job.kind == "analyze":
        return run is not None and run.status == "done"
    if job.kind == "export":
        return (exported(job) / "README.md").is_file()
    _, number, turn, rubric, *rest = job.arguments
    conversation, _, index = turn.removeprefix("--turn=").rpartition(":")
    return is_explained(
        store, int(number), conversation, int(index), rubric.removeprefix("--rubric="), attribute="--attribute" in rest
    )


def _run(store: RunStore, number: int | None) -> Run | None:
    if number is None:
        return None
    try:
        return store.run(number)
    except StoreError:  # deleted in the meantime
        return None


def _said(folder: Path) -> str:
    try:
        with (folder / "log.txt").open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - _TAIL))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(visible(text).splitlines()[-_LINES:])
