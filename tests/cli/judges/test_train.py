"""`convexplain judges train`, with a scripted model whose features say everything."""

import json
import re

import pytest
from click.testing import CliRunner

from convexplain import Turn, load_rubric
from convexplain.cli.main import cli
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.judges.head_training import RECIPE
from convexplain.judges.heads import Head, question_of, read_head
from convexplain.judges.turn_numbers import NAMES, turn_numbers


def features(request):
    """Two numbers: the turn's number, of which the labels rise, and one that means nothing."""
    number = int(re.findall(r"\d+", request.reply)[0])
    return (number / 50, (number * 7919 % 13) / 13)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """50 conversations with one answer each, labelled better and better by two raters; a command that runs on them."""
    talks, rows = [], ["conversation,turn,rater,score"]
    for i in range(50):
        turns = [{"role": "user", "content": "Well?"}, {"role": "assistant", "content": f"Answer {i}."}]
        talks.append(json.dumps({"id": f"c{i}", "messages": turns}))
        rows += [f"c{i},1,anna,{i / 50}", f"c{i},1,ben,{min(1, i / 50 + 0.1)}"]
    (tmp_path / "chats.jsonl").write_text("\n".join(talks))
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    world = type("World", (), {"opened": [], "answer": staticmethod(features), "heads": ()})()

    def opened(name):
        model = ScriptedModel(lambda request: world.answer(request), name=name)
        model.heads = world.heads
        world.opened.append(model)
        return model

    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", opened)
    monkeypatch.chdir(tmp_path)

    def run(*args):
        result = CliRunner(env={"CONVEXPLAIN_DB": str(tmp_path / "s.db"), "COLUMNS": "160"}).invoke(
            cli, ["judges", "train", *map(str, args)], standalone_mode=False
        )
        if result.exception:
            raise result.exception
        return result.output

    world.run = run
    world.folder = tmp_path
    return world


TRAIN = ("chats.jsonl", "--labels", "labels.csv", "--rubric", "helpfulness")


@pytest.mark.slow
def test_a_head_is_trained_and_its_card_says_what_it_is_worth(world):
    out = world.run(*TRAIN, "--out", "ours.json", "--licence", "CC0")
    assert "50 labelled turns and 0 pairs in 50 dialogues" in out
    assert re.search(r"Spearman +│ +(0\.9\d|1\.00) │", out)
    assert "--judge 'embedded?head=ours.json'" in out
    head = read_head("ours.json")
    assert head.answers(load_rubric("helpfulness"))
    assert head.weights[-2] > 5 * abs(head.weights[-1])
    plain = turn_numbers([Turn("user", "Well?"), Turn("assistant", "Answer 20.")])
    assert head.score((*plain, 0.9, 0.5)) > 0.6 > 0.4 > head.score((*plain, 0.1, 0.5))
    assert (head.card["licence"], head.card["started_from"]) == ("CC0", None)
    found = head.card["held_out"]["labels.csv"]
    assert (found["turns"], found["dialogues"], found["spearman"]["n"]) == (50, 50, 50)
    assert found["spearman"]["value"] > 0.9
    assert "value" not in found["spearman_of_turn_number"]  # they are all the second turn
    assert (world.folder / "ours.json").stat().st_size < 8000


@pytest.mark.slow
def test_what_was_read_is_not_read_again(world):
    world.run(*TRAIN)
    world.run(*TRAIN, "--out", "again.json")
    assert [len(model.requests) for model in world.opened] == [50, 0]
    assert (world.folder / "helpfulness.head.json").read_text() == (world.folder / "again.json").read_text()


@pytest.mark.slow
def test_a_head_that_the_model_brings_is_corrected(world):
    rubric = load_rubric("helpfulness")
    stock = Head("helpfulness", question_of(rubric), "embedded", RECIPE, (*(0.0 for _ in NAMES), 1.0, 0.0), 0.0)
    world.heads = (stock,)
    world.run(*TRAIN, "--out", "ours.json")
    assert read_head("ours.json").card["started_from"] == stock.sha


