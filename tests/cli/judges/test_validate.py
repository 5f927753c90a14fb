"""`convexplain judges validate`, as people use it: with a scripted judge, and in a process against a stub server."""

import json
import re

import pytest
from click.testing import CliRunner

from convexplain import Conversation, Turn
from convexplain.cli.main import cli
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.store import RunStore, keep_ratings, ratings
from convexplain.types import Rating
from tests.cli.test_analyze import run

# The judge says 0.9 of "Answer 0." to "Answer 5." and 0.1 of "A bad one 0." to "A bad one 5.".


def prompt_probability(request):
    said = request.messages[0].content.rsplit("\nassistant: ", 1)[-1]
    return {"yes": 0.1, "no": 0.9} if "bad" in said else {"yes": 0.9, "no": 0.1}


@pytest.fixture
def models(monkeypatch):
    """What `--judge NAME` opens: `good` as above, `flat` always 0.5, `mute` nothing that can be read."""
    answers = {"good": prompt_probability, "embedded": prompt_probability, "flat": {"yes": 0.5, "no": 0.5}, "mute": "…"}
    opened = {}

    def open_(name):
        opened[name] = ScriptedModel(answers[name], name=name)
        return opened[name]

    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", open_)
    return opened


@pytest.fixture
def command(tmp_path, models):
    def command(*args):
        result = CliRunner(env={"CONVEXPLAIN_DB": str(tmp_path / "s.db"), "COLUMNS": "160"}).invoke(
            cli, ["judges", "validate", *map(str, args), "--out", str(tmp_path / "out")], standalone_mode=False
        )
        if result.exception:
            raise result.exception
        return result

    return command


@pytest.fixture
def labels(tmp_path):
    """People agree with the judge, but for c0:3, which two of them praise."""
    path = tmp_path / "labels.csv"
    rows = [f"c{i},1,{rater},5" for i in range(6) for rater in ("anna", "ben")]
    rows += [f"c{i},3,{rater},{5 if i == 0 else 1}" for i in range(6) for rater in ("anna", "ben")]
    path.write_text("conversation,turn,rater,stars\n" + "\n".join(rows))
    return path


def body(tmp_path):
    return json.loads((tmp_path / "out" / "agreement.json").read_text())


STARS = ("--scale", "1", "5", "--rubric", "helpfulness")


@pytest.mark.slow
def test_table_json_page_and_disagreements(command, models, chats, labels, tmp_path):
    result = command(chats, "--labels", labels, *STARS, "--judge", "good", "--worst", 2)
    assert result.return_value == 0
    assert len(models["good"].requests) == 12
    out = result.output
    assert "12 labelled turns in 6 dialogues, 24 ratings by 2 raters" in out
    assert (
        "Krippendorff's alpha: 1.00 [1.00, 1.00]; one person with the mean of the others (Spearman): 1.00 [1.00, 1.00]"
        in out
    )
    assert "good at 0.5: both good 6, both bad 5, only the judge says bad 1, only people say bad 0" in out
    assert "people 1.00, judge 0.10  c0:3 A bad one 0." in out
    assert "why: convexplain explain 1 --turn c0:3 --rubric helpfulness" in out
    (found,) = body(tmp_path)["rubrics"]
    measures = found["judges"][0]["measures"]
    # Sides: agreed 11 of 12; by chance (6 · 7 + 6 · 5) / 144 = 1/2; (11/12 - 1/2) / (1/2) = 5/6.
    assert measures["kappa"]["value"] == pytest.approx(5 / 6)
    # Brier: eleven times 0.1², once 0.9².
    assert measures["brier"]["value"] == pytest.approx((11 * 0.01 + 0.81) / 12)
    # Seven good turns against five bad: one of the good has the score of the bad: 6 + ½ of 7.
    assert measures["auc"]["value"] == pytest.approx(6.5 / 7)
    assert measures["precision"]["value"] == pytest.approx(5 / 6)
    assert measures["brier"]["low"] < measures["brier"]["value"] < measures["brier"]["high"]
    assert found["positive"] == "people's mean at least 0.5 (the threshold)"
    worst = found["judges"][0]["disagreements"][0]
    assert (worst["conversation"], worst["turn"], worst["human"], worst["before"]) == ("c0", 3, 1.0, "And?")
    assert [rating["label"] for rating in worst["ratings"]] == ["5", "5"]
    page = (tmp_path / "out" / "agreement.html").read_text()
    assert "convexplain explain 1 --turn c0:3 --rubric helpfulness" in page


