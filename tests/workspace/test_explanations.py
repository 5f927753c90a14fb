"""Turns of a run explained by the workspace, with scripted models."""

import asyncio

import pytest

from convexplain import AsyncWorkspace, Conversation, Turn, Workspace
from convexplain.analysis.progress import Progress
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import StoreError, UnavailableError, UsageError
from convexplain.explain.explanations import TurnChoice
from convexplain.explain.settings import AttributionSettings, ContrastSettings
from convexplain.workspace import AttributionTask, ContrastTask, ShortTask
from tests.fake_infiller import WORD_SEARCH, FakeInfiller

from .test_functions import PARCEL, answers, bananas, depot

WORDS = ContrastTask(ContrastSettings(question="rescore", **WORD_SEARCH))
REGENERATE = ContrastTask(ContrastSettings(**WORD_SEARCH))

LOO = AttributionTask(AttributionSettings("loo", ("turn",)))


def talk(name, last=PARCEL[-1]["content"]):
    texts = [message["content"] for message in PARCEL[:-1]] + [last]
    return Conversation(name, tuple(Turn(message["role"], text) for message, text in zip(PARCEL, texts, strict=True)))


class Told(Progress):
    """Remembers what it is told."""

    def __init__(self):
        self.events = []

    def begin(self, task, total=None):
        self.events.append((task, total))

    def end(self):
        self.events.append("end")

    def doing(self, item):
        self.events.append(item)

    def note(self, text):
        self.events.append(text)


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace(tmp_path / "store.db")
    yield opened
    opened.close()


@pytest.fixture
def judge():
    return ScriptedModel(depot)


@pytest.fixture
def run(workspace, judge):
    """Two conversations whose last turns score 0.2; the first turns have nothing before them that may be edited."""
    return workspace.analyze([talk("a"), talk("b")], "helpfulness", judge)


def test_contrasts_of_the_worst_turns_are_handed_over_and_kept(workspace, run, judge):
    shown, progress, infiller = [], Told(), FakeInfiller()

    def show(turn, contrast):
        shown.append((turn.conversation.id, turn.turn, contrast.found))

    turns = workspace.explain_turns(run.id, WORDS, judge=judge, infiller=infiller, on_result=show, progress=progress)
    assert shown == [("a", 3, True), ("b", 3, True)]
    assert [(item.turn.conversation.id, item.result.edits[0].after) for item in turns.explained] == [
        ("a", "lorry"),
        ("b", "lorry"),
    ]
    assert (len(turns.chosen), turns.unscored, turns.failed) == (2, 0, 0)
    assert [body["found"] for body in turns.to_dict()] == [True, True]
    assert progress.events[1:] == [("explaining", 2), "a:3 helpfulness", "b:3 helpfulness", "end"]
    assert "The noise of this judge was not measured" in progress.events[0]
    requests, holes = len(judge.requests), len(infiller.asked)
    again = workspace.explain_turns(run.id, WORDS, judge=judge, infiller=infiller)
    assert again.to_dict() == turns.to_dict()
    assert (len(judge.requests), len(infiller.asked)) == (requests, holes)


def test_attributions_of_a_named_turn_need_no_infiller(workspace, run, judge):
    choice = TurnChoice(place=("b", 3))
    (item,) = workspace.explain_turns(run.id, LOO, choice, judge=judge, infiller="none such").explained
    (turns,) = item.result
    assert (item.turn.conversation.id, item.turn.turn) == ("b", 3)
    assert turns.scores_without == pytest.approx((0.2, 0.9, 0.2))


def test_a_responder_answers_anew(workspace, run):
    bot, other = ScriptedModel(answers, name="bot"), ScriptedModel(bananas, name="other")
    turns = workspace.explain_turns(
        run.id, REGENERATE, TurnChoice(place=("a", 3)), ["helpfulness"], other, bot, FakeInfiller()
    )
    (contrast,) = [item.result for item in turns.explained]
    assert (contrast.question, contrast.response_after) == ("regenerate", "To your office.")


