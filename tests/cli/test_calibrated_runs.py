"""What comes after `analyze --calibrated` and `analyze --escalate`: explanations, noise floors, agreement."""

import json
import re

import click
import pytest
from click.testing import CliRunner

from convexplain import load_rubric
from convexplain.agreement.calibration import Calibration
from convexplain.cli.main import cli
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.store import RunStore, keep_calibration, keep_noise_floor, noise_floor, run_rubrics
from tests.cli.test_contrast import RESCORE
from tests.fake_infiller import FakeInfiller
from tests.reviewed_contrasts import accept_all

pytestmark = pytest.mark.slow

N = 20
# Scores up to 0.1 become 0.2, those from 0.3 on become 0.9; between them the line.
MAP = Calibration("isotonic", ((0.1, 0.2), (0.3, 0.9)), about={"judge": "low", "rubric": "helpfulness"})


def low(request):
    """0.3 where a lorry is spoken of, 0.12 in odd conversations, else 0.1."""
    said = request.messages[0].content.rsplit("<conversation>\n", 1)[-1]
    odd = re.search(r"Question \d*[13579]\?", said)
    p = 0.3 if "lorry" in said else 0.12 if odd else 0.1
    return {"yes": p, "no": 1 - p}


def strong(request):
    """0.8 where a lorry is spoken of, else 0.25."""
    p = 0.8 if "lorry" in request.messages[0].content.rsplit("<conversation>\n", 1)[-1] else 0.25
    return {"yes": p, "no": 1 - p}


