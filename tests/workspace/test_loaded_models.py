"""Models that stay loaded: counted with a fake kind, and once really with a tiny model."""

import asyncio
import gc
import os
import threading

import pytest

from convexplain import AsyncWorkspace, Conversation, Turn, Workspace, attribute, contrast, judge, load_rubric
from convexplain.connectors.infillers import CausalInfiller, ChatInfiller
from convexplain.connectors.models import ScriptedModel, local
from convexplain.connectors.models.local import LocalModel
from convexplain.errors import ModelError, UnavailableError
from convexplain.models.chat import LoadsWeights
from convexplain.models.infilling import FillsByModel
from convexplain.workspace import MEMORY, BackgroundJudge
from convexplain.workspace.build import open_judge
from convexplain.workspace.loaded_models import BIG, LOADED, LoadedModels, ModelUse
from tests.fake_infiller import WORD_SEARCH, FakeInfiller

MESSAGES = [{"role": "user", "content": "Where is my parcel?"}, {"role": "assistant", "content": "Bananas are yellow."}]


class Weights(ScriptedModel):
    """A model whose loads and closes are counted."""

    def __init__(self, name="fake", log=None, size=1, **options):
        super().__init__({"yes": 0.25, "no": 0.75}, name=name, **options)
        self.weight_bytes = 0
        self.log = log if log is not None else []
        self.size = size
        self.ready = False

    async def prepare(self):
        if not self.ready:
            await asyncio.sleep(0.01)
            self.log.append(f"load {self.name}")
            self.ready, self.weight_bytes = True, self.size

    async def chat(self, requests):
        return await super().chat(requests) if self.ready else [ModelError("not loaded") for _ in requests]

    async def aclose(self):
        if self.ready:
            self.log.append(f"close {self.name}")
        self.ready = False


@pytest.fixture
def log(monkeypatch):
    """What was loaded and closed of the models that are opened by name."""
    log = []
    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", lambda name: Weights(name, log))
    yield log
    Workspace(MEMORY).release_models()
    assert LOADED.idle == []


def score(name="fake"):
    (judgement,) = judge(MESSAGES, "helpfulness", name)
    return judgement.score


def test_what_loads_weights_and_what_does_not():
    assert isinstance(Weights(), LoadsWeights)
    assert isinstance(LocalModel("x"), LoadsWeights)
    assert not isinstance(ScriptedModel("x"), LoadsWeights)
    assert isinstance(CausalInfiller("x"), FillsByModel)
    assert isinstance(ChatInfiller(ScriptedModel("x")), FillsByModel)
    assert not isinstance(FakeInfiller(), FillsByModel)


def test_a_model_is_loaded_once_for_all_calls(log, monkeypatch):
    monkeypatch.setattr("convexplain.workspace.explainers.open_infiller", lambda name, cache=None: FakeInfiller())
    assert score() == score() == 0.25

    async def inside():  # in another loop, in another thread
        return score(), await AsyncWorkspace(MEMORY).judge(MESSAGES, "helpfulness", "fake")

    asyncio.run(inside())
    attribute(MESSAGES, -1, "helpfulness", "fake", budget=2)
    contrast(MESSAGES, -1, "helpfulness", "fake", question="revise", budget=2, **WORD_SEARCH)
    with BackgroundJudge("fake") as background:
        background.judge(*_talk())
    assert log == ["load fake"]


def _talk():
    return Conversation("c", tuple(Turn(**message) for message in MESSAGES)), 1, load_rubric("helpfulness")


def test_a_model_of_ones_own_and_one_behind_a_server_are_no_matter_of_it(monkeypatch, log):
    own = Weights("own", log)
    judge(MESSAGES, "helpfulness", own)
    judge(MESSAGES, "helpfulness", own)
    assert (log, own.ready) == (["load own"], True)
    closed = []

    class Served(ScriptedModel):
        async def aclose(self):
            closed.append(self.name)

    monkeypatch.setattr(
        "convexplain.workspace.judge_arguments.open_model", lambda name: Served({"yes": 1.0}, name=name)
    )
    judge(MESSAGES, "helpfulness", "served")
    assert closed == ["served"]


def test_a_few_stay_loaded_and_the_one_used_least_lately_is_closed(log):
    for name in ("a", "b", "c", "a", "d"):
        score(name)
    assert log == ["load a", "load b", "load c", "load d", "close b"]
    assert [model.name for model in LOADED.idle] == ["c", "a", "d"]


