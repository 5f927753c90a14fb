"""Turns that are explained on a cluster get the explanations of one machine: here its actor runs in this process."""

import json
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from convexplain import Conversation, Turn, Workspace
from convexplain.analysis.progress import Progress
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UnavailableError, UsageError
from convexplain.explain.explanations import TurnChoice
from convexplain.explain.settings import AttributionSettings, ContrastSettings
from convexplain.models.chat import Spend
from convexplain.store import RunStore
from convexplain.workspace import AttributionTask, Cluster, ContrastTask, ShortTask
from convexplain.workspace.cluster import RayCluster
from convexplain.workspace.turn_explainer import TurnReport, turn_report
from tests.fake_infiller import WORD_SEARCH, FakeInfiller

from .test_sharded_runs import OneProcess

TALKS = [
    Conversation(
        f"c{i}",
        (
            Turn("user", f"Where is parcel {i}?"),
            Turn("assistant", f"Bananas are yellow. Parcel {i} left our depot."),
            Turn("user", "And the address?"),
            Turn("assistant", "Bananas are yellow." if i % 2 else f"It is house {i}. Bananas are fine."),
        ),
    )
    for i in range(3)
]


def bananas(request):
    """Give 0.2 to a reply with bananas, 0.6 to one without where a banana stands before it, else 0.9."""
    before, _, reply = request.messages[0].content.rpartition("</conversation>")[0].rpartition("assistant:")
    share = 0.2 if "Bananas" in reply else 0.6 if "Bananas" in before else 0.9
    return {"yes": share, "no": 1 - share}


@pytest.fixture
def clusters(monkeypatch):
    monkeypatch.setattr("convexplain.workspace.cluster._import_ray", lambda: None)
    joined = []

    @asynccontextmanager
    async def connected(settings):
        if settings:
            joined.append(OneProcess(settings))
        yield joined[-1] if settings else None

    monkeypatch.setattr("convexplain.workspace.methods.explanations.connected", connected)
    return joined


def judged(path, model=None):
    """Return a workspace with a run of all six assistant turns, which score 0.2."""
    ws = Workspace(path)
    ws.analyze(TALKS, ["helpfulness"], model or ScriptedModel(bananas), reasons="none")
    return ws


def without_time(body):
    """Return the JSON of a body without the seconds that something took."""
    return re.sub(r'"seconds": [^,}]+', "", json.dumps(body))


LOO = AttributionTask(AttributionSettings("loo", ("turn", "sentence")))
WORDS = ContrastTask(ContrastSettings(question="rescore", **WORD_SEARCH))


@pytest.mark.parametrize(("task", "turns"), [(LOO, 6), (WORDS, 3)])
def test_explanations_of_a_cluster_are_those_of_one_machine(clusters, tmp_path, task, turns):
    options = {"task": task, "turns": TurnChoice(below=0.5), "infiller": FakeInfiller()}
    first, second = judged(tmp_path / "plain.db"), judged(tmp_path / "cluster.db")
    plain = first.explain_turns(1, judge=ScriptedModel(bananas), **options)
    remote = second.explain_turns(1, judge=ScriptedModel(bananas), cluster="local", **options)
    assert without_time(remote.to_dict()) == without_time(plain.to_dict())
    assert [(item.turn.number, item.turn.turn) for item in remote.explained] == [
        (item.turn.number, item.turn.turn) for item in plain.explained
    ]
    assert len(clusters[-1].done) == len(plain.explained) == turns
    assert second.explain_turns(1, judge=ScriptedModel(bananas), cluster="local", **options).to_dict()
    assert clusters[-1].done == []  # all explanations were kept


def test_findings_are_explained_on_a_cluster_and_paid_for_there(clusters, tmp_path):
    paid, steps = [], []

    class Spending(Progress):
        def spent(self, *spends):
            paid.append(sum(spend.calls for spend in spends))

        def begin(self, task, total=None):
            steps.append((task, total))

    explanations, calls = [], []
    for name, cluster in (("plain", None), ("cluster", "local")):
        ws = judged(tmp_path / f"{name}.db")
        model, task = ScriptedModel(bananas), replace(ShortTask(), contrast=None)
        found = ws.run().worst(4)
        explanations.append(ws.explain(found, judge=model, task=task, cluster=cluster, progress=Spending()))
        calls.append((paid[-1], len(model.requests)))
    plain, remote = explanations
    assert len(plain) == 4
    for one, other in zip(plain, remote, strict=True):
        assert without_time(other.to_dict()) == without_time(one.to_dict())
    assert calls[0] == calls[1]  # the driver knows what its workers have asked
    assert calls[0][0] == calls[0][1] > 0
    assert steps[1:] == [("explaining on the cluster", 4), ("explaining", 4)]


def test_a_model_that_is_gone_ends_the_work_with_its_reason(clusters, tmp_path):
    ws = judged(tmp_path / "a.db")
    gone = ScriptedModel(lambda request: UnavailableError("no credit"))
    with pytest.raises(UnavailableError, match="no credit"):
        ws.explain_turns(1, LOO, judge=gone, cluster="local")


def test_a_worker_with_another_model_is_refused(clusters, tmp_path, monkeypatch):
    ws = judged(tmp_path / "a.db")
    work = "convexplain.workspace.cluster.ExplanationWork"
    monkeypatch.setattr(work, lambda **fields: SimpleNamespace(**{**fields, "fingerprint": "another"}))
    with pytest.raises(UsageError, match="another model answers than where the explanations were begun"):
        ws.explain_turns(1, LOO, judge=ScriptedModel(bananas), cluster="local")


@pytest.mark.parametrize(("machines", "store"), [(1, "memory"), (2, "a.db")])
def test_a_store_that_no_worker_reaches_is_refused(tmp_path, machines, store):
    nodes = SimpleNamespace(nodes=lambda: [{"Alive": True}] * machines)
    kept = RunStore("sqlite://" if store == "memory" else str(tmp_path / store))
    with pytest.raises(UsageError, match="valid are a PostgreSQL store, and a file where Ray runs on this machine"):
        RayCluster(Cluster("auto"), nodes).explaining(kept, LOO, None, Progress())


def test_a_report_travels_as_a_row():
    report = TurnReport("c1:3 harm", (Spend(calls=2), Spend()))
    assert turn_report(report.row) == report
