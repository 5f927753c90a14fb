"""The judge in a thread of its own."""

import asyncio
import threading
import time

import pytest

from convexplain.agreement.calibration import Calibration
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UnavailableError, UsageError
from convexplain.models.chat import Spend
from convexplain.rubrics import load_rubric
from convexplain.store import RunStore, keep_calibration
from convexplain.workspace import BackgroundJudge
from tests.reference_scores import keep_scores


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
    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", lambda name: model)
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


@pytest.fixture
def store(tmp_path):
    store = RunStore(str(tmp_path / "s.db"))
    yield store
    store.close()


def calibrate(store, rubric, score, threshold=None, judge="scripted"):
    """Everything becomes this score."""
    keep_calibration(store, judge, rubric, Calibration("isotonic", ((0.0, score), (1.0, score)), threshold=threshold))


def test_calibrations_of_further_rubrics_are_looked_for_when_they_come(talk, helpfulness, store):
    harm = load_rubric("harm")
    calibrate(store, helpfulness, 0.3, threshold=0.9)
    with BackgroundJudge(Watched({"yes": 0.6, "no": 0.4}), [helpfulness], cache=store, calibrated=True) as judge:
        assert judge.as_judged(helpfulness) == helpfulness
        assert judge.judge(talk, 1, helpfulness).score == pytest.approx(0.3)
        assert judge.as_judged(helpfulness).threshold == 0.9
        with pytest.raises(UsageError, match="no calibration of scripted on harm is kept"):
            judge.judge(talk, 1, harm)
        calibrate(store, harm, 0.7)
        assert judge.judge(talk, 1, harm).score == pytest.approx(0.7)
    assert judge.model.events == ["prepared"]


def test_a_missing_calibration_is_not_looked_for_again_and_again(talk, helpfulness, store):
    with BackgroundJudge(model := Watched({"yes": 1.0}), [helpfulness], cache=store, calibrated=True) as judge:
        for _ in range(3):
            with pytest.raises(UsageError, match="no calibration of scripted on helpfulness"):
                judge.judge(talk, 1, helpfulness)
    assert (model.events, model.requests) == (["prepared"], [])


def test_a_judge_that_comes_back_keeps_its_scale_unless_it_is_another_model(talk, helpfulness, store):
    class Flaky(Watched):
        gone = False

        async def chat(self, requests):
            return [UnavailableError("gone") for _ in requests] if self.gone else await super().chat(requests)

    model = Flaky({"yes": 0.6, "no": 0.4})
    calibrate(store, helpfulness, 0.3)
    calibrate(store, helpfulness, 0.5, judge="another")
    with BackgroundJudge(model, [helpfulness], cache=store, calibrated=True, reasons="none", pause=0) as judge:
        for turn, fingerprint, score in ((1, "scripted", 0.3), (2, "scripted", 0.3), (3, "another", 0.5)):
            model.gone = True
            with pytest.raises(UnavailableError):
                judge.judge(talk, turn, helpfulness)
            calibrate(store, helpfulness, 0.3 if turn == 1 else 0.9)
            model.gone, model.fingerprint = False, fingerprint
            assert judge.judge(talk, turn, helpfulness).score == pytest.approx(score)
    assert judge.spend.calls == 3, "what it has cost adds up"


@pytest.mark.parametrize("gone", ["low", "strong"])
def test_a_second_judge(talk, helpfulness, monkeypatch, gone):
    models = {name: Watched({"yes": p, "no": 1 - p}, name=name) for name, p in (("low", 0.5), ("strong", 0.9))}
    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", models.__getitem__)
    with BackgroundJudge("low?escalate=strong") as judge:
        assert judge.spend == Spend()
        judgement = judge.judge(talk, 1, helpfulness)
        assert (judgement.score, judgement.model) == (pytest.approx(0.9), "strong")
        assert judge.spend.calls == 2
    assert [model.events for model in models.values()] == [["prepared", "closed"]] * 2

    async def prepare():
        raise UnavailableError(gone)

    models[gone].prepare = prepare
    with BackgroundJudge("low", escalate="strong") as judge, pytest.raises(UnavailableError, match=gone):
        judge.judge(talk, 1, helpfulness)


def test_a_calibrated_judge_finds_the_workspaces_store(talk, helpfulness, tmp_path, monkeypatch, store):
    monkeypatch.setenv("CONVEXPLAIN_DB", str(tmp_path / "s.db"))
    calibrate(store, helpfulness, 0.3)
    with BackgroundJudge(Watched({"yes": 1.0}), calibrated=True) as judge:
        assert judge.judge(talk, 1, helpfulness).score == pytest.approx(0.3)


HARM = load_rubric("harm")
SCORES = {"good": [0.5, 0.9], "rude": [0.25, 0.75]}


@pytest.mark.parametrize(
    ("options", "lowest", "state"),
    [
        ({}, 0.25, "benchmarked"),
        ({"samples": 3}, None, "unvalidated"),  # other scores, of which nothing is known
        ({"calibrated": True}, 0.4, "benchmarked"),  # the calibration maps 0.25 to 0.4
        ({"escalate": "strong", "band": 0.1}, None, "benchmarked"),  # of the first judge; scores of both are unknown
    ],
)
@pytest.mark.parametrize("prepared", [False, True])
def test_how_far_it_is_to_be_trusted(talk, store, monkeypatch, options, lowest, state, prepared):
    monkeypatch.setattr(
        "convexplain.workspace.judge_arguments.open_model", lambda name: ScriptedModel({"yes": 1.0}, name="strong")
    )
    keep_scores(store, HARM, SCORES)
    keep_calibration(store, "scripted", HARM, Calibration("isotonic", ((0.25, 0.4), (0.9, 0.6))))
    with BackgroundJudge(ScriptedModel({"yes": 1.0}), [HARM], cache=store, **options) as judge:
        if prepared:
            judge.judge(talk, 1, HARM)
        trust = judge.trust(HARM)
    known_later = options.get("calibrated") and not prepared
    assert (trust.rubric, trust.judge, trust.state) == ("harm", "scripted", state)
    assert trust.lowest == (None if known_later else lowest)


def test_without_a_cache_the_agreements_of_the_workspaces_store_count(store, tmp_path, monkeypatch):
    monkeypatch.setenv("CONVEXPLAIN_DB", str(tmp_path / "none.db"))
    assert BackgroundJudge(ScriptedModel("x")).trust(HARM).state == "unvalidated"
    assert not (tmp_path / "none.db").exists()
    keep_scores(store, HARM, SCORES)
    monkeypatch.setenv("CONVEXPLAIN_DB", store.place)
    assert BackgroundJudge(ScriptedModel("x")).trust(HARM).state == "benchmarked"


def test_the_default_judge():
    assert BackgroundJudge().model.name == "embedded"
