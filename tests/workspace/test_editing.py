"""Which editors and which screen contrasts get when nothing is named."""

import pytest

from convexplain import Workspace
from convexplain.analysis.progress import Progress
from convexplain.connectors import editors
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.explain.settings import ContrastSettings
from convexplain.types import LEVELS
from convexplain.workspace import ContrastTask, ShortTask, explainers
from tests.fake_editor import FakeEditor, open_fake_screen
from tests.fake_infiller import FakeInfiller

from .test_explanations import talk
from .test_functions import bananas


@pytest.fixture
def opened(monkeypatch):
    """The names of the editors that are opened, with what they may use; no model of language is loaded."""
    names = []

    def open_editor(name, resources):
        names.append((name, resources))
        return FakeEditor()

    monkeypatch.setattr(explainers, "open_editor", open_editor)
    monkeypatch.setattr(explainers, "open_screen", open_fake_screen)
    return names


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace(tmp_path / "store.db")
    yield opened
    opened.close()


def scored(workspace, judge):
    return workspace.analyze([talk("a"), talk("b")], "helpfulness", judge, reasons="none")


class Screener(ScriptedModel):
    """A judge that only scores, as the embedded model does."""

    only_heads = True


@pytest.mark.parametrize(
    ("model", "names"), [(ScriptedModel, ["delete", "swap", "rewrite"]), (Screener, ["delete", "swap"])]
)
def test_of_a_run_all_editors_at_hand_propose(workspace, opened, model, names):
    judge = model(bananas)
    run = scored(workspace, judge)
    (explained, *_) = workspace.explain_turns(run.id, ContrastTask(), judge=judge).explained
    assert [name for name, _ in opened] == names
    assert (explained.result.question, explained.result.found) == ("revise", True)
    assert explained.result.turns[3].content == "I have looked it up."


def test_the_sentences_of_the_runs_turns_may_be_swapped_in(workspace, opened):
    judge = ScriptedModel(bananas)
    run = scored(workspace, judge)
    workspace.explain_turns(run.id, ContrastTask(), judge=judge)
    sentences = opened[0][1].sentences
    assert {(s.rubric, s.conversation_id, s.turn, s.text, round(s.score, 2)) for s in sentences} == {
        ("helpfulness", name, turn, text, score)
        for name in "ab"
        for turn, text, score in [(1, "It left our depot on Monday.", 0.8), (3, "Bananas are yellow.", 0.1)]
    }


def test_without_a_run_there_is_nothing_to_swap_in(workspace, opened):
    contrast = workspace.contrast(talk("a"), 3, "helpfulness", ScriptedModel(bananas))
    assert [name for name, _ in opened] == ["delete", "rewrite"]
    assert contrast.found


def test_a_responder_writes_where_the_judge_does_not(workspace, opened):
    bot = ScriptedModel("Bananas are yellow.")
    workspace.contrast(talk("a"), 3, "helpfulness", Screener(bananas), bot)
    assert opened[-1][0] == "rewrite"
    assert opened[-1][1].calls.model is bot


def test_editors_of_ones_own_and_named_ones(workspace, opened):
    own = FakeEditor()
    workspace.contrast(talk("a"), 3, "helpfulness", ScriptedModel(bananas), editors=["delete", own])
    assert [name for name, _ in opened] == ["delete"]
    assert own.passages
    with pytest.raises(UsageError, match="editor 'paint' is not known; valid are: delete"):
        workspace.plan_explanations(scored(workspace, ScriptedModel(bananas)).id, ContrastTask(), editors=["paint"])


def named(monkeypatch):
    """Open the product's editors; return the names of the infillers that are opened."""
    names = []

    def open_infiller(name, cache):
        names.append(name)
        return FakeInfiller()

    monkeypatch.setattr(explainers, "open_editor", editors.open_editor)
    monkeypatch.setattr(explainers, "open_infiller", open_infiller)
    return names


REWRITE = '{"problem": "no answer", "instead": "look", "rewrites": ["I have looked it up."]}'


