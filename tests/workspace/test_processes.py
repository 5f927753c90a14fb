"""Locks of jobs' folders, and processes that are asked to stop."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from convexplain.errors import UsageError
from convexplain.workspace import processes
from convexplain.workspace.processes import held, interrupt, lives


@pytest.fixture
def ended_process():
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


@pytest.mark.slow
def test_a_folder_lives_while_its_lock_is_held(tmp_path):
    folder = tmp_path / "job"
    assert not lives(folder, None)
    with held(folder):
        assert lives(folder, None)
        with pytest.raises(UsageError, match="running already"), held(folder):
            pass
    assert not lives(folder, None)


@pytest.mark.slow
def test_who_looks_is_not_taken_for_the_process(tmp_path):
    with held(tmp_path):
        pass
    with (tmp_path / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)  # another one that looks at this moment
        assert not lives(tmp_path, None)
        threading.Timer(0.2, lambda: fcntl.flock(lock, fcntl.LOCK_UN)).start()
        with held(tmp_path):  # waits for it
            assert lives(tmp_path, None)


@pytest.mark.slow
def test_a_process_that_lives_no_more_is_no_zombie(tmp_path, monkeypatch):
    """It has let go of its lock and has not ended yet: a zombie would seem to work on its run still."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.3)"])
    monkeypatch.setitem(processes._children, child.pid, child)
    with held(tmp_path):
        assert lives(tmp_path, child.pid)
    assert not lives(tmp_path, child.pid)
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


def test_a_process_that_is_gone_is_not_interrupted(tmp_path, ended_process):
    begun = time.monotonic()
    with held(tmp_path):
        interrupt(tmp_path, ended_process)
    assert time.monotonic() - begun < 5


def test_a_process_of_another_user_is_left_to_them(tmp_path, ended_process, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "killpg", refuse)
    with held(tmp_path), pytest.raises(UsageError) as refused:
        interrupt(tmp_path, ended_process)
    assert str(refused.value) == (
        f"process {ended_process} belongs to {Path(tmp_path).owner()}; only that user can end it"
    )
