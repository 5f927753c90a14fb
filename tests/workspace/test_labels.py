"""What the workspace does with people's labels, and noise floors: the Python API on small logs."""

import asyncio
import json
import re

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.analysis.progress import Progress
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import RubricError, StoreError, UsageError
from convexplain.judges.heads import read_head
from convexplain.judges.spec import JudgeSpec
from convexplain.store import RunStore, calibration, keep_ratings, noise_floor
from convexplain.types import Rating
from convexplain.workspace import AsyncWorkspace, LabelSettings, Workspace

N = 60


class Noted(Progress):
    """Remembers steps, notes and problems, and that each step that begins ends."""

    def __init__(self):
        self.steps, self.notes, self.problems, self.open, self.spends = [], [], [], 0, ()

    def begin(self, task, total=None):
        self.steps.append((task, total))
        self.open += 1

    def end(self):
        self.open -= 1

    def note(self, text):
        self.notes.append(text)

    def problem(self, problem):
        self.problems.append(problem)

    def spent(self, *spends):
        self.spends = spends


def low(request):
    """Answer i has the score i / 150: too low, but in the right order; 0.9 of anything else."""
    number = re.findall(r"assistant: Answer (\d+)\.", request.messages[0].content)[-1:]
    p = int(number[0]) / 150 if number else 0.9
    return {"yes": p, "no": 1 - p}


def features(request):
    number = int(re.findall(r"\d+", request.reply)[0])
    return (number / N, (number * 7919 % 13) / 13)


@pytest.fixture
def workspace(tmp_path):
    space = Workspace(str(tmp_path / "s.db"))
    yield space
    space.close()


@pytest.fixture
def talks():
    return [Conversation(f"c{i}", (Turn("user", "Well?"), Turn("assistant", f"Answer {i}."))) for i in range(N)]


@pytest.fixture
def labels(tmp_path):
    """People call the second half of the answers good."""
    path = tmp_path / "labels.csv"
    path.write_text("conversation,turn,score\n" + "\n".join(f"c{i},1,{int(i >= N // 2)}" for i in range(N)))
    return path


@pytest.mark.slow
def test_a_judge_is_held_against_people(workspace, talks, labels, tmp_path):
    progress, judge = Noted(), ScriptedModel(low, name="low")
    validation = workspace.validate(talks, labels, rubrics="helpfulness", judge=judge, progress=progress)
    (agreement,) = validation.agreements
    assert (agreement.rubric.id, agreement.turns, agreement.dialogues) == ("helpfulness", N, N)
    (judged,) = agreement.judges
    assert (judged.name, judged.run, judged.n) == ("low", 1, N)
    assert judged.measures["auc"].value == pytest.approx(1.0)
    # All scores lie below 0.5: 30 good turns are called bad, and 30 bad ones too.
    counts = judged.confusion
    assert (counts.both_good, counts.both_bad, counts.judge_bad, counts.people_bad) == (0, 30, 30, 0)
    assert not validation.unscored
    assert validation.left_out == 0
    assert [step for step, _ in progress.steps] == ["reading labels", "judging", "working out the intervals"]
    assert (progress.steps[1], progress.open) == (("judging", N), 0)
    assert [spend.calls for spend in progress.spends] == [N]
    body = validation.to_dict()
    assert json.loads(json.dumps(body))["rubrics"][0]["judges"][0]["measures"]["auc"]["value"] == pytest.approx(1.0)
    written = validation.write(tmp_path / "out")
    assert json.loads(written["Numbers"].read_text()) == json.loads(json.dumps(body))
    assert "low" in written["Pictures"].read_text()


@pytest.mark.slow
def test_a_validation_becomes_a_data_frame(workspace, talks, labels):
    pytest.importorskip("pandas")
    frame = workspace.validate(talks, labels, rubrics="helpfulness", judge=ScriptedModel(low, name="low")).to_pandas()
    row = frame[(frame.judge == "low") & (frame.measure == "auc")].iloc[0]
    assert (row.rubric, row.run, row.value, row.n) == ("helpfulness", 1, pytest.approx(1.0), N)
    assert {"length in words", "turn number"} <= set(frame.judge)


@pytest.mark.slow
def test_runs_need_no_judge_and_kept_labels_no_file(workspace, talks, labels):
    judge = ScriptedModel(low, name="low")
    progress = Noted()
    workspace.validate(talks, labels, rubrics="helpfulness", judge=[judge], keep=True, progress=progress)
    assert f"{N} labels are kept in the store." in progress.notes
    again = workspace.validate(runs=[1])
    assert [(judged.name, judged.run) for judged in again.agreements[0].judges] == [("low", 1)]
    assert len(judge.requests) == N