def test_other_weights_under_the_same_name_are_another_model(log, monkeypatch):
    score()

    def changed(name):
        model = Weights(name, log)
        model.fingerprint = "trained further"
        return model

    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", changed)
    score()
    score()
    assert log == ["load fake", "load fake"]


def test_a_fingerprint_that_is_known_only_after_the_load_is_no_reason_to_load_again(monkeypatch, log):
    class Fetched(Weights):
        @property
        def fingerprint(self):
            return "digest" if self.ready or "load x" in self.log else self.name

        @fingerprint.setter
        def fingerprint(self, value):
            pass

    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", lambda name: Fetched(name, log))
    score("x")
    score("x")
    assert log == ["load x"]


def test_a_big_one_makes_room_before_another_is_loaded(monkeypatch, log):
    monkeypatch.setattr(
        "convexplain.workspace.judge_arguments.open_model",
        lambda name: Weights(name, log, BIG + 1 if name == "big" else 1),
    )
    for name in ("small", "big", "big", "small", "other"):
        score(name)
    assert log == ["load small", "load big", "close big", "load other"]


def test_a_model_in_use_is_not_closed(log):
    async def go():
        async with open_judge("a") as first:
            for name in ("b", "c", "d", "e"):
                async with open_judge(name):
                    pass
            await AsyncWorkspace(MEMORY).release_models()
            assert first.model.ready
            async with open_judge("a") as second:
                assert second.model is first.model
        assert [model.name for model in LOADED.idle] == ["a"]

    asyncio.run(go())


def test_threads_that_begin_together_load_it_once(log):
    scores = []
    threads = [threading.Thread(target=lambda: scores.append(score())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert scores == [0.25] * 6
    assert log == ["load fake"]


def test_a_load_that_fails_leaves_nothing_and_is_tried_again(monkeypatch, log):
    class Broken(Weights):
        async def prepare(self):
            self.log.append("tried")
            raise UnavailableError("no weights")

    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", lambda name: Broken(name, log))
    for _ in range(2):
        with pytest.raises(UnavailableError, match="no weights"):
            score()
    assert log == ["tried", "tried"]
    assert LOADED.idle == []


def test_a_judge_that_is_chosen_and_never_used_holds_nothing(log):
    background = BackgroundJudge("fake")
    background.close()
    del background
    gc.collect()
    score()
    Workspace(MEMORY).release_models()
    assert log == ["load fake", "close fake"]


def test_a_background_judge_that_begins_again_uses_the_loaded_model(log):
    with BackgroundJudge("fake") as background:
        background.judge(*_talk())
        background.close()
        background.judge(*_talk())
        assert background.model.ready
        assert LOADED.idle == []
    assert [model.name for model in LOADED.idle] == ["fake"]
    assert log == ["load fake"]


def test_an_infiller_shares_the_judges_model_and_does_not_close_it(monkeypatch, log):
    monkeypatch.setattr(
        "convexplain.workspace.explainers.open_infiller",
        lambda name, cache=None: ChatInfiller(Weights(name.partition(":")[2], log), cache),
    )
    for _ in range(2):
        contrast(MESSAGES, -1, "helpfulness", "fake", infiller="chat:fake", question="revise", budget=2, **WORD_SEARCH)
    assert log == ["load fake"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_the_child_of_a_fork_has_none():
    models = LoadedModels()
    use = models.take(Weights())
    asyncio.run(models.prepare(use))
    asyncio.run(models.give_back(use))
    assert len(models.idle) == 1
    models.forget()
    assert models.idle == []


def test_a_use_that_is_closed_twice_counts_once(log):
    async def go():
        use = ModelUse(Weights("a", log))
        model = await use.prepare()
        assert await use.prepare() is model
        await use.aclose()
        await use.aclose()

    asyncio.run(go())
    assert [slot.users for slot in LOADED._slots] == [0]


def test_a_real_model_is_loaded_once(embedded_model, monkeypatch):
    name, loads, load = f"local:{embedded_model.folder}", [], local.LocalModel._load
    monkeypatch.setattr(local.LocalModel, "_load", lambda self: loads.append(self.name) or load(self))
    first, second = (judge(MESSAGES, "harm", name)[0].score for _ in range(2))
    assert first == pytest.approx(second, abs=1e-5)
    assert loads == [name]
    assert LOADED.idle[-1].weight_bytes > 100 << 20
    Workspace(MEMORY).release_models()
    assert judge(MESSAGES, "harm", name)[0].score == pytest.approx(first, abs=1e-5)
    assert len(loads) == 2
    Workspace(MEMORY).release_models()
    assert LOADED.idle == []