@pytest.mark.slow
def test_only_labelled_turns_are_judged_and_again_nothing_is_asked(command, models, chats, labels):
    labels.write_text("conversation,turn,score\nc0,1,1\nc1,last,0\nc2,-1,0\n")
    first = command(chats, "--labels", labels, "--rubric", "harm", "--judge", "good")
    assert len(models["good"].requests) == 3
    assert first.return_value == 0
    assert "3 labelled turns are few: read the intervals, not the numbers" in first.output
    second = command(chats, "--labels", labels, "--rubric", "harm", "--judge", "good")
    assert models["good"].requests == []
    assert second.output.replace("2 --turn", "1 --turn").split("Harm")[1] == first.output.split("Harm")[1]


@pytest.mark.slow
def test_judges_side_by_side(command, chats, labels, tmp_path):
    result = command(chats, "--labels", labels, *STARS, "--judge", "good", "--judge", "flat")
    assert result.return_value == 0
    (found,) = body(tmp_path)["rubrics"]
    (comparison,) = found["comparisons"]
    assert (comparison["first"], comparison["second"]) == ("good", "flat")
    # Brier of 0.5 against 0s and 1s is 0.25.
    difference = comparison["differences"]["brier"]
    assert difference["value"] == pytest.approx(0.92 / 12 - 0.25)
    assert difference["high"] < 0
    assert comparison["differences"]["spearman"]["value"] is None
    assert comparison["differences"]["spearman"]["reason"] == "every turn has the same score"
    assert "less flat" in result.output


@pytest.mark.slow
def test_kept_judgements_of_runs(command, models, chats, labels, tmp_path):
    command(chats, "--labels", labels, *STARS, "--judge", "good", "--judge", "flat")
    models.clear()
    result = command("--labels", labels, *STARS, "--run", 1, "--run", 2)
    assert models == {}
    assert result.return_value == 0
    (found,) = body(tmp_path)["rubrics"]
    assert [(judge["name"], judge["run"], judge["n"]) for judge in found["judges"]] == [
        ("good", 1, 12),
        ("flat", 2, 12),
    ]
    # What was judged needs no name where runs say it, and own rubrics are known by their runs.
    assert command("--labels", labels, "--scale", "1", "5", "--run", 1).return_value == 0
    # Of the same judge twice, each says which run it is.
    command(chats, "--labels", labels, *STARS, "--judge", "good", "--run", 1)
    (found,) = body(tmp_path)["rubrics"]
    assert [judge["name"] for judge in found["judges"]] == ["good (run 3)", "good (run 1)"]


@pytest.mark.slow
def test_unscored_turns_count_nowhere(command, chats, labels, tmp_path):
    result = command(chats, "--labels", labels, *STARS, "--judge", "mute")
    assert result.return_value == 1
    assert "mute has no score for 12 of 12 labelled turns" in result.output
    assert "no score 12 x: " in result.output
    (found,) = body(tmp_path)["rubrics"]
    (judge,) = found["judges"]
    assert judge["n"] == 0
    assert {measure["reason"] for measure in judge["measures"].values()} == {"no turn has both a label and a score"}
    assert "NaN" not in (tmp_path / "out" / "agreement.json").read_text()


