"""Workers: processes that go on when the page, and even the server behind it, is gone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from convexplain.errors import UsageError

_CANCEL_SECONDS = 10.0
_POLL_SECONDS = 0.1
_children: dict[int, "subprocess.Popen[bytes]"] = {}  # asked after, so that none stays behind as a zombie


def start_worker(job: int, folder: Path, environment: Mapping[str, str]) -> int:
    """Start the worker of a job in a folder, and return the process's number.

    What it writes goes to `log.txt` there. It holds a lock in the folder until it ends, however it ends.

    Args:
        job: the job's number.
        folder: is made.
        environment: variables that are added to those of this process.

    Raises:
        UsageError: another one holds the lock; or the system has no such locks (Windows).
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("a") as lock:
        if not _locked(lock.fileno()):
            raise UsageError("the job is running already")
        with (folder / "log.txt").open("wb") as log:
            child = subprocess.Popen(  # noqa: S603 - arguments, no shell
                [sys.executable, "-m", "convexplain.workspace.worker", str(job)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, **environment},
                start_new_session=True,
                pass_fds=(lock.fileno(),),
            )
    _children[child.pid] = child
    return child.pid


def lives(folder: Path, process: int | None) -> bool:
    """Return whether the process that was started in the folder has not ended."""
    child = _children.get(process or 0)
    if child is not None and child.poll() is not None:
        _children.pop(child.pid, None)
    try:
        with (folder / "lock").open("r+") as lock:
            return not _locked(lock.fileno())
    except (FileNotFoundError, NotADirectoryError):
        return False


def interrupt(folder: Path, process: int) -> None:
    """Ask the process and those that it started to stop; if it has not after some seconds, end it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if not lives(folder, process):
            return
        os.killpg(process, number)
        until = time.monotonic() + _CANCEL_SECONDS
        while lives(folder, process) and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)


def _locked(file: int) -> bool:
    """Return whether the file's lock could be taken; it is free when all that hold the open file have closed it."""
    if sys.platform == "win32":
        raise UsageError("on Windows the dashboard starts no jobs; give the command to a terminal")
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
