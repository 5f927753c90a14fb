"""Workers: processes that go on when the page, and even the server behind it, is gone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from convexplain.errors import UsageError
from convexplain.system.files import make_folder

_CANCEL_SECONDS = 10.0
_POLL_SECONDS = 0.1
_LOOK_SECONDS = 1.0  # who only looks holds the lock for far less
_children: dict[int, "subprocess.Popen[bytes]"] = {}  # asked after, so that none stays behind as a zombie


def check_system() -> None:
    """Check that jobs can be started on this system.

    Raises:
        UsageError: it has no locks of the kind that a job holds (Windows).
    """
    if sys.platform == "win32":
        raise UsageError("on Windows the dashboard starts no jobs; give the command to a terminal")


@contextmanager
def held(folder: Path) -> Iterator[int]:
    """Hold the lock of a job's folder, which is made; gives the open file, for `start_worker`.

    Raises:
        UsageError: the job's process holds it, or somebody who starts that.
    """
    make_folder(folder)
    with (folder / "lock").open("a") as lock:
        until = time.monotonic() + _LOOK_SECONDS
        while not _locked(lock.fileno()):
            if time.monotonic() > until:
                raise UsageError("the job is running already")
            time.sleep(_POLL_SECONDS)
        yield lock.fileno()


def start_worker(job: int, folder: Path, environment: Mapping[str, str], lock: int) -> int:
    """Start the worker of a job in a folder, and return the process's number.

    What it writes goes to `log.txt` there. It holds the folder's lock until it ends, however it ends.

    Args:
        job: the job's number.
        folder: where it runs.
        environment: variables that are added to those of this process.
        lock: the folder's lock, as `held` gives it.
    """
    with (folder / "log.txt").open("wb") as log:
        child = subprocess.Popen(  # noqa: S603 - arguments, no shell
            [sys.executable, "-m", "convexplain.workspace.worker", str(job)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**_inherited(), **environment},
            start_new_session=True,
            pass_fds=(lock,),
        )
    _children[child.pid] = child
    return child.pid


def _inherited() -> dict[str, str]:
    """Return the variables of this process without the passwords of the dashboard, which no job needs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CONVEXPLAIN_DASHBOARD_")}


def lives(folder: Path, process: int | None) -> bool:
    """Return whether the process that was started in the folder has not ended."""
    child = _children.get(process or 0)
    if child is not None and child.poll() is not None:
        _children.pop(child.pid, None)
    try:
        with (folder / "lock").open("r+") as lock:
            if not _locked(lock.fileno(), shared=True):
                return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    if child is not None and child.returncode is None:  # it is ending: as a zombie it would seem to work on its run
        with suppress(subprocess.TimeoutExpired):
            child.wait(_CANCEL_SECONDS)
            _children.pop(child.pid, None)
    return False


def interrupt(folder: Path, process: int) -> None:
    """Ask the process and those that it started to stop; if it has not after some seconds, end it.

    Raises:
        UsageError: it is another user's.
    """
    try:
        for number in (signal.SIGINT, signal.SIGKILL):  # SIGTERM would ask once more
            if not lives(folder, process):
                return
            os.killpg(process, number)
            until = time.monotonic() + _CANCEL_SECONDS
            while lives(folder, process) and time.monotonic() < until:
                time.sleep(_POLL_SECONDS)
    except ProcessLookupError:  # it has ended in this moment
        return
    except PermissionError as error:
        owner = _owner(folder, process)
        raise UsageError(f"process {process} belongs to {owner}; only that user can end it") from error


def _owner(folder: Path, process: int) -> str:
    """Return the name of the user whose process it is; who has made the folder where the system does not say."""
    for path in (Path("/proc", str(process)), folder):
        try:
            return path.owner()
        except (OSError, KeyError):  # there is no such file; the user has no name
            continue
    return "another user"


def _locked(file: int, *, shared: bool = False) -> bool:
    """Return whether the file's lock could be taken; it is free when all that hold the open file have closed it.

    Any number of processes may hold a shared one at once, so that those who look do not see each other.
    """
    if sys.platform == "win32":  # no job was ever started there
        return True
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