def test_a_plan_asks_nothing(workspace, talks, labels):
    judge = ScriptedModel(low, name="low")
    plan = workspace.plan_validation(talks, labels, rubrics="helpfulness", judge=judge)
    assert (plan.rubrics, plan.conversations, plan.judgements) == (("helpfulness",), N, N)
    assert [(each.model, each.calls, each.cached) for each in plan.judges] == [("low", N, 0)]
    assert plan.to_dict()["judges"][0]["calls"] == N
    assert judge.requests == []
    assert workspace.runs() == []


def test_validations_and_calibrations_are_no_runs_of_the_list(workspace, talks, labels):
    judge = ScriptedModel(low, name="low")
    with pytest.raises(UsageError, match="no curve is kept"):  # it judges everything, and is refused afterwards
        workspace.calibrate(talks, _coin_flips(labels), rubric="helpfulness", judge=judge)
    asked = len(judge.requests)
    validation = workspace.validate(talks, labels, rubrics="helpfulness", judge=judge)
    assert len(judge.requests) == asked
    assert workspace.runs() == []
    with pytest.raises(StoreError, match="there is no run;"):
        workspace.run()
    number = validation.agreements[0].judges[0].run
    assert (workspace.run(number).run.purpose, workspace.run(number).summary.turns) == ("validation", N)
    analyzed = workspace.analyze(talks[:1], "helpfulness", judge)
    workspace.validate(talks, labels, rubrics="helpfulness", judge=judge)
    assert workspace.run().id == analyzed.id
    assert [run.id for run in workspace.runs()] == [analyzed.id]


def _coin_flips(labels):
    rows = "\n".join(f"c{i},1,{i % 2}" for i in range(N))
    path = labels.with_name("coins.csv")
    path.write_text(labels.read_text().splitlines()[0] + "\n" + rows)
    return path


@pytest.mark.slow
def test_labels_are_read_as_the_settings_say(workspace, talks, labels):
    labels.write_text("chat,no,stars\n" + "\n".join(f"c{i},2,{1 if i >= N // 2 else 5}" for i in range(N)))
    columns = {"conversation": "chat", "turn": "no", "score": "stars"}
    how = LabelSettings(scale=(1, 5), higher_is="bad", turns_from=1, columns=columns)
    validation = workspace.validate(talks, labels, rubrics="helpfulness", judge=ScriptedModel(low), label_settings=how)
    assert validation.agreements[0].judges[0].measures["auc"].value == pytest.approx(1.0)


@pytest.mark.slow
def test_what_cannot_be_used_is_counted(workspace, talks, labels):
    labels.write_text(labels.read_text() + "\nnobody,1,1\n")
    progress = Noted()
    validation = workspace.validate(talks, labels, rubrics="helpfulness", judge=ScriptedModel(low), progress=progress)
    assert validation.left_out == 1
    assert [problem.reason for problem in validation.problems] == ["there is no conversation 'nobody'"]
    assert list(validation.problems) == progress.problems


@pytest.mark.slow
def test_a_calibration_is_kept_listed_applied_and_removed(workspace, talks, labels):
    judge = ScriptedModel(low, name="low")
    fitted = workspace.calibrate(talks, labels, rubric="helpfulness", judge=judge, flagged=0.5)
    helpful = load_rubric("helpfulness")
    assert calibration(workspace.store, "low", helpful).sha == fitted.calibration.sha
    assert fitted.threshold.flagged.value == pytest.approx(0.5)
    about = fitted.calibration.about
    assert (about["judge"], about["labels"], about["run"], about["turns"]) == ("low", "labels.csv", 1, N)
    assert json.loads(json.dumps(fitted.to_dict()))["threshold"]["flagged"]["value"] == pytest.approx(0.5)
    stored = workspace.calibrations()
    assert list(stored) == [1]
    assert stored.to_dict()[0]["number"] == 1
    (judgement,) = workspace.judge(talks[50], "helpfulness", judge, calibrated=True)
    assert judgement.score == pytest.approx(fitted.calibration.apply(50 / 150))
    progress = Noted()
    workspace.validate(talks, labels, rubrics="helpfulness", judge=judge, calibrated=True, progress=progress)
    assert any("60 of 60 labelled turns are among those that low was calibrated on" in note for note in progress.notes)
    workspace.remove_calibration(1)
    assert workspace.calibrations() == {}
    with pytest.raises(UsageError, match="number=1: there is no such calibration; valid are: there is none"):
        workspace.remove_calibration(1)


