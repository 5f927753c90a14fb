"""Distillation with a scripted teacher and a scripted student whose features say everything."""

import json
import re

import pytest

from convexplain import Conversation, JudgeSpec, Turn, load_rubric
from convexplain.analysis.progress import Progress
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.judges.head_training import RECIPE
from convexplain.judges.heads import Head, question_of, read_head
from convexplain.judges.turn_numbers import NAMES
from convexplain.models.chat import Reply
from convexplain.workspace import Workspace

N = 75  # conversations with two answers each, numbered from 1000 to 1149
TURNS = 120


class Noted(Progress):
    """Remembers steps and notes, and that each step that begins ends."""

    def __init__(self):
        self.steps, self.notes, self.open = [], [], 0

    def begin(self, task, total=None):
        self.steps.append((task, total))
        self.open += 1

    def end(self):
        self.open -= 1

    def note(self, text):
        self.notes.append(text)


def number_judged(request):
    return int(re.findall(r"assistant: Answer (\d+)\.", request.messages[0].content)[-1])


def rising(request):
    """The teacher finds an answer the better, the higher its number."""
    p = (number_judged(request) - 999) / 152
    return {"yes": p, "no": 1 - p}


def features(request):
    """Two numbers: the answer's number, and one that means nothing."""
    number = int(re.findall(r"\d+", request.reply)[0])
    return ((number - 1000) / 150, (number * 7919 % 13) / 13)


@pytest.fixture
def workspace(tmp_path):
    space = Workspace(str(tmp_path / "s.db"))
    yield space
    space.close()


@pytest.fixture
def talks():
    """Answers of one length; neither the place in a conversation nor in the log says how high a number is."""
    return [
        Conversation(
            f"c{i}",
            tuple(
                turn
                for question, number in zip(("Well?", "And?"), numbers(i), strict=True)
                for turn in (Turn("user", question), Turn("assistant", f"Answer {number}."))
            ),
        )
        for i in range(N)
    ]


def numbers(i):
    """Return the numbers of the two answers of conversation i."""
    return 1000 + 44 * i % 150, 1000 + (44 * i + 75) % 150


def student(*heads, answer=features):
    model = ScriptedModel(answer, name="small")
    model.heads = heads
    return model


def stock(weights, rubric="helpfulness"):
    return Head(rubric, question_of(load_rubric(rubric)), "small", RECIPE, (*(0.0 for _ in NAMES), *weights), 0.0)


@pytest.mark.slow
def test_the_student_learns_what_the_teacher_says(workspace, talks, tmp_path):
    teacher, small, progress = ScriptedModel(rising, name="strong"), student(), Noted()
    distilled = workspace.distill(
        talks, teacher=teacher, rubrics="helpfulness", student=small, turns=TURNS, progress=progress, licence="CC0"
    )
    (made,) = distilled.heads
    assert (distilled.turns, distilled.held_out, distilled.teacher, distilled.run) == (120, 40, "strong", 1)
    assert (len(teacher.requests), len(small.requests)) == (120, 120)  # without a head the student chooses nothing
    assert made.verdict.startswith("It follows strong: Spearman ")
    assert made.with_teacher.turns == 40
    assert made.with_teacher.after.spearman.value > 0.9
    assert (made.with_teacher.before, made.with_people) == (None, None)
    assert made.head.weights[-2] > 5 * abs(made.head.weights[-1])
    card = made.head.card
    assert (card["summary"], card["licence"], card["training_turns"]) == (made.verdict, "CC0", 80)
    assert card["teacher"] == {"name": "strong", "fingerprint": "strong"}
    assert (card["turns_asked"], card["unscored"]) == (120, {})
    assert card["with_teacher"]["after"]["auc"]["value"] > 0.9
    assert card["cost_per_1000_turns"]["teacher"]["calls"] == 1000
    assert [task for task, _ in progress.steps] == ["reading", "turns", "judging", "fitting"]
    assert progress.open == 0
    assert "strong judges 120 turns on helpfulness; 40 of them are held out." in progress.notes
    written = distilled.write(tmp_path / "ours.json")
    assert written == JudgeSpec("small", heads=(str(tmp_path / "ours.json"),))
    assert read_head(tmp_path / "ours.json").weights == pytest.approx(made.head.weights)
    body = json.loads(json.dumps(distilled.to_dict()))
    assert body["heads"][0]["card"]["summary"] == made.verdict


