"""A short form of `benchmarks/kills.py`: nothing is lost, doubled or damaged by `kill -9`, and little asked twice."""

import os
import random

import pytest

from benchmarks import killed_work, kills
from benchmarks.counting_stub import CountingStub

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


@pytest.mark.parametrize("work", ["analyze", "attribute", "import"])
def test_kills_lose_and_double_nothing(work, tmp_path, monkeypatch):
    monkeypatch.setattr(killed_work, "TALKS", 12)
    monkeypatch.setenv("KILLS_LOG", str(killed_work.log(tmp_path)))
    places = (str(tmp_path / f"{i}.db") for i in range(1 << 20))
    with CountingStub(killed_work.SECONDS) as stub:
        result = kills.kill_often(killed_work.WORKS[work], places, stub.url, 4, random.Random(7), stub.counts)
    assert (result.kills, result.lost, result.duplicate, result.corrupt) == (4, 0, 0, 0)
    assert result.repeated <= result.allowed
    assert result.ok


def test_a_job_outlives_the_server_that_started_it_or_goes_on_under_the_next_one(tmp_path, monkeypatch):
    """The server is killed alone, then with the job's process: nothing is lost, doubled or asked too often."""
    monkeypatch.setattr(killed_work, "TALKS", 12)
    monkeypatch.setenv("KILLS_LOG", str(killed_work.log(tmp_path)))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    places = (str(tmp_path / f"{i}.db") for i in range(1 << 20))
    with CountingStub(killed_work.SECONDS) as stub:
        result = kills.kill_often(killed_work.WORKS["server"], places, stub.url, 3, random.Random(2), stub.counts)
    assert (result.kills, result.lost, result.duplicate, result.corrupt) == (3, 0, 0, 0)
    assert result.repeated <= result.allowed
    assert result.ok


def test_what_is_lost_doubled_or_changed_is_seen(tmp_path):
    """The measure itself: two records are missing, one came twice, one has changed."""
    place = str(tmp_path / "a.db")
    killed_work.import_talks(place)
    expected = kills.contents(place)
    rows = list(expected["conversations"])
    expected["conversations"].update(["one more", "another"])
    del expected["conversations"][rows[0]]
    result = kills.KillCounts()
    kills._compare(place, expected, result)
    assert (result.lost, result.duplicate, result.corrupt, result.ok) == (2, 0, 1, False)
    stored = kills.contents(place)
    stored["conversations"][rows[1]] -= 1
    result = kills.KillCounts()
    kills._compare(place, stored, result)
    assert (result.lost, result.duplicate, result.corrupt) == (0, 1, 0)


def test_a_damaged_file_is_seen(tmp_path):
    place = tmp_path / "a.db"
    killed_work.import_talks(str(place))
    assert not kills.damaged(str(place))
    content = bytearray(place.read_bytes())
    content[4096 * 3 : 4096 * 3 + 400] = os.urandom(400)
    place.write_bytes(content)
    assert kills.damaged(str(place))