@pytest.mark.slow
def test_labels_in_the_log_and_in_the_store(command, models, tmp_path):
    talk = Conversation(
        "c", (Turn("user", "Hi"), Turn("assistant", "Hello"), Turn("user", "?"), Turn("assistant", "bad"))
    )
    store = RunStore(str(tmp_path / "s.db"))
    keep_ratings(store, [(talk, Rating("c", 1, "harm", 1.0, "anna")), (talk, Rating("c", 3, "harm", 0.0))])
    store.close()
    result = command("--judge", "good")
    assert result.return_value == 0
    assert len(models["good"].requests) == 2
    assert "2 labelled turns in 1 dialogues, 2 ratings by 1 raters" in result.output
    (found,) = body(tmp_path)["rubrics"]
    assert found["rubric"] == "harm"
    assert found["judges"][0]["measures"]["brier"]["reason"] == "no interval: all turns are of one dialogue"


@pytest.mark.slow
def test_keep(command, chats, labels, tmp_path):
    assert "24 labels are kept in the store" in command(chats, "--labels", labels, *STARS, "--keep").output
    store = RunStore(str(tmp_path / "s.db"))
    assert len(list(ratings(store, rubric="helpfulness"))) == 24
    store.close()
    assert "12 labelled turns in 6 dialogues, 24 ratings" in command().output  # by the embedded model, from the store


@pytest.mark.slow
def test_pairs_of_a_log(command, models, tmp_path):
    log = tmp_path / "hh.jsonl"
    lines = [
        {
            "chosen": f"\n\nHuman: Q{i}\n\nAssistant: Fine {i}.",
            "rejected": f"\n\nHuman: Q{i}\n\nAssistant: A bad one {i} .",
        }
        for i in range(3)
    ]
    lines[0]["chosen"], lines[0]["rejected"] = lines[0]["rejected"], lines[0]["chosen"]
    log.write_text("\n".join(map(json.dumps, lines)))
    result = command(log, "--rubric", "harm", "--judge", "good")
    assert result.return_value == 0
    assert len(models["good"].requests) == 6
    pairs = body(tmp_path)["rubrics"][0]["pairs"]
    assert pairs["n"] == 3
    assert pairs["accuracy"]["good"]["value"] == pytest.approx(2 / 3)  # of the first pair the bad one was preferred
    assert pairs["accuracy"]["the longer one"]["value"] == pytest.approx(1 / 3)
    assert "3 pairs" in result.output
    with pytest.raises(
        UsageError, match=r"pairs say nothing of what they answer; name the maxim \(command line: --rubric ID\)"
    ):
        command(log, "--judge", "good")


@pytest.mark.slow
def test_pairs_of_a_file(command, chats, labels, tmp_path):
    labels.write_text("chosen,rejected,rubric\nc0,c1,harm\nc9,c1,harm\n")
    result = command(chats, "--labels", labels, "--judge", "good")
    assert result.return_value == 1
    assert "labels.csv:3: there is no conversation 'c9'" in result.output
    assert body(tmp_path)["rubrics"][0]["pairs"]["accuracy"]["good"]["value"] == 0.5  # both are bad: a tie
    assert body(tmp_path)["rubrics"][0]["turns"] == 0


@pytest.mark.slow
def test_higher_is_bad(command, chats, labels, tmp_path):
    labels.write_text("conversation,turn,score\n" + "\n".join(f"c{i},1,0\nc{i},3,1" for i in range(6)))
    command(chats, "--labels", labels, "--rubric", "harm", "--higher-is", "bad", "--judge", "good")
    assert body(tmp_path)["rubrics"][0]["judges"][0]["measures"]["spearman"]["value"] == pytest.approx(1.0)
    command(chats, "--labels", labels, "--rubric", "harm", "--judge", "good")
    assert body(tmp_path)["rubrics"][0]["judges"][0]["measures"]["spearman"]["value"] == pytest.approx(-1.0)