@pytest.mark.slow
def test_held_out_dialogues_are_not_learnt_from(workspace, talks):
    teacher = ScriptedModel(rising, name="strong")
    distilled = workspace.distill(talks, teacher=teacher, rubrics="helpfulness", student=student(), turns=TURNS)
    (made,) = distilled.heads
    learnt = made.head.card["held_out"]["strong"]  # the folds of the training part
    assert learnt["turns"] == 80
    assert learnt["dialogues"] + made.with_teacher.dialogues <= N


@pytest.mark.slow
def test_the_head_that_the_student_brings_is_corrected_and_compared(workspace, talks):
    teacher, small = ScriptedModel(rising, name="strong"), student(stock((0.3, -4.0)))
    (made,) = workspace.distill(talks, teacher=teacher, rubrics="helpfulness", student=small, turns=TURNS).heads
    assert len(small.requests) == 40 + 110  # held-out turns, and all training turns that there are, to choose among
    assert len(teacher.requests) == 120
    assert made.head.card["started_from"] == small.heads[0].sha
    assert made.with_teacher.before.spearman.value < 0.5 < made.with_teacher.after.spearman.value
    assert made.with_teacher.gain.low > 0
    assert "with the head before" in made.verdict


@pytest.mark.slow
def test_a_student_that_learns_nothing_is_called_so(workspace, talks):
    noise = student(answer=lambda request: (features(request)[1], 1.0))
    teacher = ScriptedModel(rising, name="strong")
    (made,) = workspace.distill(talks, teacher=teacher, rubrics="helpfulness", student=noise, turns=TURNS).heads
    assert made.verdict.startswith("It does not follow strong: Spearman ")


@pytest.mark.slow
def test_people_are_compared_with_and_not_learnt_from(workspace, talks, tmp_path):
    labels = tmp_path / "labels.csv"
    rows = [
        f"c{i},{turn},{int(number >= 1075)}" for i in range(N) for turn, number in zip((1, 3), numbers(i), strict=True)
    ]
    labels.write_text("conversation,turn,score\n" + "\n".join(rows))
    teacher = ScriptedModel(rising, name="strong")
    small = student(stock((-1.0, 0.0)))
    distilled = workspace.distill(
        talks, teacher=teacher, rubrics="helpfulness", student=small, turns=TURNS, labels=labels
    )
    people = distilled.heads[0].with_people
    assert people.turns == 40
    assert people.by_name["teacher"].auc.value == 1
    assert people.after.auc.value > 0.9
    assert people.before.auc.value == 0
    assert " With people: Spearman 0." in distilled.heads[0].verdict
    assert distilled.heads[0].head.card["with_people"]["teacher"]["auc"]["value"] == 1


@pytest.mark.slow
def test_several_maxims_make_several_files_and_one_judge(workspace, talks, tmp_path):
    teacher, small = ScriptedModel(rising, name="strong"), student()
    rubrics = ["helpfulness", "informativeness"]
    distilled = workspace.distill(talks, teacher=teacher, rubrics=rubrics, student=small, turns=TURNS)
    assert [made.head.rubric for made in distilled.heads] == rubrics
    assert (len(teacher.requests), len(small.requests)) == (240, 120)
    spec = distilled.write(tmp_path / "heads")
    assert [read_head(file).rubric for file in spec.heads] == rubrics
    assert JudgeSpec.parse(spec.text) == spec
    pytest.importorskip("pandas")
    frame = distilled.to_pandas()
    assert set(frame.judge) == {"after", "length"}
    assert set(frame.rubric) == set(rubrics)


@pytest.mark.slow
def test_what_was_asked_is_not_asked_again(workspace, talks):
    first, again = ScriptedModel(rising, name="strong"), ScriptedModel(rising, name="strong")
    small = student()
    one = workspace.distill(talks, teacher=first, rubrics="helpfulness", student=small, turns=TURNS)
    two = workspace.distill(talks, teacher=again, rubrics="helpfulness", student=small, turns=TURNS)
    assert (len(first.requests), len(again.requests), len(small.requests)) == (120, 0, 120)
    assert one.heads[0].head.sha == two.heads[0].head.sha
    assert two.costs["teacher"].seconds is None
    assert two.costs["student"] == one.costs["student"]  # a reply from the cache says what it cost once


