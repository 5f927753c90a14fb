"""Logs are read once, into the store: progress in bytes, pipes, and what a stop leaves."""

import asyncio
import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.analysis.imports import import_logs
from convexplain.analysis.progress import Progress
from convexplain.analysis.runs import analyse
from convexplain.analysis.sources import STDIN, LogSource, find_logs
from convexplain.analysis.threads import in_thread
from convexplain.connectors.logs import read_log
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.store import RunStore

HARM, HELP = load_rubric("harm"), load_rubric("helpfulness")


class Steps(Progress):
    """Remembers the steps, each with its total and what was counted in it."""

    def __init__(self):
        self.steps = []

    def begin(self, task, total=None):
        self.steps.append([task, total, 0])

    def advance(self, count=1):
        self.steps[-1][2] += count

    def judged(self, judgement):
        self.advance()


@pytest.fixture
def store(tmp_path):
    opened = RunStore(str(tmp_path / "a.db"))
    yield opened
    opened.close()


def conversation(name):
    return Conversation(name, (Turn("user", "Hi"), Turn("assistant", "One."), Turn("assistant", "Two.")), "log")


def judge(store, source, progress, rubrics=(HARM, HELP)):
    async def run():
        model = ScriptedModel(lambda request: {"yes": 0.7, "no": 0.3})
        begun = store.begin_run(model.name, "f", {}, rubrics)
        async with Calls(model, store) as calls:
            await analyse(source, store, begun, rubrics, Judge(calls), [calls], progress)
        return begun.id

    return asyncio.run(run())


def test_a_log_is_read_once_and_its_bytes_are_counted(store, chats):
    opened = []

    def reader(path, **options):
        opened.append(path)
        return read_log(path, **options)

    progress = Steps()
    judge(store, LogSource(reader, find_logs([chats])), progress)
    assert opened == [chats]
    size = chats.stat().st_size
    assert progress.steps == [["reading", size, size], ["judging", 24, 24]]  # 12 turns, two maxims


def test_of_a_limited_log_only_so_much_is_judged(store, chats):
    progress = Steps()
    judge(store, LogSource(read_log, (chats,), limit=2), progress)
    assert progress.steps[-1] == ["judging", 8, 8]  # 2 conversations, 4 turns, two maxims


def test_a_conversation_that_comes_twice_counts_once(store):
    def reader(path, **options):
        return iter([conversation("a"), conversation("b"), conversation("a")])

    progress = Steps()
    judge(store, LogSource(reader, (STDIN,)), progress, [HARM])
    assert progress.steps[1] == ["judging", 4, 4]


def test_a_pipe_has_no_size_and_is_judged_all_the_same(store, chats, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(chats.read_bytes()))
    writer.start()
    source, progress = LogSource(read_log, find_logs([pipe])), Steps()
    assert source.size is None
    run = judge(store, source, progress, [HARM])
    writer.join()
    assert progress.steps == [["reading", None, chats.stat().st_size], ["judging", 12, 12]]
    assert len(list(store.judgements(run))) == 12


def test_devices_and_pipes_in_a_folder_are_left_out(chats, tmp_path):
    (tmp_path / "endless.jsonl").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "waiting.jsonl")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert find_logs([tmp_path]) == (chats.resolve(),)


@pytest.mark.slow
def test_an_import_is_cancelled_while_it_waits_for_a_pipe(store, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    holder = os.open(pipe, os.O_RDWR)  # somebody who may write, and does not
    lines = "".join(
        json.dumps({"id": f"c{i}", "messages": [{"role": "user", "content": "x"}]}) + "\n" for i in range(3)
    )
    os.write(holder, lines.encode())

    async def cancel():
        task = asyncio.create_task(import_logs(LogSource(read_log, (pipe,)), store, Progress()))
        await asyncio.sleep(0.3)
        task.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    assert asyncio.run(cancel()) < 5
    os.close(holder)


def test_a_run_that_is_stopped_while_reading_goes_on(store, chats):
    reading = threading.Event()

    def reader(path, **options):
        yield from list(read_log(path, **options))[:2]
        reading.set()
        while True:  # a pipe from which nothing more comes, but whose reader looks up now and then
            time.sleep(0.01)
            yield conversation("more")

    async def stop():
        model = ScriptedModel(lambda request: {"yes": 0.7, "no": 0.3})
        begun = store.begin_run(model.name, "f", {}, [HARM])
        async with Calls(model, store) as calls:
            task = asyncio.create_task(
                analyse(LogSource(reader, (chats,)), store, begun, [HARM], Judge(calls), [calls], Progress())
            )
            await asyncio.to_thread(reading.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return begun.id

    run = asyncio.run(stop())
    assert store.run(run).status == "stopped"
    assert store.run_size(run) >= 2  # what was read is kept
    assert store.begin_run("scripted", "f", {}, [HARM]).id == run


def test_an_error_in_the_thread_is_raised():
    def fail(cancelled):
        raise UsageError("no")

    with pytest.raises(UsageError, match="no"):
        asyncio.run(in_thread(fail))
    assert asyncio.run(in_thread(lambda cancelled: cancelled.is_set())) is False


def test_which_logs_are_found(tmp_path, chats):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / ".hidden.jsonl").write_text("{}")
    (tmp_path / "b" / "README.md").write_text("x")
    (tmp_path / "b" / "tool.cpython-311.pyc").write_bytes(b"x")
    (tmp_path / "b" / "log.jsonl").write_text("{}")
    log = tmp_path / "b" / "log.jsonl"
    assert find_logs([chats, tmp_path / "b", log]) == (chats, log)
    assert find_logs([Path("-")]) == (STDIN,)
    with pytest.raises(UsageError, match="does not exist"):
        find_logs([tmp_path / "nothing"])
    with pytest.raises(UsageError, match="is neither a file, nor a folder, nor a pipe"):
        find_logs([_socket(tmp_path)])


def _socket(folder):
    path = folder / "s"
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(path))
    return path
