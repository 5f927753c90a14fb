"""Who judges what comes after `analyze`: the endpoint that a run remembers, with its options."""

import pytest

from convexplain import Workspace
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.explain.pairs import PairSettings
from convexplain.explain.settings import AttributionSettings, ContrastSettings
from convexplain.workspace import AttributionTask, ContrastTask, FidelitySettings, judge_arguments
from tests.fake_infiller import WORD_SEARCH, FakeInfiller
from tests.reviewed_contrasts import accept_all
from tests.stub_server import StubServer

from .test_explanations import LOO, talk
from .test_functions import depot

WORDS = AttributionTask(AttributionSettings("clime", ("sentence", "word")))


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace(tmp_path / "store.db")
    yield opened
    opened.close()


@pytest.fixture
def strong(socket_enabled):
    server = StubServer()
    yield server
    server.close()


@pytest.fixture
def opened(monkeypatch):
    """The models that are opened, each with its address."""
    models = []

    def open_model(address, right=judge_arguments.open_model):
        models.append((address, right(address)))
        return models[-1][1]

    monkeypatch.setattr(judge_arguments, "open_model", open_model)
    return models


def forget(opened, *servers):
    opened.clear()
    for server in servers:
        server.keys.clear()
        server.at_once = 0


def options(model):
    return model.in_flight, model.timeout


@pytest.mark.slow
@pytest.mark.loopback
def test_what_comes_after_asks_the_same_endpoint_with_the_same_options(workspace, stub, opened, monkeypatch):
    monkeypatch.setenv("FIRST_KEY", "one")
    stub.seconds = 0.01
    stub.probability = lambda prompt: 0.2 if "depot" in prompt else 0.9
    run = workspace.analyze([talk("a")], "helpfulness", f"{stub.url}?key=FIRST_KEY&in_flight=1&timeout=9").run
    address = f"{stub.url}?model=stub&in_flight=1&timeout=9&key=FIRST_KEY"
    assert run.judge_spec == address
    for use in (
        lambda: workspace.explain_turns(run.id, WORDS),
        lambda: workspace.explain_turns(
            run.id, ContrastTask(ContrastSettings(question="rescore", **WORD_SEARCH)), infiller=FakeInfiller()
        ),
        lambda: workspace.fidelity(run.id, settings=FidelitySettings("word")),
        lambda: workspace.export(run.id, "jsonl", workspace.store.place + ".data", settings=PairSettings()),
    ):
        accept_all(workspace.store, run.id)
        forget(opened, stub)
        use()
        ((name, model),) = opened
        assert (name, options(model)) == (address, (1, 9.0))
        assert set(stub.keys) == {"Bearer one"}
        assert stub.at_once <= 1
    assert stub.prompts


@pytest.mark.slow
@pytest.mark.loopback
def test_a_turn_of_the_second_judge_is_explained_and_measured_by_it(workspace, stub, strong, opened, monkeypatch):
    monkeypatch.setenv("FIRST_KEY", "one")
    monkeypatch.setenv("SECOND_KEY", "two")
    stub.probability = lambda prompt: 0.4
    strong.probability = lambda prompt: 0.2 if "depot" in prompt else 0.9
    second = f"{strong.url}?key=SECOND_KEY&in_flight=2&timeout=7"
    run = workspace.analyze(
        [talk("a")], "helpfulness", f"{stub.url}?key=FIRST_KEY", turns="last", escalate=second, band=0.2
    ).run
    address = f"{strong.url}?model=stub&in_flight=2&timeout=7&key=SECOND_KEY"
    for use in (lambda: workspace.explain_turns(run.id, LOO), lambda: workspace.fidelity(run.id)):
        forget(opened, stub, strong)
        use()
        ((name, model),) = opened
        assert (name, options(model)) == (address, (2, 7.0))
        assert (set(strong.keys), stub.keys) == ({"Bearer two"}, [])
        assert strong.at_once <= 2


def verdict(prompt):
    return '{"label": "no"}'


@pytest.mark.slow
@pytest.mark.parametrize("judge", [ScriptedModel(depot), verdict])
def test_a_judge_that_cannot_be_opened_by_its_name_has_to_be_named(workspace, judge):
    run = workspace.analyze([talk("a")], "helpfulness", judge)
    assert run.run.judge_spec is None
    words = r"run 1 was judged by '.*', which cannot be opened by that name: name a judge \(--judge, or judge= from"
    with pytest.raises(UsageError, match=words):
        workspace.explain_turns(run.id, LOO)
    assert workspace.plan_explanations(run.id, LOO)[0].turns, "a plan opens nothing"
    assert workspace.explain_turns(run.id, LOO, judge=judge).explained
    with pytest.raises(UsageError, match=words):
        workspace.fidelity(run.id)
    assert workspace.fidelity(run.id, judge).orders
