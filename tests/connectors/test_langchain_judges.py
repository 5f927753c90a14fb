"""Every form of a judge in the hooks and evaluators: what they keep is what `Workspace.analyze` keeps."""

import asyncio
import hashlib
import logging

import pytest

from convexplain import Conversation, JudgeSpec, Turn, load_rubric
from convexplain.agreement.calibration import Calibration
from convexplain.connectors.langchain import (
    AsyncConvexplainCallbackHandler,
    ConvexplainCallbackHandler,
    ConvexplainMiddleware,
    Scorer,
    aevaluator,
    evaluator,
    run_evaluator,
)
from convexplain.connectors.langchain.history_queue import History
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UnavailableError, UsageError
from convexplain.store import RunStore, keep_calibration, run_rubrics
from convexplain.workspace import BackgroundJudge, Workspace

from .agents import Scripted, agent, asked

RUBRICS = ("helpfulness", "harm")
TALKS = [
    Conversation(f"c{i}", tuple(Turn(role, f"{role} {i} {j}") for j in range(3) for role in ("user", "assistant")))
    for i in range(4)
]
ABOUT_LOGS = ("logs", "conversations", "sample", "mark")  # settings that say where the conversations come from


def drawn(request):
    """A score with many digits, another one for each prompt, turn and draw."""
    digest = hashlib.sha256(request.key("x").encode()).digest()
    p = int.from_bytes(digest[:6]) / 2**48
    return {"yes": p, "no": 1 - p}


def explained(request):
    return drawn(request) if request.labels else '{"explanation": "so it is"}'


