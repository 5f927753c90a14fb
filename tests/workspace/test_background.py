"""The judge in a thread of its own."""

import asyncio
import threading
import time

import pytest

from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UnavailableError
from convexplain.workspace.background import BackgroundJudge


class Watched(ScriptedModel):
    def __init__(self, *told, **more):
        super().__init__(*told, **more)
        self.events = []

    async def prepare(self):
        self.events.append("prepared")

    async def aclose(self):
        self.events.append("closed")


def test_it_judges_from_anywhere(talk, helpfulness):
    model = Watched({"yes": 1.0})
    before = threading.enumerate()

    async def inside():
        return judge.judge(talk, 1, helpfulness)

    with BackgroundJudge(model) as judge:
        assert not judge.working
        assert judge.judge(talk, 1, helpfulness).score == 1.0
        assert asyncio.run(inside()).score == 1.0
        assert judge.working
    assert not judge.working
    assert model.events == ["prepared"], "a model of one's own is not closed"
    assert len(model.requests) == 1, "the second one was known"
    assert {thread for thread in threading.enumerate() if thread.name == "convexplain-judge"} <= {*before}


def test_a_model_opened_by_its_name_is_closed(talk, helpfulness, monkeypatch):
    model = Watched({"yes": 1.0})
    monkeypatch.setattr("convexplain.workspace.background.open_model", lambda name: model)
    with BackgroundJudge("name") as judge:
        judge.judge(talk, 1, helpfulness)
    assert model.events == ["prepared", "closed"]


def test_it_can_begin_anew(talk, helpfulness):
    judge = BackgroundJudge(Watched({"yes": 1.0}))
    for _ in range(2):
        assert judge.judge(talk, 1, helpfulness).score == 1.0
        judge.close()
    judge.close()
    assert judge.model.events == ["prepared"] * 2


def test_what_is_under_way_at_the_close_is_cancelled(talk, helpfulness):
    judge = BackgroundJudge(ScriptedModel({"yes": 1.0}, seconds=600))
    work = judge.submit(judge.judge_turn(talk, 1, helpfulness))
    while not judge.model.requests:
        time.sleep(0.005)
    judge.close()
    assert work.cancelled()


def test_a_model_that_is_gone_is_not_asked_again_for_a_while(talk, helpfulness):
    class Gone(Watched):
        async def prepare(self):
            await super().prepare()
            raise UnavailableError("gone")

    with BackgroundJudge(model := Gone("x")) as judge:
        for _ in range(3):
            with pytest.raises(UnavailableError, match="gone"):
                judge.judge(talk, 1, helpfulness)
    assert model.events == ["prepared"]
    with BackgroundJudge(model := Gone("x"), pause=0) as judge:
        for _ in range(3):
            with pytest.raises(UnavailableError, match="gone"):
                judge.judge(talk, 1, helpfulness)
    assert model.events == ["prepared"] * 3


def test_a_model_that_goes_while_it_judges_may_come_back(talk, helpfulness):
    class Flaky(Watched):
        async def chat(self, requests):
            if len(self.events) == 1:
                return [UnavailableError("gone") for _ in requests]
            return await super().chat(requests)

    with BackgroundJudge(model := Flaky({"yes": 1.0}), pause=0) as judge:
        with pytest.raises(UnavailableError):
            judge.judge(talk, 1, helpfulness)
        assert judge.judge(talk, 1, helpfulness).score == 1.0
    assert model.events == ["prepared"] * 2
