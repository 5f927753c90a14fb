"""Kinds of work that `kills.py` kills: each on a store, with a stub as the endpoint."""

import contextlib
import json
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from convexplain import Conversation, Turn, Workspace, load_rubric
from convexplain.connectors.models import ScriptedModel
from convexplain.explain.explanations import TurnChoice
from convexplain.store import RunStore, keep_conversations
from convexplain.store.jobs import add_job, find_job
from convexplain.workspace import AttributionTask, ContrastTask, JudgeSpec
from convexplain.workspace.job_specs import AnalyzeJob, job_settings
from convexplain.workspace.jobs import job_state, list_jobs, resume_job, start_job
from convexplain.workspace.processes import lives
from convexplain.workspace.worker import do_job

IN_FLIGHT = 8
RUBRICS = ("helpfulness", "harm")
TALKS = 40
SECONDS = 0.02  # an answer takes


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work: `do` is done in a store at `db`, after `prepare`, with an endpoint at `url`.

    Where `makes_run`, the same work after its end makes another run: a kill between both ends a round. `kill_others`
    kills further processes of the work, or none.
    """

    do: Callable[[str, str], None]
    prepare: Callable[[str, str], None] = field(default=lambda db, url: None)
    in_flight: int = IN_FLIGHT
    makes_run: bool = False
    kill_others: Callable[[str, random.Random], None] = field(default=lambda db, rng: None)


def talks() -> list[Conversation]:
    """Return conversations of four turns."""
    return [
        Conversation(
            f"c{i}",
            (
                Turn("user", f"Where is parcel {i}? I ordered it last week."),
                Turn("assistant", f"Parcel {i} left our depot on Monday. It arrives tomorrow. Please be at home."),
                Turn("user", "Can I change the address?"),
                Turn("assistant", f"No. Parcel {i} is on its way. You could ask a neighbour. Or call the depot."),
            ),
            "kills",
        )
        for i in range(TALKS)
    ]


def log(folder: Path) -> Path:
    """Write the conversations as a log, and return its path."""
    path = folder / "chats.jsonl"
    if not path.exists():
        lines = ({"id": t.id, "messages": [{"role": u.role, "content": u.content} for u in t.turns]} for t in talks())
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def label_file(folder: Path) -> Path:
    """Write labels of all assistant turns, and return their path."""
    path = folder / "labels.csv"
    rows = [f"c{i},{turn},{((i + turn) % 4) / 3}" for i in range(TALKS) for turn in (1, 3)]
    path.write_text("\n".join(["conversation,turn,score", *rows]) + "\n")
    return path


def _judge(url: str) -> str:
    return f"{url}?model=stub&in_flight={IN_FLIGHT}"


def analyze_talks(db: str, url: str) -> None:
    workspace = Workspace(db)
    workspace.analyze(talks(), RUBRICS, _judge(url), reasons="none")
    workspace.close()


def _judged(db: str, url: str) -> None:
    workspace = Workspace(db)
    workspace.analyze(talks()[:12], RUBRICS, _judge(url), reasons="none")
    workspace.close()


def _attribute(db: str, url: str) -> None:
    workspace = Workspace(db)
    workspace.explain_turns(1, AttributionTask(), TurnChoice(worst=12))
    workspace.close()


def _contrast(db: str, url: str) -> None:
    workspace = Workspace(db)
    workspace.explain_turns(1, ContrastTask(), TurnChoice(worst=12), editors=["delete"])
    workspace.close()


def _import(db: str, url: str) -> None:
    workspace = Workspace(db)
    workspace.import_logs(Path(os.environ["KILLS_LOG"]))
    workspace.close()


def import_talks(db: str) -> None:
    store = RunStore(db)
    keep_conversations(store, talks())
    store.close()


def _train(db: str, url: str) -> None:
    """Read the hidden states of labelled turns by a scripted model; what was read is kept."""
    model = ScriptedModel(lambda request: tuple(float(ord(c) % 7) for c in request.reply[:8]), seconds=SECONDS)
    workspace = Workspace(db)
    rubric = load_rubric("helpfulness")
    labels = Path(os.environ["KILLS_LABELS"])
    workspace.train_head(talks(), labels, rubric=rubric, model=model)
    workspace.close()


def _job(url: str) -> AnalyzeJob:
    return AnalyzeJob((Path(os.environ["KILLS_LOG"]),), RUBRICS, JudgeSpec.parse(_judge(url)), explain=0)


def _begin_job(db: str, url: str) -> None:
    store = RunStore(db)
    add_job(store, "analyze", job_settings(_job(url)), ".", None, "here")
    store.close()


def _work_at_job(db: str, url: str) -> None:
    store = RunStore(db)
    do_job(store, 1)
    assert find_job(store, 1).error is None, find_job(store, 1).error
    store.close()


def _serve(db: str, url: str) -> None:
    """Start the job, or go on with it where it is named as stopped, and look at it until it is done."""
    states = list_jobs(db)
    number = states[0].job.id if states else start_job(db, _job(url))
    resumed = False
    while (state := job_state(db, number)).status == "running" or (state.status == "stopped" and not resumed):
        if state.status == "stopped":  # maybe only now: a killed process takes a moment to end
            resume_job(db, number)
            resumed = True
        time.sleep(0.05)
    while lives(Path(state.job.folder), state.job.process):  # its process ends after its job
        time.sleep(0.05)
    assert (state.status, len(list_jobs(db))) == ("done", 1), state


def _kill_job(db: str, rng: random.Random) -> None:
    if rng.random() < 0.5 and Path(db).exists() and (states := list_jobs(db)) and states[0].job.process:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(states[0].job.process, signal.SIGKILL)


WORKS: dict[str, Work] = {
    "analyze": Work(analyze_talks, makes_run=True),
    "postgresql": Work(analyze_talks, makes_run=True),
    "job": Work(_work_at_job, _begin_job, makes_run=True),
    "server": Work(_serve, makes_run=True, kill_others=_kill_job),
    "attribute": Work(_attribute, _judged),
    "contrast": Work(_contrast, _judged),
    "import": Work(_import, in_flight=0),
    "train": Work(_train, in_flight=0),
}