class World:
    """A log of 20 conversations with two answers each, a store, and the models `low` and `strong`."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.opened = folder, []
        talks, labels = [], ["conversation,turn,rubric,score"]
        for i in range(N):
            texts = [f"Question {i}?", "It left the depot.", "And now?", f"Bananas, {i}."]
            roles = ["user", "assistant"] * 2
            turns = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
            talks.append(json.dumps({"id": f"c{i}", "messages": turns}))
            labels.append(f"c{i},3,helpfulness,{i % 2}")
        (folder / "chats.jsonl").write_text("\n".join(talks))
        (folder / "labels.csv").write_text("\n".join(labels))
        monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", self._open)
        monkeypatch.setattr("convexplain.workspace.explainers.open_infiller", lambda name, cache: FakeInfiller())
        monkeypatch.chdir(folder)

    def _open(self, name):
        self.opened.append(ScriptedModel({"low": low, "strong": strong}[name], name=name))
        return self.opened[-1]

    def run(self, *args, code=0):
        env = {"CONVEXPLAIN_DB": str(self.folder / "s.db"), "COLUMNS": "200"}
        result = CliRunner(env=env).invoke(cli, [str(arg) for arg in args], standalone_mode=False)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert (result.return_value or 0) == code, result.output
        return result.output

    @property
    def store(self):
        return RunStore(str(self.folder / "s.db"))

    def calibrate(self, threshold=None):
        made = Calibration(MAP.kind, MAP.knots, threshold=threshold, about=MAP.about)
        keep_calibration(self.store, "low", load_rubric("helpfulness"), made)


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


ANALYZE = ("analyze", "chats.jsonl", "--rubric", "helpfulness", "--judge", "low", "--turns", "last")


def test_calibrated_scores_are_explained_on_their_own_scale(world):
    world.calibrate()
    world.run(*ANALYZE, "--calibrated")
    world.run("judges", "calibrate", "--remove", 1)  # the run keeps what it was judged with
    out = world.run(*RESCORE, "--turn", "c0:3")
    assert "c0:3 helpfulness (unvalidated), rescore: 0.20 → 0.90 (threshold 0.5)" in out
    world.run("attribute", "--turn", "c0:3", "--levels", "turn")
    (found,) = map(
        json.loads, (world.folder / "convexplain-out" / "run-1" / "attributions.jsonl").read_text().splitlines()
    )
    assert found["score"] == pytest.approx(0.2)


def test_an_uncalibrated_run_is_explained_as_before(world):
    world.run(*ANALYZE)
    world.calibrate()  # that there is a calibration by now changes nothing
    out = world.run(*RESCORE, "--turn", "c0:3")
    assert "c0:3 helpfulness (unvalidated), rescore: No edit moved the score from 0.10 to 0.60" in out
    assert "the best reached 0.30" in out


def test_a_turn_is_explained_by_the_judge_that_its_score_is_from(world):
    # |0.12 - 0.5| = 0.38 goes to the strong judge, |0.1 - 0.5| = 0.4 does not.
    world.run(*ANALYZE, "--escalate", "strong", "--escalate-band", "0.39")
    out = world.run(*RESCORE, "--turn", "c1:3")
    assert "c1:3 helpfulness (unvalidated), rescore: 0.25 → 0.80 (threshold 0.5)" in out
    before = len(world.opened)
    world.run(*RESCORE, "--turn", "c2:3")
    assert [model.name for model in world.opened[before:]] == ["low"]
    out = world.run(*RESCORE, "--below", "0.3", "--dry-run")
    assert "with low: at most 500 edited contexts (10 x 50)" in out
    assert "with strong: at most 500 edited contexts (10 x 50)" in out
    named = world.run(*RESCORE, "--turn", "c1:3", "--judge", "low")
    assert "0.25" not in named


def test_pairs_are_judged_on_the_scale_of_the_run(world):
    world.calibrate()
    world.run(*ANALYZE, "--calibrated")
    world.run(*RESCORE, "--turn", "c0:3")
    accept_all(world.store)
    world.run("export", "--format", "jsonl", "--out", "pairs")
    (found,) = map(json.loads, (world.folder / "pairs" / "train.jsonl").read_text().splitlines())
    assert found["margin"] == pytest.approx(0.9 - 0.2)  # raw, the edited turn has 0.3 and the logged one 0.1


@pytest.mark.slow
def test_fidelity_measures_by_the_judge_and_on_the_scale_that_was_attributed(world):
    world.run(*ANALYZE, "--escalate", "strong", "--escalate-band", "0.39")
    for place in ("c1:3", "c2:3"):
        world.run("attribute", "--turn", place, "--levels", "turn")
    before = len(world.opened)
    assert "clime" in world.run("attribute", "--levels", "turn", "--check", "--worst", "20")
    assert {model.name for model in world.opened[before:]} == {"low", "strong"}


@pytest.mark.slow
def test_another_judge_on_a_calibrated_run_is_told_apart(world):
    world.calibrate()
    world.run(*ANALYZE, "--calibrated")
    told = "Run 1 was judged with calibrated scores; those of strong are raw."
    assert told in world.run(*RESCORE, "--turn", "c0:3", "--judge", "strong")
    assert "are raw" not in world.run(*RESCORE, "--turn", "c0:3", "--judge", "low")
    world.run("attribute", "--turn", "c0:3", "--levels", "turn", "--judge", "strong")
    assert told in world.run("attribute", "--turn", "c0:3", "--levels", "turn", "--check", "--judge", "strong")
    accept_all(world.store)
    assert told in world.run("export", "--format", "jsonl", "--judge", "strong", "--out", "one")
    assert "are raw" not in world.run("export", "--format", "jsonl", "--out", "two")


@pytest.mark.slow
def test_noise_of_calibrated_scores_is_kept_apart_and_used(world):
    # The map has slope 3.5 where the judge moves. A greeting makes no lorry of anything: nothing moves here.
    world.calibrate(threshold=0.25)
    assert "noise floor 0.000" in world.run(
        "judges", "noise", "chats.jsonl", "--rubric", "helpfulness", "--judge", "low"
    )
    out = world.run("judges", "noise", "chats.jsonl", "--rubric", "helpfulness", "--judge", "low", "--calibrated")
    assert "too close to the threshold of 0.25" in out
    world.run(*ANALYZE, "--calibrated")
    store = world.store
    (rubric,) = run_rubrics(store, store.run().id)
    assert rubric.threshold == 0.25
    assert noise_floor(store, f"low calibrated={MAP.sha}", rubric) == 0.0
    assert noise_floor(store, "low", rubric) is None
    store.close()
    assert "was not measured" not in world.run(*RESCORE, "--turn", "c0:3")


def test_noise_of_scores_without_a_calibration_cannot_be_had(world):
    with pytest.raises(UsageError, match="no calibration of low on helpfulness is kept"):
        world.run("judges", "noise", "chats.jsonl", "--rubric", "helpfulness", "--judge", "low", "--calibrated")


@pytest.mark.parametrize(
    ("floor", "options", "close"),
    [
        (0.41, [], True),  # |0.1 - 0.5| = 0.4 is less
        (0.4, [], False),  # as far away as the noise reaches: told apart
        (0.41, ["--delta", "0.05"], False),  # somebody knows better
    ],
)
def test_what_is_too_close_to_call_is_told_and_not_searched(world, floor, options, close):
    world.run(*ANALYZE)
    store = world.store
    keep_noise_floor(store, "low", load_rubric("helpfulness"), floor, turns=20, n=400)
    store.close()
    before = len(world.opened)
    out = world.run(*RESCORE, "--turn", "c0:3", *options)
    asked = sum(len(model.requests) for model in world.opened[before:])
    (found,) = map(
        json.loads, (world.folder / "convexplain-out" / "run-1" / "contrasts.jsonl").read_text().splitlines()
    )
    assert (found["stopped"] == "too close") is close
    assert ("too close to call: the score of 0.10 lies within the judge's noise of 0.41" in out) is close
    if close:
        assert (found["calls"], found["edits"], asked) == (0, [], 0)  # the unchanged turn came out of the cache


@pytest.mark.parametrize(("floor", "close"), [(0.41, True), (0.4, False)])
def test_an_attribution_of_what_is_too_close_to_call_says_so(world, floor, close):
    world.run(*ANALYZE)
    store = world.store
    keep_noise_floor(store, "low", load_rubric("helpfulness"), floor, turns=20, n=400)
    store.close()
    out = world.run("attribute", "--turn", "c0:3", "--levels", "turn")
    assert ("too close to call: the score of 0.10 lies within the judge's noise of 0.41" in out) is close


@pytest.mark.slow
def test_validate_applies_map_and_threshold_and_says_what_it_was_made_from(world):
    # Even turns: 0.1 -> 0.2, labelled 0. Odd ones: 0.12 -> 0.2 + 0.02 / 0.2 * 0.7 = 0.27, labelled 1.
    validate = (
        "judges",
        "validate",
        "chats.jsonl",
        "--labels",
        "labels.csv",
        "--rubric",
        "helpfulness",
        "--judge",
        "low",
    )
    world.run(*validate)
    raw = json.loads((world.folder / "convexplain-out" / "agreement.json").read_text())["rubrics"][0]["judges"][0]
    assert (raw["threshold"], raw["measures"]["recall"]["value"], raw["measures"]["precision"]["value"]) == (
        0.5,
        1,
        0.5,
    )
    world.calibrate(threshold=0.25)
    out = world.run(*validate, "--calibrated")
    found = json.loads((world.folder / "convexplain-out" / "agreement.json").read_text())["rubrics"][0]
    (judge,) = found["judges"]
    assert (found["threshold"], judge["threshold"]) == (0.5, 0.25)
    assert judge["confusion"] == {"both_good": 10, "both_bad": 10, "judge_bad": 0, "people_bad": 0}
    assert (judge["measures"]["kappa"]["value"], judge["measures"]["precision"]["value"]) == (1.0, 1.0)
    assert judge["measures"]["brier"]["value"] == pytest.approx((0.2**2 + 0.73**2) / 2)
    assert judge["disagreements"][0]["score"] == pytest.approx(0.27)
    assert "low at 0.25: both good 10" in out
    assert "was calibrated on" not in out
    made = Calibration(MAP.kind, MAP.knots, about={**MAP.about, "run": 1})  # of what the first validate judged
    keep_calibration(world.store, "low", load_rubric("helpfulness"), made)
    out = world.run(*validate, "--calibrated")
    assert "20 of 20 labelled turns are among those that low was calibrated on for helpfulness" in out


@pytest.mark.slow
def test_validate_escalates_and_compares(world):
    validate = (
        "judges",
        "validate",
        "chats.jsonl",
        "--labels",
        "labels.csv",
        "--rubric",
        "helpfulness",
        "--judge",
        "low",
    )
    out = world.run(*validate, "--escalate", "strong", "--escalate-band", "0.39")
    assert "10 of 20 judgements (50%) were escalated to strong: 10 calls, 0 from the cache" in out
    out = world.run(*validate, "--judge", "strong")
    assert "escalated to strong" in out
    assert re.search(r"50% of the turns +│ +0\.38", out)  # the ten odd turns: |0.12 - 0.5|


@pytest.mark.slow
def test_the_summary_says_whose_the_judgements_are(world):
    out = world.run(*ANALYZE, "--escalate", "strong", "--escalate-band", "0.39")
    assert "Judgements: 10 by low, 10 by strong" in out
    report = (world.folder / "convexplain-out" / "run-1" / "report.html").read_text()
    assert "Judgements: 10 by low, 10 by strong." in report
    assert "Judgements:" not in world.run(*ANALYZE).split("Files in")[0]
    out = world.run(*ANALYZE, "--escalate", "strong", "--dry-run")
    assert "What --escalate adds is known only once the first judge has judged." in out


@pytest.mark.slow
def test_a_second_judges_calibration_makes_another_run(world):
    world.calibrate()
    helpful = load_rubric("helpfulness")
    ids = []
    for slope in (1.0, 2.0):
        keep_calibration(world.store, "strong", helpful, Calibration("platt", slope=slope))
        world.run(*ANALYZE, "--calibrated", "--escalate", "strong")
        ids.append(world.store.run().settings["calibrated"]["strong"]["helpfulness"]["slope"])
    assert ids == [1.0, 2.0]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--prior", "--precision", "0.8"), "prior uses neither labels nor logs"),
        (("--prior", "--labels", "labels.csv"), "prior uses neither labels nor logs"),
        (("chats.jsonl", "--prior"), "prior uses neither labels nor logs"),
        (
            ("chats.jsonl", "--labels", "labels.csv", "--dialogue", "nowhere"),
            "dialogue 'nowhere' is in the metadata of",
        ),
        (("chats.jsonl", "--labels", "labels.csv"), "20 labelled turns of 20 dialogues are too few"),
    ],
)
def test_orders_of_calibrate_that_cannot_be_meant(world, args, words):
    with pytest.raises(UsageError, match=words):
        world.run("judges", "calibrate", "--rubric", "helpfulness", "--judge", "low", *args)


def test_a_number_that_no_store_holds_is_a_usage_error(world):
    with pytest.raises(click.BadParameter, match="is too large; the largest valid number is"):
        world.run("judges", "calibrate", "--remove", 10**30)