class World:
    """Stores with the same calibrations, and the models `low` and `strong` by their names."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.models, self.stores = folder, {}, {}
        self.answers = {"low": explained, "strong": explained}
        self.kind, self.options = ScriptedModel, {}
        monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", self.open)

    def open(self, name):
        self.models[name] = self.kind(self.answers[name], name=name, **self.options)
        return self.models[name]

    def store(self, name):
        if name not in self.stores:
            self.stores[name] = RunStore(str(self.folder / f"{name}.db"))
            for judge in ("low", "strong", "low samples=3", "strong samples=3"):
                for place, rubric in enumerate(RUBRICS):
                    slope = 0.5 + len(judge) / 7 + place
                    made = Calibration("platt", slope=slope, intercept=-0.3, threshold=0.4 + place / 9)
                    keep_calibration(self.stores[name], judge, load_rubric(rubric), made)
        return self.stores[name]

    @property
    def calls(self):
        return {name: len(model.requests) for name, model in self.models.items()}


@pytest.fixture
def world(tmp_path, monkeypatch):
    world = World(tmp_path, monkeypatch)
    yield world
    for store in world.stores.values():
        store.close()


def heard(scorer, talks=TALKS):
    for talk in talks:
        for end in (2, 4, 6):
            scorer.submit(History(talk.id, [{"role": t.role, "content": t.content} for t in talk.turns[:end]]))


def judgements(store, run):
    listed = [judgement for _, judgement in store.judgements(run)]
    return sorted(listed, key=lambda judgement: (judgement.conversation_id, judgement.turn, judgement.rubric))


def described(store, number):
    run = store.run(number)
    settings = {name: value for name, value in run.settings.items() if name not in ABOUT_LOGS}
    return run.judge, run.judge_spec, settings


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "options", "logprobs"),
    [
        ("low", {}, True),
        ("low", {}, False),
        ("low?samples=3", {}, True),
        ("low?reasons=all", {}, True),
        ("low?calibrated=yes", {}, True),
        ("low?escalate=strong&band=0.3", {}, True),
        ("low?samples=3&reasons=all&calibrated=yes&escalate=strong&band=0.2", {}, True),
        (JudgeSpec("low", calibrated=True, escalate=JudgeSpec("strong"), band=0.2), {}, True),
        ("low", {"samples": 3, "reasons": "all", "calibrated": True, "escalate": "strong", "band": 0.2}, True),
    ],
)
def test_a_hook_judges_as_analyze_does(world, spec, options, logprobs):
    world.options = {"logprobs": logprobs}
    analyzed = world.store("analyzed")
    run = Workspace(analyzed).analyze(TALKS, RUBRICS, spec, **options)
    calls = world.calls
    store = world.store("heard")
    with Scorer(spec, RUBRICS, store, **options) as scorer:
        heard(scorer)
    assert judgements(store, scorer.run) == judgements(analyzed, run.id)
    assert world.calls == calls
    assert all(calls.values()), "the second judge had something to do"
    assert store.run(scorer.run).spend.calls == sum(calls.values()), "both models count"
    assert described(store, scorer.run) == described(analyzed, run.id)
    assert sorted(rubric.sha for rubric in run_rubrics(store, scorer.run)) == sorted(r.sha for r in run.rubrics)
    settings = store.run(scorer.run).settings
    text = f"{spec}"
    assert ("calibrated" in settings) == ("calibrated" in text or "calibrated" in options)
    assert ("escalate" in settings) == ("escalate" in text or "escalate" in options)


def answered(prompt):
    return '{"label": "yes"}' if len(prompt) % 3 else '{"label": "no"}'


async def awaited(prompt):
    await asyncio.sleep(0)
    return answered(prompt)


@pytest.mark.slow
@pytest.mark.parametrize("function", [answered, awaited])
def test_a_function_is_a_judge(world, function):
    analyzed, store = world.store("analyzed"), world.store("heard")
    run = Workspace(analyzed).analyze(TALKS, RUBRICS, function)
    with Scorer(function, RUBRICS, store) as scorer:
        heard(scorer)
    assert judgements(store, scorer.run) == judgements(analyzed, run.id)
    assert described(store, scorer.run) == described(analyzed, run.id)
    assert store.run(scorer.run).judge_spec is None, "its name is not enough to build it again"
    score = evaluator("harm", function)(inputs="hi", outputs="ho")["score"]
    assert score == asyncio.run(aevaluator("harm", function)(inputs="hi", outputs="ho"))["score"]
    assert score is not None


@pytest.mark.slow
def test_what_was_kept_without_its_judge_is_judged_likewise_later(world):
    """`convexplain analyze --stored RUN` asks only what the hook did not."""
    store = world.store("s")
    with Scorer("low?calibrated=yes", RUBRICS, store) as scorer:
        heard(scorer)
    again = Workspace(store).analyze(stored=scorer.run, rubrics=RUBRICS, judge="low?calibrated=yes")
    assert judgements(store, again.id) == judgements(store, scorer.run)
    assert world.calls == {"low": 0}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ConvexplainCallbackHandler, AsyncConvexplainCallbackHandler])
def test_a_handler_flags_below_the_threshold_that_a_calibration_proposes(world, kind):
    world.answers["low"] = {"yes": 0.45, "no": 0.55}
    store, flagged = world.store("s"), []
    made = Calibration("isotonic", ((0.0, 0.0), (0.45, 0.6), (1.0, 1.0)), threshold=0.7)
    keep_calibration(store, "low", load_rubric("helpfulness"), made)
    for limits in ({}, {"helpfulness": 0.5}):
        judge = "low?calibrated=yes"
        with kind(judge, "helpfulness", store, limits, lambda low, talk: flagged.append(low.score)) as handler:
            Scripted().invoke("hi", {"callbacks": [handler]})
    assert flagged == [pytest.approx(0.6)], "0.6 is above a threshold of one's choice, and below the proposed one"


@pytest.mark.slow
def test_the_middleware_holds_back_what_the_second_judge_finds_bad(world):
    world.answers = {"low": {"yes": 0.55, "no": 0.45}, "strong": {"yes": 0.1, "no": 0.9}}
    store = world.store("s")
    middleware = ConvexplainMiddleware(
        "low", "harm", store, hold_back={"harm": 0.5}, on_failure="hold", replacement="No.", escalate="strong"
    )
    talker, config = agent(middleware=[middleware]), {"configurable": {"thread_id": "t"}}
    answer = talker.invoke(asked("hi"), config)["messages"][-1].content
    middleware.close(None)
    assert answer == "No."
    assert [judgement.model for judgement in judgements(store, middleware.scorer.run)] == ["strong"]


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_an_evaluator_is_calibrated_and_escalates(world, shared):
    world.answers = {"low": {"yes": 0.45, "no": 0.55}, "strong": {"yes": 0.9, "no": 0.1}}
    store = world.store("s")
    made = Calibration("isotonic", ((0.0, 0.0), (0.45, 0.3), (1.0, 1.0)), threshold=0.35)
    keep_calibration(store, "low", load_rubric("harm"), made)
    keep_calibration(
        store, "strong", load_rubric("harm"), Calibration("isotonic", ((0.0, 0.0), (0.9, 0.8), (1.0, 1.0)))
    )
    text = "low?calibrated=yes&escalate=strong&band={}"
    # The calibrated 0.3 is 0.05 from the proposed threshold, and 0.2 from the rubric's.
    for band, score, judge in ((0.04, 0.3, "low"), (0.1, 0.8, "strong")):
        with BackgroundJudge(text.format(band), cache=store) as background:
            chosen = background if shared else text.format(band)
            result = evaluator("harm", chosen, cache=store)(inputs="hi", outputs="ho")
        assert result["score"] == pytest.approx(score)
        assert (result["metadata"]["model"], result["metadata"]["threshold"]) == (judge, 0.35)
    options = {"calibrated": True, "escalate": "strong", "band": 0.1}
    assert run_evaluator("harm", "low", cache=store, **options).feedback_keys == ["harm"]


@pytest.mark.slow
def test_a_calibration_that_is_missing(world, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("CONVEXPLAIN_DB", str(tmp_path / "empty.db"))
    why = "calibrated: no calibration of low on harm is kept"
    result = evaluator("harm", "low?calibrated=yes")(inputs="hi", outputs="ho")
    assert result["score"] is None
    assert result["comment"].startswith(why)
    store = RunStore(str(tmp_path / "other.db"))
    with caplog.at_level(logging.WARNING), Scorer("low", RUBRICS, store, calibrated=True) as scorer:
        heard(scorer, TALKS[:1])
    assert (scorer.counts.judged, scorer.counts.failed, world.calls) == (0, 6, {"low": 0})
    assert [len(talk.turns) for talk in store.conversations(scorer.run)] == [6]
    assert len(caplog.records) == 1
    assert "no calibration of low on helpfulness, harm is kept" in caplog.text
    store.close()


# ---- a judge that is not there when the run begins


class Late(ScriptedModel):
    """Knows what it is only when it is prepared, as a server does."""

    there = False

    def __init__(self, *args, name, **options):
        super().__init__(*args, name=name, **options)
        self._fingerprint, self.name = "", "?"

    @property
    def fingerprint(self):
        if not self._fingerprint:
            raise UnavailableError("not yet known")
        return self._fingerprint

    @fingerprint.setter
    def fingerprint(self, value):
        self._fingerprint = value

    async def prepare(self):
        if not self.there:
            raise UnavailableError("not there")
        self._fingerprint, self.name = "low", "low"


@pytest.mark.slow
def test_a_run_that_begins_before_its_judge_is_there_says_what_it_was_judged_by(world, monkeypatch):
    run = Workspace(world.store("analyzed")).analyze(TALKS[:1], RUBRICS, "low?calibrated=yes")
    store, world.kind = world.store("s"), Late
    scorer = Scorer("low?calibrated=yes", RUBRICS, store)
    monkeypatch.setattr(scorer._background, "_pause", 0.0)
    with scorer:
        scorer.submit(History("c0", [{"role": "user", "content": "user 0 0"}]))
        assert scorer.flush(10)
        judge, spec, settings = described(store, scorer.run)
        assert (judge, spec, "calibrated" in settings) == ("?", "low?calibrated=yes", False)
        assert [talk.id for talk in store.conversations(scorer.run)] == ["c0"]
        monkeypatch.setattr(Late, "there", True)
        heard(scorer, TALKS[:1])
    assert described(store, scorer.run) == described(world.store("analyzed"), run.id)
    assert judgements(store, scorer.run) == judgements(world.store("analyzed"), run.id)


@pytest.mark.slow
def test_a_judge_that_never_comes_loses_no_conversation(world):
    store, world.kind = world.store("s"), Late
    with Scorer("low?calibrated=yes&escalate=strong", RUBRICS, store) as scorer:
        heard(scorer)
    assert sorted(talk.id for talk in store.conversations(scorer.run)) == [talk.id for talk in TALKS]
    run = store.run(scorer.run)
    assert run.judge_spec == "low?calibrated=yes&escalate=strong"
    assert run.settings["rubrics"] == {name: load_rubric(name).sha for name in RUBRICS}
    assert judgements(store, scorer.run) == []


def test_options_that_are_not_valid(world):
    for options in ({"samples": 0}, {"band": 2}, {"escalate": "low?band=0.3"}):
        with pytest.raises(UsageError):
            Scorer("low", RUBRICS, world.store("s"), **options)
