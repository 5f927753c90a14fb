"""The same log and judge give equal judgements by the same number of calls, whichever way they are asked for."""

import asyncio
from collections import Counter
from dataclasses import asdict

import pytest
from click.testing import CliRunner

from convexplain import JudgeSpec, Workspace, load_rubric, read_log
from convexplain.agreement.calibration import Calibration
from convexplain.cli.main import cli
from convexplain.connectors.langchain import Scorer
from convexplain.connectors.langchain.history_queue import History
from convexplain.store import RunStore, keep_calibration
from convexplain.workspace.build import open_calls
from convexplain.workspace.job_specs import AnalyzeJob
from convexplain.workspace.jobs import start_job, wait_for_job
from convexplain.workspace.scales import calibration_key

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]

# Raw scores of 0.1 become 0.31, those of 0.9 become 0.83: with a band of 0.25 only the former are asked again.
MAP = Calibration(
    "isotonic", ((0.1, 0.31), (0.9, 0.83)), threshold=0.55, about={"judge": "cheap", "rubric": "helpfulness"}
)
RUBRICS = ("helpfulness", "harm")


def by_command_line(spec, database, log, folder):
    rubrics = [word for name in RUBRICS for word in ("--rubric", name)]
    arguments = [
        "analyze",
        log,
        "--judge",
        spec.text,
        "--db",
        database,
        "--out",
        folder / "out",
        *rubrics,
        "--explain",
        0,
    ]
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments], standalone_mode=False)
    assert result.exception is None, result.output


def by_workspace(spec, database, log, folder):
    Workspace(database).analyze(log, RUBRICS, spec)


def by_job(spec, database, log, folder):
    job = start_job(str(database), AnalyzeJob((log,), RUBRICS, spec, explain=0))
    state = wait_for_job(str(database), job, 120)
    assert state.status == "done", state


def by_hook(spec, database, log, folder):
    with Scorer(spec.text, RUBRICS, database) as scorer:
        for talk in read_log(log):
            scorer.submit(History(talk.id, [{"role": turn.role, "content": turn.content} for turn in talk.turns]))
        assert scorer.flush(60)


WAYS = {"command line": by_command_line, "workspace": by_workspace, "job": by_job, "hook": by_hook}


@pytest.fixture
def asked(stub, chats, tmp_path, monkeypatch):
    """Asks in a way, in a fresh store that holds the calibration; gives the judgements and the calls of each model."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))  # where jobs have their folders
    stub.by_model = {
        "cheap": lambda prompt: 0.1 if "bad" in prompt.rsplit("\nassistant: ", 1)[-1] else 0.9,
        "strong": lambda prompt: 0.37,
    }
    strong = JudgeSpec(f"{stub.url}?model=strong", in_flight=2)
    spec = JudgeSpec(
        f"{stub.url}?model=cheap", in_flight=3, timeout=60, calibrated=True, escalate=strong, band=0.25, reasons="all"
    )

    async def key():
        async with open_calls(spec.raw()) as calls:
            return calibration_key(calls.model, None)

    judge = asyncio.run(key())

    def ask(way):
        database = tmp_path / f"{way.replace(' ', '-')}.db"
        store = RunStore(str(database))
        for rubric in RUBRICS:
            keep_calibration(store, judge, load_rubric(rubric), MAP)
        before = len(stub.bodies)
        WAYS[way](spec, database, chats, tmp_path)
        calls = Counter(body["model"] for body in stub.bodies[before:])
        run = store.run()
        judgements = {
            (judgement.conversation_id, judgement.turn, judgement.rubric): asdict(judgement)
            for _, judgement in store.judgements(run.id)
        }
        store.close()
        return judgements, calls, run

    return ask


@pytest.mark.parametrize("way", [way for way in WAYS if way != "workspace"])
def test_a_judgement_is_the_same_whichever_way_it_is_asked_for(asked, way):
    judgements, calls, run = asked("workspace")
    others, other_calls, other_run = asked(way)
    assert len(judgements) == 24
    # The threshold is the calibration's 0.55: 0.31 lies within 0.25 of it, 0.83 does not.
    assert {round(judgement["score"], 2) for judgement in judgements.values()} == {0.83, 0.37}
    assert calls == {"cheap": 24, "strong": 12}  # half of the turns are bad, on two rubrics
    assert all(judgement["reason"] == "It is 'bad'." for judgement in judgements.values())
    assert others == judgements  # to the last digit, with reasons and evidence
    assert other_calls == calls
    assert other_run.judge_spec == run.judge_spec
    assert other_run.settings["rubrics"] == run.settings["rubrics"]
    for name in ("calibrated", "escalate", "samples", "explain"):
        assert other_run.settings[name] == run.settings[name]