def test_what_an_editors_own_model_costs_is_counted(workspace, opened, monkeypatch):
    named(monkeypatch)
    writer = ScriptedModel(REWRITE, name="writer")
    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", lambda name: writer)
    judge = ScriptedModel(bananas)
    run = scored(workspace, judge)
    spends = []

    class Counter(Progress):
        def spent(self, *all_spends):
            spends.append(sum(spend.calls for spend in all_spends))

    task = ContrastTask(ContrastSettings(placebo=0))
    asked = len(judge.requests)
    (explained, *_) = workspace.explain_turns(
        run.id, task, judge=judge, editors=["rewrite:writer"], progress=Counter()
    ).explained
    assert explained.result.turns[3].content == "I have looked it up."
    assert writer.requests
    assert spends[-1] == len(writer.requests) + len(judge.requests) - asked


@pytest.mark.parametrize(
    ("editor", "infiller", "names"),
    [
        ("infill", {}, ["embedded"]),
        ("infill", {"infiller": "causal:x"}, ["causal:x"]),
        ("infill:masked:y", {"infiller": "causal:x"}, ["masked:y"]),
        ("delete", {"infiller": "causal:x"}, []),
    ],
)
def test_the_infiller_of_an_editor_is_opened_where_one_is_needed(
    workspace, opened, monkeypatch, editor, infiller, names
):
    opened_infillers = named(monkeypatch)
    workspace.contrast(talk("a"), 3, "helpfulness", ScriptedModel(bananas), editors=[editor], budget=3, **infiller)
    assert opened_infillers == names


def test_any_text_needs_no_screen(workspace, opened, monkeypatch):
    monkeypatch.setattr(explainers, "open_screen", None)
    assert workspace.contrast(talk("a"), 3, "helpfulness", ScriptedModel(bananas), any_text=True).found


@pytest.mark.parametrize("error", [MissingExtraError("torch", "local"), UnavailableError("offline")])
def test_without_the_model_of_language_rules_decide_and_the_result_says_so(workspace, opened, monkeypatch, error):
    monkeypatch.undo()
    monkeypatch.setattr(explainers, "open_editor", lambda name, resources: FakeEditor())

    class Missing(explainers.LocalLanguageModel):
        @property
        def model(self):
            return ScriptedModelThatFails()

    class ScriptedModelThatFails(ScriptedModel):
        def __init__(self):
            super().__init__("")

        async def prepare(self):
            raise error

    monkeypatch.setattr(explainers, "LocalLanguageModel", Missing)
    contrast = workspace.contrast(talk("a"), 3, "helpfulness", ScriptedModel(bananas))
    assert (contrast.found, contrast.naturalness) == (True, None)
    assert f"whether edits read well was checked by rules alone: {error}" in contrast.notes


def test_an_explanation_looks_first_where_the_attribution_points(workspace, opened, monkeypatch):
    """The second sentence lowers the score; the editor is asked about it first, after the turn as a whole."""
    text = "It left our depot. Bananas are yellow. Call us again tomorrow."
    editor = FakeEditor(lambda passage: ["We are sorry."])
    monkeypatch.setattr(explainers, "open_editor", lambda name, resources: editor)
    judge = ScriptedModel(bananas)
    run = workspace.analyze([talk("a", text)], "helpfulness", judge, reasons="none")
    finding = next(finding for finding in run.worst(2) if finding.index == 3)
    (explanation,) = workspace.explain([finding], judge=judge, task=ShortTask())
    assert [attribution.level for attribution in explanation.attributions] == list(LEVELS[:3])
    assert explanation.contrast.turns[3].content == "It left our depot. We are sorry. Call us again tomorrow."
    sentences = [passage.text for passage in editor.passages if passage.unit.level == "sentence"]
    assert sentences[0] == "Bananas are yellow."


def test_the_settings_of_an_explanation_can_be_changed(workspace, opened):
    judge = ScriptedModel(bananas)
    run = scored(workspace, judge)
    finding = next(finding for finding in run.worst(4) if finding.index == 3)
    task = ShortTask(contrast=ContrastSettings(question="revise", any_text=True, budget=3))
    (explanation,) = workspace.explain([finding], judge=judge, task=task)
    assert explanation.contrast.calls <= 3
