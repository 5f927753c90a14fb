"""Files and pipes as a log's bytes."""

import gzip
import os
import threading
import time
import zipfile

import pytest

from convexplain.connectors.logs import read_log
from convexplain.connectors.logs.engine.input_file import open_input


@pytest.fixture
def piped(tmp_path):
    """A function that makes a pipe through which bytes come, in pieces of so many."""
    writers = []

    def make(data, step=1 << 16):
        pipe = tmp_path / f"pipe-{len(writers)}"
        os.mkfifo(pipe)

        def write():
            with pipe.open("wb", buffering=0) as stream:
                for start in range(0, len(data), step):
                    stream.write(data[start : start + step])
                    if step < 100:
                        time.sleep(0.001)

        writers.append(threading.Thread(target=write))
        writers[-1].start()
        return pipe

    yield make
    for writer in writers:
        writer.join()


def ids(path):
    return [conversation.id for conversation in read_log(path)]


def test_the_bytes_of_a_file_are_counted(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    counts = []
    with open_input(tmp_path / "a", counts.append) as stream:
        assert stream.peek(4)[:4] == b"xxxx"
        assert len(stream.read()) == 100_000
        assert stream.seek(0) == 0
    assert sum(counts) == 100_000


def test_a_pipe_that_gives_a_few_bytes_at_once_is_recognised(piped, chats):
    assert ids(piped(chats.read_bytes(), step=7)) == [f"c{i}" for i in range(6)]


def test_a_pipe_may_be_compressed(piped, chats):
    assert ids(piped(gzip.compress(chats.read_bytes()), step=13)) == [f"c{i}" for i in range(6)]


def test_a_pipe_may_hold_an_archive(piped, chats, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(chats, "one.jsonl")
    assert ids(piped((tmp_path / "a.zip").read_bytes())) == [f"c{i}" for i in range(6)]
