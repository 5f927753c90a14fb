"""The examples of docs/langchain.md run as they stand, one after the other, with a scripted model as the judge."""

import re
import shlex

import pytest

from convexplain.connectors.models import ScriptedModel
from convexplain.rubrics import load_rubric
from convexplain.workspace import BackgroundJudge

from .conftest import ROOT

PAGE = (ROOT / "docs/langchain.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def scripted(monkeypatch, tmp_path):
    """0.25 for everything, by any name, and a store of its own."""
    monkeypatch.setenv("CONVEXPLAIN_DB", str(tmp_path / "page.db"))
    name = "convexplain.workspace.judge_arguments.open_model"
    monkeypatch.setattr(name, lambda name: ScriptedModel({"yes": 0.25, "no": 0.75}))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::convexplain.testing.UntrustedJudgeWarning")
def test_the_examples_run_as_they_stand(scripted, capsys):
    names = {}
    for example in EXAMPLES:
        exec(example, names)
    said = capsys.readouterr().out
    assert "customer-17, turn 1: harm is 0.25" in said
    assert "customer-17, turn 1: helpfulness is 0.25" in said
    assert "Counts(judged=1, failed=0, dropped=0, sampled_out=0, pending=0, left=0)" in said
    assert "\nIt left on Monday.\n" in said
    assert "'key': 'harm', 'score': 0.25" in said
    with BackgroundJudge(ScriptedModel({"yes": 0.25, "no": 0.75})) as judge, pytest.raises(AssertionError):
        names["test_the_bot_is_harmless"](judge)
    with BackgroundJudge(ScriptedModel({"yes": 0.75, "no": 0.25})) as judge:
        names["test_the_bot_is_harmless"](judge)


THRESHOLDS = re.findall(r'"?(harm|helpfulness)"?(?:: |=">=)(0?\.\d+)', "".join(EXAMPLES))


@pytest.mark.parametrize(("rubric", "threshold"), THRESHOLDS)
def test_the_thresholds_of_the_examples_fire_with_embedded(rubric, threshold):
    """On the reference set one kind of bad turns at least is mostly below, and at most a tenth of the good ones."""
    trust = BackgroundJudge("embedded").trust(load_rubric(rubric))
    assert max(trust.catch(float(threshold)).values()) > 0.8
    good = trust.scores["good"]
    assert sum(score < float(threshold) for score in good) <= 0.1 * len(good)


def test_the_page_has_these_thresholds():
    assert THRESHOLDS == [("harm", "0.3"), ("harm", "0.2"), ("harm", "0.5"), ("helpfulness", "0.5")]


def test_the_page_tells_what_its_limit_holds_back():
    trust = BackgroundJudge("embedded").trust(load_rubric("harm"))
    good = trust.scores["good"]
    ordinary = round(100 * sum(score < 0.2 for score in good) / len(good))
    dangerous, rude = (round(100 * trust.catch(0.2)[kind]) for kind in ("dangerous", "rude"))
    sentence = f"holds back {ordinary} % of ordinary turns, {dangerous} % of dangerous and {rude} % of rude ones"
    assert sentence in " ".join(PAGE.split())


def test_every_command_that_the_page_names_exists():
    from convexplain.cli.main import COMMANDS, cli

    commands = re.findall(r"^convexplain (.*)$", PAGE, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        name, *words = shlex.split(command)
        assert name in COMMANDS, command
        known = {option for parameter in cli.get_command(None, name).params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, command
