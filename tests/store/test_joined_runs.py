"""Several commands on one store at the same time ask nothing twice, and make one run."""

import re

import pytest

from convexplain.store import RunStore
from tests.cli.test_analyze import run, start

pytestmark = pytest.mark.slow


def together(count, database, stub, chats, folder):
    """Give the same command so often at once; returns the outputs."""
    stub.seconds = 0.3
    args = ("analyze", chats, "--db", database, "--judge", f"{stub.url}?in_flight=4", "--rubric", "harm", "--rubric")
    processes = [start(*args, "helpfulness", "--out", f"out{i}", cwd=folder) for i in range(count)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * count, outputs
    return outputs


def check(count, database, stub, outputs, folder):
    """All made one run: 24 judgements, and a reason for each of the 12 low ones."""
    assert len(stub.prompts) == len(set(stub.prompts)) == 24
    assert len(stub.reasons) == len(set(stub.reasons)) == 12
    joined = [re.search(r"Joining run 1, which .* works on", err) for _, err in outputs]
    assert len(list(filter(None, joined))) == count - 1
    files = [(folder / f"out{i}" / "run-1" / "judgements.jsonl").read_text() for i in range(count)]
    assert len(set(files)) == 1
    store = RunStore(database)
    (stored,) = store.runs()
    assert (stored.status, stored.spend.calls) == ("done", 36)  # the calls of all of them together
    assert len(list(store.judgements(1))) == 24
    store.close()


def test_three_identical_commands_on_one_file(stub, chats, tmp_path):
    database = str(tmp_path / "shared.db")
    check(3, database, stub, together(3, database, stub, chats, tmp_path), tmp_path)


def test_two_identical_commands_on_postgresql(postgres, stub, chats, tmp_path):
    check(2, postgres, stub, together(2, postgres, stub, chats, tmp_path), tmp_path)


def test_problems_of_a_log_are_stored_once(stub, chats, tmp_path):
    database = str(tmp_path / "shared.db")
    chats.write_text(chats.read_text() + '\n{"messages": \n' * 3)
    stub.seconds = 0.3
    args = ("analyze", chats, "--db", database, "--judge", f"{stub.url}?in_flight=4", "--rubric", "harm")
    processes = [start(*args, "--out", f"out{i}", cwd=tmp_path) for i in range(2)]
    for process in processes:
        process.communicate(timeout=120)
    alone = str(tmp_path / "alone.db")
    run(*args[:2], "--db", alone, *args[4:], "--out", "out2", cwd=tmp_path)
    stores = RunStore(database), RunStore(alone)
    problems = [[str(problem) for problem in store.problems(1)] for store in stores]
    assert problems[0] == problems[1] != []
    for store in stores:
        store.close()
