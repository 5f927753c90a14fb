"""Several processes that use one store at the same moment."""

import multiprocessing
import socket
import sys
from concurrent.futures import ProcessPoolExecutor
from types import ModuleType
from unittest import mock

import pytest
from alembic import command

from convexplain import Conversation, Turn, load_rubric
from convexplain.models.chat import Reply, Spend
from convexplain.store import RunStore
from convexplain.types import Evidence, Judgement

pytestmark = pytest.mark.slow

together = {}  # in each process: barriers that let that many of them go at once


def share(barriers):
    together.update(barriers)


@pytest.fixture(scope="module")
def processes():
    # Children run the script of __main__ again, and a tested Streamlit page may have taken its place.
    sys.modules["__main__"] = ModuleType("__main__")
    context = multiprocessing.get_context("spawn")
    barriers = {n: context.Barrier(n, timeout=60) for n in (2, 4)}
    with ProcessPoolExecutor(4, context, share, (barriers,)) as pool:
        yield pool


def open_and_count_migrations(url):
    with mock.patch.object(command, "upgrade", wraps=command.upgrade) as upgrade:
        together[4].wait()
        RunStore(url).close()
    return upgrade.call_count


def test_an_empty_database_is_migrated_by_one_process(processes, url):
    migrations = processes.map(open_and_count_migrations, [url] * 4)
    assert sorted(migrations) == [0, 0, 0, 1]
    store = RunStore(url)
    assert store.runs() == []
    store.close()


def begin(url):
    store = RunStore(url)
    together[4].wait()
    run = store.begin_run("m", "fingerprint", {}, [load_rubric("helpfulness")])
    store.close()
    return run.id, run.resumed


@pytest.mark.parametrize("ended", [True, False])
def test_an_unfinished_run_goes_to_one_process(processes, url, ended, monkeypatch):
    """The others begin runs of their own."""
    store = RunStore(url)
    monkeypatch.setattr("convexplain.store.store.this_process", lambda: f"{socket.gethostname()}:999999999")
    left = store.begin_run("m", "fingerprint", {}, [])
    if ended:
        store.end_run(left.id, "stopped", Spend())
    begun = list(processes.map(begin, [url] * 4))
    assert [number for number, resumed in begun if resumed] == [left.id]
    assert len({number for number, _ in begun}) == 4
    assert len(store.runs()) == 4
    store.close()


def begin_together(url):
    store = RunStore(url)
    together[4].wait()
    run = store.begin_run("m", "fingerprint", {}, [load_rubric("helpfulness")], join=True)
    together[4].wait()  # a process that has ended would be joined by nobody
    store.close()
    return run.id, bool(run.joined)


def test_of_four_that_begin_the_same_run_at_once_three_join_it(processes, url):
    RunStore(url).close()
    begun = list(processes.map(begin_together, [url] * 4))
    assert sorted(begun) == [(1, False), (1, True), (1, True), (1, True)]


def write(url, run, name, turn):
    """Keeps 200 conversations, judgements and replies that the other keeps too, and 200 that it does not."""
    store, rubric = RunStore(url), load_rubric("helpfulness")
    together[2].wait()
    store.begin_run("m", "fingerprint", {"of": name}, [rubric])
    for i in range(200):
        number = store.keep_conversation(Conversation(str(i), (Turn("user", "x"),)), run)
        for judged in (1, turn):
            judgement = Judgement(str(i), judged, "helpfulness", 0.5, "yes", name, Evidence(), "m", "sha")
            store.keep_judgement(run, number, rubric, judgement)
        store.put(f"both-{i}", "m", Reply("x"))
        store.put(f"{name}-{i}", "m", Reply(name))
    store.close()


def test_what_two_processes_keep_at_once_is_all_there(processes, url):
    store = RunStore(url)
    run = store.begin_run("m", "fingerprint", {}, []).id
    list(processes.map(write, [url] * 2, [run] * 2, ["a", "b"], [3, 5]))
    found = {}
    for conversation, judgement in store.judgements(run):
        found.setdefault(conversation.id, []).append((judgement.turn, judgement.reason))
    assert sorted(map(int, found)) == list(range(200))
    for judged in found.values():
        assert judged in ([(1, "a"), (3, "a"), (5, "b")], [(1, "b"), (3, "a"), (5, "b")])
    for i in range(200):
        assert [store.get(f"{name}-{i}").text for name in ("both", "a", "b")] == ["x", "a", "b"]
    store.close()
