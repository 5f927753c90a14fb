"""`analyze --ray`: Ray on this machine, separate processes, a worker that is killed; scores as without Ray."""

import importlib.util
import json
import os
import signal
import time
from pathlib import Path

import pytest

from convexplain.store import RunStore

from .test_analyze import run, start

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'convexplain[ray]'"
    ),
]
SECONDS = 240  # for Ray to start on a busy machine, and the run


@pytest.fixture
def log(tmp_path):
    """A log of 130 conversations, which make three shards, with 260 assistant turns."""
    lines = []
    for i in range(130):
        texts = [f"Where is parcel {i}?", f"It left on day {i % 31}.", "And?", "A bad one." if i % 3 else f"It is {i}."]
        messages = [
            {"role": role, "content": text} for role, text in zip(["user", "assistant"] * 2, texts, strict=True)
        ]
        lines.append(json.dumps({"id": f"c{i}", "messages": messages}) + "\n")
    path = tmp_path / "log.jsonl"
    path.write_text("".join(lines))
    return path


def scores(db):
    store = RunStore(str(db))
    (judged,) = store.runs()
    assert judged.status == "done"
    places = {(talk.id, each.turn, each.rubric): each.score for talk, each in store.judgements(judged.id)}
    store.close()
    return places


def worker_of(process):
    """Return a process that judges shards, of those that this one has started; None where there is none yet."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, name = (folder / "status").read_text(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        parents[int(folder.name)] = int(status.partition("PPid:")[2].split()[0]), name
    for pid, (parent, name) in parents.items():
        if name.startswith(b"ray::MapWorker(Map(ShardJudge"):
            while parent not in (0, 1, process):
                parent = parents.get(parent, (0, b""))[0]
            if parent == process:
                return pid
    return None


def test_a_run_on_ray_with_a_killed_worker_has_the_scores_of_one_machine(stub, log, tmp_path):
    stub.seconds = 0.02
    judge = f"{stub.url}?model=stub&in_flight=4"
    options = [log, "--judge", judge, "--rubric", "helpfulness", "--reasons", "none"]
    ray = start(
        "analyze",
        *options,
        "--ray",
        "--ray-workers",
        "2",
        "--ray-folder",
        tmp_path / "shards",
        "--db",
        "ray.db",
        cwd=tmp_path,
    )
    deadline = time.monotonic() + SECONDS
    while len(stub.prompts) < 40 and ray.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    killed = worker_of(ray.pid)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    _, err = ray.communicate(timeout=SECONDS)
    assert ray.returncode == 0, err
    assert "Traceback" not in err
    asked = list(stub.prompts)
    assert len(set(asked)) == 260
    assert len(asked) - 260 <= 4 + 64  # the calls in flight, and the replies that were not written yet
    assert run("analyze", *options, "--db", "plain.db", cwd=tmp_path)[0] == 0
    assert scores(tmp_path / "ray.db") == scores(tmp_path / "plain.db")
    (folder,) = (tmp_path / "shards").iterdir()
    assert len(list((folder / "judgements").glob("*.parquet"))) == 3
    stub.prompts.clear()
    again = ["--ray", "--ray-folder", tmp_path / "shards", "--db", "ray.db"]
    assert run("analyze", "--stored", "1", *options[1:], *again, cwd=tmp_path)[0] == 0
    assert stub.prompts == []  # the store has the replies


def test_two_embedded_judges_on_ray_score_as_one_process_does(embedded_model, chats, tmp_path):
    options = [chats, "--judge", "embedded", "--reasons", "none", "--explain", "0"]
    run("analyze", *options, "--ray", "--ray-workers", "2", "--db", "ray.db", cwd=tmp_path)
    run("analyze", *options, "--db", "plain.db", cwd=tmp_path)
    first, second = scores(tmp_path / "ray.db"), scores(tmp_path / "plain.db")
    assert first.keys() == second.keys()
    assert len(first) == 36
    assert max(abs(first[place] - second[place]) for place in first) <= 1e-6