def test_bad_labels_are_named_and_the_rest_goes_on(command, chats, labels, tmp_path):
    labels.write_text(
        "conversation,turn,rater,score\nc0,1,a,1\nc0,1,a,0\nc0,1,b,1\nc0,9,a,1\nc0,2,a,1\nc7,1,a,1\nc1,3,a,\nc1,3,a,0\n"
    )
    result = command(chats, "--labels", labels, "--rubric", "harm", "--judge", "good")
    assert result.return_value == 1
    for words in (
        ":3: c0:1 was labelled by 'a' on harm in line 2 already; the last label counts",
        ":5: conversation 'c0' has no turn 9; it has 4 turns, counted from 0",
        ":6: turn 2 of conversation 'c0' is the user's, not the assistant's",
        ":7: there is no conversation 'c7'",
        ":8: the row has no score and no label on harm",
        "4 labels, records or files could not be used",
    ):
        assert words in result.output
    assert len(body(tmp_path)["problems"]) == 5
    (found,) = body(tmp_path)["rubrics"]
    assert (found["turns"], found["ratings"]) == (2, 3)


def test_dry_run_asks_nothing(command, models, chats, labels, tmp_path):
    result = command(chats, "--labels", labels, *STARS, "--judge", "good", "--judge", "flat", "--dry-run")
    assert result.return_value == 0
    assert "12 labelled turns or sides of pairs on 1 maxims, in 6 conversations." in result.output
    assert re.search(r"flat: 12 calls with about [\d,]+ prompt tokens; 0 more are in the cache", result.output)
    assert all(model.requests == [] for model in models.values())
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_turns_of_one_dialogue_are_drawn_together(command, tmp_path):
    log, labels = tmp_path / "log.jsonl", tmp_path / "labels.csv"
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    records = [{"id": f"r{i}", "messages": turns, "meta": {"dialogue": i // 2, "shop": "x"}} for i in range(6)]
    log.write_text("\n".join(map(json.dumps, records)))
    labels.write_text("conversation,score\n" + "\n".join(f"r{i},{i / 5}" for i in range(6)))
    arguments = (log, "--labels", labels, "--rubric", "harm", "--judge", "good")
    assert "6 labelled turns in 3 dialogues" in command(*arguments).output
    assert "6 labelled turns in 1 dialogues" in command(*arguments, "--dialogue", "shop").output
    with pytest.raises(UsageError, match="dialogue 'ship' is in the metadata of no conversation that has labels"):
        command(*arguments, "--dialogue", "ship")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], r"name a labels file with the columns conversation, turn, rubric, and score or label \(command"),
        (["--judge", "good", "--judge", "good"], "the same one is named twice"),
        (["--rubric", "harm", "--rubric", "harm"], "rubric harm is named twice"),
        (["CHATS", "--labels", "LABELS"], "name one rubric"),
        (["CHATS", "--labels", "LABELS", "--rubric", "harm"], r"go from 1 to 5.*--scale 1 5"),
        (["CHATS", "--labels", "LABELS", "--rubric", "harm", "--scale", "5", "1"], "give the lowest and the highest"),
        (
            ["CHATS", "--labels", "LABELS", *STARS, "--label-columns", "colour=x"],
            "columns: 'colour' is not valid; valid are: conversation, turn",
        ),
        (["CHATS", "--labels", "LABELS", *STARS, "--called", "fun"], "write NAME=VALUE"),
        (["CHATS", "--labels", "LABELS", "--scale", "6", "9", "--rubric", "harm"], "no label of .* could be used"),
    ],
)
def test_usage_errors_say_what_would_be_valid(command, chats, labels, args, words):
    places = {"CHATS": chats, "LABELS": labels}
    with pytest.raises(UsageError, match=words):
        command(*(places.get(arg, arg) for arg in args))


@pytest.mark.slow
@pytest.mark.loopback
def test_as_a_process(stub, chats, labels, tmp_path):
    code, out, err = run("judges", "validate", chats, "--labels", labels, *STARS, "--judge", stub.url, cwd=tmp_path)
    assert (code, len(stub.prompts)) == (0, 12)
    assert "12/12 judged" in err
    assert "12 labelled turns in 6 dialogues" in out
    for more in ([], ["--rubric", "harm"]):
        code, _, err = run("judges", "validate", "--run", "7", *more, cwd=tmp_path)
        assert code == 1
        assert "there is no run 7" in err
