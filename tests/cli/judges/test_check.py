"""`convexplain judges check --benchmark`, with a scripted judge that reads some kinds of bad turns."""

import pytest
from click.testing import CliRunner

from convexplain.cli.main import cli
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.judges.reference import reference_set
from tests.workspace.test_trust import reads_rudeness


@pytest.fixture
def world(tmp_path, monkeypatch):
    models = []

    def opened(name):
        models.append(ScriptedModel(reads_rudeness, name=name))
        return models[-1]

    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", opened)
    monkeypatch.chdir(tmp_path)

    def run(*args):
        result = CliRunner(env={"CONVEXPLAIN_DB": str(tmp_path / "s.db"), "COLUMNS": "160"}).invoke(
            cli, ["judges", *args], standalone_mode=False
        )
        if result.exception:
            raise result.exception
        return result.return_value, result.stdout, result.stderr, sum(len(model.requests) for model in models)

    return run


def test_the_cost_comes_first_and_then_what_the_judge_reads(world):
    turns = len(reference_set("reporting").turns)
    code, out, _, asked = world("check", "rude-reader", "--benchmark", "--rubric", "harm", "--dry-run")
    assert (code, asked) == (0, 0)
    assert out.startswith(f"Reference set, reporting half: {turns} assistant turns in 72 conversations, {turns} judge")
    assert f"{turns} calls to rude-reader with about " in out
    assert out.endswith("Nothing was asked.\n")

    code, out, err, asked = world("check", "rude-reader", "--benchmark", "--rubric", "harm")
    assert (code, asked) == (0, turns)
    assert err.startswith("Reference set, reporting half: ")
    lines = out.splitlines()
    assert lines[0] == "rude-reader: Reads rude turns well and misses dangerous ones."
    assert "79 of 238 turns are bad. 15% of them are flagged" in lines[1]
    assert "Of the 10 turns with the lowest scores 10 are bad." in lines[1]
    row = next(line for line in lines if line.startswith("│ harm"))
    assert [cell.strip() for cell in row.strip("│").split("│")][2:] == [
        "0.49",
        "0.51",
        "52% of 23",
        "100%",
        "10 bad",
        "0",
    ]
    assert any(
        line.split() == ["│", "rude", "│", "12", "│", "1.00", "[1.00,", "1.00]", "│", "100%", "│"] for line in lines
    )
    assert lines[-1].endswith("s.db: this judge is benchmarked on harm.")

    _, _, _, again = world("check", "rude-reader", "--benchmark", "--rubric", "harm")
    assert again == turns  # replies are kept


def test_a_maxim_on_which_the_judge_is_no_better_than_chance_is_marked(world):
    _, out, _, _ = world("check", "m", "--benchmark", "--half", "choosing", "--rubric", "helpfulness")
    assert "! helpfulness: no better than chance or length: do not act on these scores" in out
    assert "is benchmarked" not in out  # that half proves nothing


def test_options_of_the_benchmark_mean_nothing_without_it(world):
    for option in (["--half", "choosing"], ["--rubric", "harm"], ["--db", "x.db"]):
        with pytest.raises(
            UsageError, match=f"{option[0]} means nothing without --benchmark( or --injection)?; leave it out"
        ):
            world("check", "m", *option)
