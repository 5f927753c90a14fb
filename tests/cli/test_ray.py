"""`--ray`: Ray on this machine, separate processes, a worker that is killed; scores and explanations as without Ray."""

import importlib.util
import json
import os
import shutil
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


def run_on_ray(*args, cwd):
    """Run a command as `run` does, with time for Ray to start on a busy machine; it does not outlive the test."""
    process = start(*args, "--ray", "--ray-workers", "2", cwd=cwd)
    try:
        out, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert "Traceback" not in err, err
    return process.returncode, out, err


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


def test_turns_attributed_on_ray_get_the_attributions_of_one_machine(stub, chats, tmp_path):
    judge = ["--judge", f"{stub.url}?model=stub&in_flight=4", "--rubric", "helpfulness"]
    assert (
        run("analyze", chats, *judge, "--reasons", "none", "--explain", "0", "--db", "plain.db", cwd=tmp_path)[0] == 0
    )
    shutil.copy(tmp_path / "plain.db", tmp_path / "ray.db")
    bodies, asked = [], []
    for name, runs in (("plain", run), ("ray", run_on_ray)):
        stub.prompts.clear()
        command = ["attribute", "--below", "1", "--method", "loo", "--db", f"{name}.db", "--out", name]
        code, _, err = runs(*command, cwd=tmp_path)
        assert code == 0, err
        bodies.append((tmp_path / name / "run-1" / "attributions.jsonl").read_text().splitlines())
        asked.append(sorted(stub.prompts))
    assert len(bodies[0]) > 12  # 12 turns, on one level or several
    assert [without_seconds(line) for line in bodies[1]] == [without_seconds(line) for line in bodies[0]]
    assert asked[1] == asked[0]  # no worker asks what another one has asked, and the driver asks nothing


def without_seconds(line):
    return {name: value for name, value in json.loads(line).items() if name != "seconds"}


def test_two_embedded_judges_on_ray_score_as_one_process_does(embedded_model, chats, tmp_path):
    options = [chats, "--judge", "embedded", "--reasons", "none", "--explain", "0"]
    run_on_ray("analyze", *options, "--db", "ray.db", cwd=tmp_path)
    run("analyze", *options, "--db", "plain.db", cwd=tmp_path)
    first, second = scores(tmp_path / "ray.db"), scores(tmp_path / "plain.db")
    assert first.keys() == second.keys()
    assert len(first) == 36
    # Turns are read several at a time, and float32 adds up a little otherwise beside other turns.
    assert max(abs(first[place] - second[place]) for place in first) <= 1e-6