@pytest.mark.slow
def test_raw_scores_of_the_first_judge_are_calibrated(workspace, talks, labels, monkeypatch):
    opened = []

    def open_model(name):
        opened.append(ScriptedModel(low, name=name))
        return opened[-1]

    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", open_model)
    judge = JudgeSpec("low", calibrated=True, escalate=JudgeSpec("strong"), band=1.0)
    fitted = workspace.calibrate(talks, labels, rubric="helpfulness", judge=judge)
    assert [model.name for model in opened] == ["low"]
    assert calibration(workspace.store, "low", load_rubric("helpfulness")).sha == fitted.calibration.sha


def test_a_leaning_is_taken_out_without_labels(workspace):
    fitted = workspace.calibrate(rubric="helpfulness", judge=ScriptedModel(low, name="low"), prior=True)
    assert fitted.calibration.apply(0.9) == pytest.approx(0.5)
    assert (fitted.calibration.about["inputs"], fitted.problems) == (3, ())


@pytest.mark.slow
def test_noise_floors_are_measured_and_kept(workspace, talks):
    def greeted(request):
        moved = re.search(r"user: (Hello\.|Good day,|Hi there!) Well", request.messages[0].content)
        return {"yes": 0.4, "no": 0.6} if moved else {"yes": 0.6, "no": 0.4}

    progress = Noted()
    floors = workspace.measure_noise(talks, "helpfulness", ScriptedModel(greeted, name="steady"), progress=progress)
    (floor,) = floors
    assert (floor.model, floor.rubric, floor.turns) == ("steady", "helpfulness", 20)
    assert floor.value == pytest.approx(0.2)
    assert floor.band == (pytest.approx(0.3), pytest.approx(0.7))
    assert floors.to_dict()[0]["low"] == pytest.approx(0.3)
    assert noise_floor(workspace.store, "steady", load_rubric("helpfulness")) == pytest.approx(0.2)
    assert progress.steps == [("reading", None), ("changes", 26)]
    assert progress.open == 0


@pytest.mark.slow
def test_a_head_is_trained_and_names_its_judge(workspace, talks, tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("conversation,turn,score\n" + "\n".join(f"c{i},1,{i / N}" for i in range(N)))
    model = ScriptedModel(features, name="small")
    trained = workspace.train_head(talks, path, rubric="helpfulness", model=model, licence="CC0")
    assert trained.head.weights[-2] > 5 * abs(trained.head.weights[-1])  # of the model: a sign, and noise
    assert trained.to_dict()["card"]["licence"] == "CC0"
    judge = trained.write(tmp_path / "heads" / "ours.json")
    assert judge == JudgeSpec("small", heads=(str(tmp_path / "heads" / "ours.json"),))
    assert read_head(judge.heads[0]).weights == pytest.approx(trained.head.weights, rel=1e-6)
    assert trained.head.card["held_out"]["labels.csv"]["turns"] == N


@pytest.mark.slow
def test_async_and_labels_of_the_store(tmp_path, talks):
    store = RunStore(str(tmp_path / "s.db"))
    workspace = AsyncWorkspace(store)
    rated = [(talk, Rating(talk.id, 1, "harm", float(i >= N // 2))) for i, talk in enumerate(talks)]
    keep_ratings(store, rated)
    validation = asyncio.run(workspace.validate(judge=ScriptedModel(low)))
    assert [agreement.rubric.id for agreement in validation.agreements] == ["harm"]
    store.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "arguments", "error", "words"),
    [
        ("validate", {}, UsageError, "no label was found: label turns on the page Labels"),
        ("validate", {"judge": ["embedded", "embedded"]}, UsageError, "the same one is named twice"),
        ("validate", {"rubrics": ["harm", "harm"]}, UsageError, "rubric harm is named twice"),
        ("validate", {"rubrics": "harmm"}, RubricError, "neither a file nor one of"),
        ("calibrate", {"rubric": "harm"}, UsageError, "no label on harm was found"),
        ("calibrate", {"rubric": "harm", "recall": 0.5, "flagged": 0.5}, UsageError, "exclude each other"),
        ("calibrate", {"rubric": "harm", "recall": 0.5, "prior": True}, UsageError, "neither labels nor logs"),
        ("measure_noise", {}, UsageError, "0 assistant turns are there"),
        ("measure_noise", {"n": 5}, UsageError, "n=5 is not valid; it must be at least 20"),
        ("train_head", {"rubric": "harm"}, UsageError, "no label on harm was found"),
    ],
)
def test_arguments_that_cannot_be_meant(workspace, method, arguments, error, words):
    with pytest.raises(error, match=words):
        getattr(workspace, method)(**arguments)


def test_a_dialogue_that_no_conversation_has_is_refused(workspace, talks, labels):
    for method, arguments in (("validate", {"rubrics": "harm"}), ("train_head", {"rubric": "harm"})):
        with pytest.raises(UsageError, match="dialogue 'ship' is in the metadata of no conversation that has labels"):
            getattr(workspace, method)(talks, labels, dialogue="ship", **arguments)
