"""`convexplain judges calibrate`, and what applies it: `--calibrated` and `--escalate`."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from convexplain import load_rubric
from convexplain.agreement.calibration import Calibration
from convexplain.cli.main import cli
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.store import RunStore, calibration, calibrations, keep_calibration

N = 80


def told(request):
    """The judge gives turn i the score i / 200: far too low, but in the right order."""
    number = re.findall(r"assistant: Answer (\d+)\.", request.messages[0].content)[-1:]
    p = int(number[0]) / 200 if number else 0.9
    return {"yes": p, "no": 1 - p}


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A log of 80 conversations, people's labels (good from Answer 40 on), and a command that runs on them."""
    talks, labels = [], ["conversation,turn,rubric,score"]
    for i in range(N):
        turns = [{"role": "user", "content": "Well?"}, {"role": "assistant", "content": f"Answer {i}."}]
        talks.append(json.dumps({"id": f"c{i}", "messages": turns}))
        labels.append(f"c{i},1,helpfulness,{int(i >= N // 2)}")
    (tmp_path / "chats.jsonl").write_text("\n".join(talks))
    (tmp_path / "labels.csv").write_text("\n".join(labels))
    models = {"low": told, "strong": {"yes": 1.0}, "flat": {"yes": 0.5, "no": 0.5}}

    def opened(name):
        return ScriptedModel(models[name], name=name)

    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", opened)
    monkeypatch.chdir(tmp_path)

    def run(*args, code=0):
        result = CliRunner(env={"CONVEXPLAIN_DB": str(tmp_path / "s.db"), "COLUMNS": "160"}).invoke(
            cli, [str(arg) for arg in args], standalone_mode=False
        )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert (result.return_value or 0) == code
        return result.output

    return run


CALIBRATE = (
    "judges",
    "calibrate",
    "chats.jsonl",
    "--labels",
    "labels.csv",
    "--rubric",
    "helpfulness",
    "--judge",
    "low",
)
ANALYZE = ("analyze", "chats.jsonl", "--rubric", "helpfulness", "--judge", "low")


def scores():
    newest = max(Path("convexplain-out").iterdir(), key=lambda folder: int(folder.name.removeprefix("run-")))
    lines = (newest / "judgements.jsonl").read_text(encoding="utf-8").splitlines()
    return {one["conversation_id"]: one for one in map(json.loads, lines)}


@pytest.mark.slow
def test_a_calibration_is_kept_applied_and_taken_out_again(world):
    out = world(*CALIBRATE)
    assert "80 labelled turns in 80 dialogues" in out
    world(*ANALYZE)
    raw = scores()
    assert raw["c60"]["score"] == pytest.approx(0.3)  # below the threshold, though people call it good
    world(*ANALYZE, "--calibrated")
    mapped = scores()
    assert mapped["c60"]["score"] > 0.8
    assert mapped["c60"]["evidence"]["raw_score"] == pytest.approx(0.3)
    assert mapped["c10"]["score"] < 0.2
    assert re.search(r"1 │ low +│ helpfulness", world("judges", "calibrate", "--list"))
    world("judges", "calibrate", "--remove", 1)
    with pytest.raises(UsageError, match="no calibration of low on helpfulness is kept"):
        world(*ANALYZE, "--calibrated")
    store = RunStore("s.db")
    assert calibrations(store) == []
    with pytest.raises(UsageError, match="no such calibration"):
        world("judges", "calibrate", "--remove", 1)


@pytest.mark.slow
def test_a_proposed_threshold_is_applied_with_the_scores(world):
    out = world(*CALIBRATE, "--flagged", "0.5")
    assert "flagged 50%" in out
    verdict = world("judges", "validate", *CALIBRATE[2:], "--calibrated")  # only a judge held against people flags
    assert "low: may be used for flagging and for sorting" in verdict
    out = world(*ANALYZE, "--calibrated")
    assert "50% (<" in out


@pytest.mark.slow
def test_a_calibration_belongs_to_one_judge_and_wording(world, tmp_path):
    world(*CALIBRATE)
    store, rubric = RunStore("s.db"), load_rubric("helpfulness")
    assert calibration(store, "low", rubric) is not None
    assert calibration(store, "other", rubric) is None
    keep_calibration(store, "low", rubric, Calibration("platt", slope=2.0))
    assert calibration(store, "low", rubric) == Calibration("platt", slope=2.0)
    assert len(calibrations(store)) == 1


@pytest.mark.slow
def test_without_labels_the_judges_leaning_is_taken_out(world):
    out = world("judges", "calibrate", "--rubric", "helpfulness", "--judge", "low", "--prior")
    assert "gives helpfulness 0.90 (3 inputs). Log-odds are moved by -2.20" in out  # log(0.9 / 0.1) = 2.197
    world(*ANALYZE, "--calibrated")
    assert scores()["c40"]["score"] == pytest.approx((0.2 / 0.8) / 9 / (1 + (0.2 / 0.8) / 9))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (
            (
                "judges",
                "calibrate",
            ),
            "name the maxim",
        ),
        ((*CALIBRATE, "--recall", "0.5", "--flagged", "0.5"), "exclude each other"),
        ((*CALIBRATE[:-1], "flat"), "the judge gave all 80 turns the same score, 0.5"),
        ((*CALIBRATE[:6], "harm"), "no label on harm was found"),
    ],
)
def test_orders_that_cannot_be_meant(world, args, words):
    with pytest.raises(UsageError, match=words):
        world(*args)


def test_a_few_labels_are_refused(world, tmp_path):
    lines = (tmp_path / "labels.csv").read_text().splitlines()
    (tmp_path / "labels.csv").write_text("\n".join([lines[0], *lines[1:4]]))
    with pytest.raises(UsageError, match="3 labelled turns of 3 dialogues are too few"):
        world(*CALIBRATE)


@pytest.mark.slow
def test_what_is_near_the_threshold_is_escalated(world):
    # Scores 0.35 to 0.395 (Answers 70 to 79) lie within 0.15 of 0.5, and 0.35 does not: 0.15 away is far enough.
    out = world(*ANALYZE, "--escalate", "strong")
    assert "9 of 80 judgements (11%) were escalated to strong" in out
    found = scores()
    assert {name for name, one in found.items() if one["model"] == "strong"} == {f"c{i}" for i in range(71, 80)}
    assert found["c75"]["score"] == 1.0
    twice = world(*ANALYZE, "--escalate", "flat", "--escalate", "strong")
    assert "to flat: 9 calls, 0 from the cache; 9 of 9 judgements (100%) were escalated to strong" in twice
    again = world(*ANALYZE, "--escalate", "strong", "--escalate-band", "0.6")
    assert "80 of 80 judgements (100%) were escalated" in again
