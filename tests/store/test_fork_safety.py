"""A process that forks while its store is in use: the file stays whole, and nobody loses what was written."""

import os
import subprocess
import sys

import pytest
import sqlalchemy as sa

from convexplain.store import RunStore

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")]

_PROGRAM = """
import os
import sys
import threading
import time
import warnings

from convexplain.models.chat import Reply
from convexplain.store import RunStore

warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of forks beside threads
store = RunStore(sys.argv[1])
ended = threading.Event()


def write(name):
    i = 0
    while not ended.is_set():
        store.put(f"{name} {i}", "m", Reply(str(i)))
        i += 1
        time.sleep(0.002)  # a writer that never pauses starves the others: SQLite's queue is not fair


def work(name):
    for i in range(20):
        store.put(f"{name} {i}", "m", Reply(str(i)))


threads = [threading.Thread(target=write, args=(f"thread {i}",)) for i in range(2)]
for thread in threads:
    thread.start()
children = []
for number in range(6):
    time.sleep(0.02)
    child = os.fork()
    if not child:
        work(f"child {number}")
        os._exit(0)
    children.append(child)
    store.put(f"parent {number}", "m", Reply("p"))
ended.set()
for thread in threads:
    thread.join()
store.close()  # the last connection here: SQLite clears its log away, if nobody else holds the file
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
sys.exit(any(codes))
"""


def test_the_file_stays_whole_and_nothing_is_lost(tmp_path):
    path = tmp_path / "store.db"
    done = subprocess.run([sys.executable, "-c", _PROGRAM, str(path)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    store = RunStore(str(path))
    with store.engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
    wanted = [f"parent {number}" for number in range(6)]
    wanted += [f"child {number} {i}" for number in range(6) for i in range(20)]
    assert [key for key in wanted if store.get(key) is None] == []
    store.close()