def test_preferences_are_enough(world):
    turns = [{"role": "user", "content": "Well?"}]
    rows = [
        {
            "chosen": [*turns, {"role": "assistant", "content": f"Answer {i + 9}."}],
            "rejected": [*turns, {"role": "assistant", "content": f"Answer {i}."}],
        }
        for i in range(30)
    ]
    (world.folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = world.run("pairs.jsonl", "--rubric", "harm", "--out", "harm.json")
    assert "0 labelled turns and 30 pairs in 30 dialogues" in out
    assert re.search(r"pairs right +│ +1\.00", out)
    assert read_head("harm.json").weights[-2] > 0


@pytest.mark.parametrize(
    ("rubric", "rows", "words"),
    [
        ("harm", None, "no label on harm was found"),
        ("helpfulness", 3, "3 labelled turns and 0 pairs are too few"),
        ("helpfulness", "same", "people gave all 50 turns the same score, 0.5"),
    ],
)
def test_labels_that_teach_nothing_are_refused(world, rubric, rows, words):
    path = world.folder / "labels.csv"
    lines = ["conversation,turn,rubric,score", *(f"c{i},1,helpfulness,0.5" for i in range(50))]
    path.write_text("\n".join(lines if rows in ("same", None) else lines[: 1 + rows]))
    with pytest.raises(UsageError, match=words):
        world.run("chats.jsonl", "--labels", "labels.csv", "--rubric", rubric)


def test_a_model_without_hidden_states_says_so(world):
    world.answer = lambda request: {"yes": 1.0}
    with pytest.raises(UsageError, match="0 labelled turns and 0 pairs are too few"):
        world.run(*TRAIN)


# ---- a teacher instead of labels

TEACH = ("many.jsonl", "--teacher", "strong", "--turns", "100")


@pytest.fixture
def taught(world):
    """The same command on 120 conversations; the teacher `strong` likes high numbers, and the student reads them."""
    talks = []
    for i in range(120):
        turns = [{"role": "user", "content": "Well?"}, {"role": "assistant", "content": f"Answer {i}."}]
        talks.append(json.dumps({"id": f"c{i}", "messages": turns}))
    (world.folder / "many.jsonl").write_text("\n".join(talks))

    def answer(request):
        if request.features:
            number, noise = features(request)
            return (number * 50 / 120, noise)
        p = (int(re.findall(r"assistant: Answer (\d+)\.", request.messages[0].content)[-1]) + 1) / 122
        return {"yes": p, "no": 1 - p}

    world.answer = answer
    return world


@pytest.mark.slow
def test_a_teacher_needs_no_label(taught):
    out = taught.run(*TEACH, "--rubric", "helpfulness", "--out", "ours.json")
    assert re.search(r"Head for helpfulness\. It follows strong: Spearman (0\.9\d|1\.00) \[", out)
    assert re.search(r"student after +│ teacher, 40 +│ +(0\.9\d|1\.00) \[", out)
    assert "1,000 turns on one maxim: strong 1,000 calls" in out
    assert "run 1. Judge with the student: --judge 'embedded?head=ours.json'" in out
    assert read_head("ours.json").card["teacher"]["name"] == "strong"


@pytest.mark.slow
def test_several_maxims_go_into_a_folder(taught):
    out = taught.run(*TEACH, "--rubric", "helpfulness", "--rubric", "harm", "--out", "heads")
    assert "--judge 'embedded?head=heads/helpfulness.head.json&head=heads/harm.head.json'" in out
    assert [read_head(f"heads/{name}.head.json").rubric for name in ("helpfulness", "harm")] == ["helpfulness", "harm"]


def test_a_teacher_can_be_planned(taught):
    out = taught.run(*TEACH, "--dry-run")
    assert "strong would judge 100 turns (40 held out) on helpfulness, harm, informativeness: 300 calls" in out
    assert "embedded would read 100 turns once. Nothing was asked." in out
    assert not any(model.requests for model in taught.opened)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("chats.jsonl", "--labels", "labels.csv"), "name the one maxim"),
        ((*TRAIN, "--rubric", "harm"), "name the one maxim"),
        ((*TRAIN, "--turns", "500"), "--turns means nothing without --teacher"),
        (("many.jsonl", "--teacher", "embedded"), "'embedded' is the student itself"),
        (("chats.jsonl", "--teacher", "strong"), "50 assistant turns in 50 dialogues are too few"),
        ((*TEACH, "--rubric", "harm", "--out", "."), "is a folder; name a file"),
    ],
)
def test_teaching_that_cannot_be_meant(taught, arguments, words):
    with pytest.raises(UsageError, match=words):
        taught.run(*arguments)