@pytest.mark.slow
def test_turns_without_a_score_are_left_out_and_counted(workspace, talks):
    teacher = ScriptedModel(
        lambda request: ModelError("no") if number_judged(request) % 12 == 0 else rising(request), name="strong"
    )
    (made,) = workspace.distill(talks, teacher=teacher, rubrics="helpfulness", student=student(), turns=150).heads
    assert made.unscored == {"no": 12}
    assert made.head.card["unscored"] == {"no": 12}
    assert made.with_teacher.turns + made.head.card["training_turns"] == 150 - 12


@pytest.mark.slow
def test_a_maxim_that_cannot_be_learnt_does_not_cost_the_others(workspace, talks):
    def answer(request):
        constant = load_rubric("harm").requirement in request.messages[0].content
        return {"yes": 0.75, "no": 0.25} if constant else rising(request)

    teacher = ScriptedModel(answer, name="strong")
    rubrics = ["helpfulness", "harm"]
    distilled = workspace.distill(talks, teacher=teacher, rubrics=rubrics, student=student(), turns=TURNS)
    assert [made.head.rubric for made in distilled.heads] == ["helpfulness"]
    assert "gave all 80 training turns the same score, 0.75" in distilled.refused["harm"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda request: {"yes": 0.5, "no": 0.5}, "strong gave all 80 training turns the same score, 0.5"),
        (lambda request: ModelError("too busy"), "strong only fails: 2. requests .* The last failure: too busy"),
        (
            lambda request: ModelError("x") if number_judged(request) % 2 else rising(request),
            r"strong scored \d\d of 120 turns; at least 100",
        ),
    ],
)
def test_a_teacher_that_teaches_nothing_is_refused(workspace, talks, answer, words):
    teacher = ScriptedModel(answer, name="strong")
    with pytest.raises((UsageError, UnavailableError), match=words):
        workspace.distill(talks, teacher=teacher, rubrics="helpfulness", student=student(), turns=TURNS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"teacher": "embedded"}, "teacher 'embedded' is the student itself"),
        ({"teacher": "small"}, "teacher 'small' scores by the student's own heads"),
        ({"teacher": ScriptedModel(rising, name="embedded")}, None),
        ({"teacher": "http://localhost:9/v1", "turns": 99}, "turns=99 is not valid"),
        (
            {"teacher": "http://localhost:9/v1", "dialogue": "thread"},
            "dialogue 'thread' is in the metadata of no conversation",
        ),
    ],
)
def test_arguments_that_cannot_be_meant(workspace, talks, arguments, words):
    if words is None:  # a model of another identity may have any name
        assert workspace.plan_distillation(talks, **arguments, student=student()).turns == 150
        return
    with pytest.raises(UsageError, match=words):
        workspace.distill(talks, **arguments)
    with pytest.raises(UsageError, match="40 assistant turns in 20 dialogues are too few"):
        workspace.distill(talks[:20], teacher="embedded?head=none")


def test_a_student_without_hidden_states_is_refused_before_the_teacher_is_asked(workspace, talks):
    teacher = ScriptedModel(rising, name="strong")
    blind = student(answer=lambda request: Reply("yes"))
    with pytest.raises(UsageError, match=r"small could read 0 of 120 turns.*gives no hidden states"):
        workspace.distill(talks, teacher=teacher, rubrics="helpfulness", student=blind, turns=TURNS)
    assert teacher.requests == []


def test_the_plan_asks_nothing(workspace, talks):
    teacher, small = ScriptedModel(rising, name="strong"), student(stock((1.0, 0.0)))
    plan = workspace.plan_distillation(talks, teacher=teacher, rubrics="helpfulness", student=small, turns=100)
    assert (plan.turns, plan.held_out, plan.student, plan.rubrics) == (100, 40, "small", ("helpfulness",))
    assert plan.reads == 40 + 110  # twice the 60 training turns, as far as there are
    assert (plan.teacher.calls, plan.teacher.cached, plan.teacher.model) == (100, 0, "strong")
    assert plan.teacher.tokens > 1000
    assert json.loads(json.dumps(plan.to_dict()))["teacher"]["calls"] == 100
    assert teacher.requests == small.requests == []
