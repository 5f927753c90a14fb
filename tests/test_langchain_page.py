"""The examples of docs/langchain.md run as they stand, one after the other, with a scripted model as the judge."""

import re
import shlex

import pytest

from convexplain.connectors.models import ScriptedModel
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
    with BackgroundJudge() as judge:
        names["test_the_bot_is_harmless"](judge)


def test_every_command_that_the_page_names_exists():
    from convexplain.cli.main import COMMANDS, cli

    commands = re.findall(r"^convexplain (.*)$", PAGE, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        name, *words = shlex.split(command)
        assert name in COMMANDS, command
        known = {option for parameter in cli.get_command(None, name).params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, command