def test_the_async_form_gives_the_same(workspace, run, judge):
    later = AsyncWorkspace(workspace.store).explain_turns(run.id, LOO, judge=judge)
    assert asyncio.run(later).to_dict() == workspace.explain_turns(run.id, LOO, judge=judge).to_dict()


def test_a_plan_asks_nothing(workspace, run, judge):
    asked = len(judge.requests)
    (scope,) = workspace.plan_explanations(
        run.id, ContrastTask(ContrastSettings(question="rescore", budget=7)), judge=judge
    )
    assert ([turn.conversation.id for turn in scope.turns], scope.judge_name) == (["a", "b"], "scripted")
    assert ContrastTask(ContrastSettings(question="rescore", budget=7)).most(scope.turns) == 2 * (7 + 5)
    (scope,) = workspace.plan_explanations(run.id, LOO, TurnChoice(below=1.0), judge=judge)
    assert LOO.most(scope.turns) >= 3 * len(scope.turns)
    (scope,) = workspace.plan_explanations(run.id, WORDS, TurnChoice(place=("a", 1)), judge=judge)
    assert (len(scope.chosen), scope.turns) == (1, [])
    assert scope.notes == ["a:1 is left out: nothing to edit: no earlier assistant turn."]
    assert len(judge.requests) == asked


def test_what_was_explained_until_a_model_is_gone_is_kept(workspace, judge):
    run = workspace.analyze([talk("a"), talk("b", "Bananas are green.")], "helpfulness", judge)
    broken = ScriptedModel(
        lambda request: UnavailableError("gone") if "green" in request.messages[0].content else depot(request)
    )
    shown, progress = [], Told()
    with pytest.raises(UnavailableError, match="gone"):
        workspace.explain_turns(
            run.id,
            WORDS,
            judge=broken,
            infiller=FakeInfiller(lambda masked: ["lorries"]),
            on_result=lambda turn, contrast: shown.append(turn.conversation.id),
            progress=progress,
        )
    assert shown == ["a"]
    assert progress.events[-2:] == ["end", "What was found until here is kept."]


def test_a_finding_is_explained_both_ways(workspace, run, judge):
    finding = next(finding for finding in run.worst(4) if finding.index == 3)
    task = ShortTask(contrast=ContrastSettings("cross", question="revise", budget=40, **WORD_SEARCH))
    (explanation,) = workspace.explain(finding, judge=judge, infiller=FakeInfiller(), task=task)
    assert [attribution.level for attribution in explanation.attributions] == ["turn", "sentence", "phrase"]
    assert explanation.contrast.question == "revise"
    (without,) = workspace.explain([finding], judge=judge, task=ShortTask(contrast=None))
    assert without.contrast is None
    assert workspace.explain([]) == []


@pytest.mark.parametrize(
    ("task", "options", "error", "words"),
    [
        (ContrastTask(ContrastSettings(question="revise")), {"responder": "embedded"}, UsageError, "asks no responder"),
        (AttributionTask(scalarizer="bertscore"), {}, UsageError, "name a responder"),
        (AttributionTask(scalarizer="rouge"), {}, UsageError, "scalarizer 'rouge' is not known"),
        (ContrastTask(), {"rubrics": ["harm"]}, UsageError, "run 1 was not judged by it"),
        (ContrastTask(), {"turns": TurnChoice(place=("a", 0))}, UsageError, "judged no such turn on helpfulness"),
        (ContrastTask(), {"run": 7}, StoreError, "run 7"),
        (ContrastTask(), {"judge": "gpt"}, UsageError, "^model 'gpt' is not known"),
    ],
)
def test_arguments_that_cannot_be_meant(workspace, run, task, options, error, words):
    with pytest.raises(error, match=words):
        workspace.explain_turns(**{"run": run.id, "task": task, "infiller": FakeInfiller(), **options})
