"""`convexplain judges noise`, with a scripted judge whose movements are known."""

import json
import re

import pytest
from click.testing import CliRunner

from convexplain import load_rubric
from convexplain.cli.main import cli
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.store import RunStore, noise_floor


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A log of 20 turns; `steady` moves by 0.2 where a greeting opens the conversation, and by nothing else."""
    rows = []
    for i in range(20):
        turns = [{"role": "user", "content": f"Question {i}?"}, {"role": "assistant", "content": "Yes. It is."}]
        rows.append(json.dumps({"id": f"c{i}", "messages": turns}))
    (tmp_path / "chats.jsonl").write_text("\n".join(rows))

    def steady(request):
        greeted = re.search(r"user: (Hello\.|Good day,|Hi there!) Question", request.messages[0].content)
        return {"yes": 0.4, "no": 0.6} if greeted else {"yes": 0.6, "no": 0.4}

    monkeypatch.setattr(
        "convexplain.workspace.judge_arguments.open_model", lambda name: ScriptedModel(steady, name=name)
    )
    monkeypatch.chdir(tmp_path)

    def run(*args):
        result = CliRunner(env={"CONVEXPLAIN_DB": str(tmp_path / "s.db"), "COLUMNS": "160"}).invoke(
            cli, ["judges", "noise", *map(str, args)], standalone_mode=False
        )
        if result.exception:
            raise result.exception
        return result.output

    return run


@pytest.mark.slow
def test_movements_sides_and_the_band_are_told_and_the_floor_is_kept(world):
    out = world("chats.jsonl", "--rubric", "helpfulness", "--judge", "steady")
    # Of the 20 kinds of changes one has no apostrophe to change: 19 a turn, of which 3 move by 0.2. That is more than
    # 5 %, so the 95th percentile is 0.2. With the 6 further kinds 3 of 25 flip.
    assert "noise floor 0.200 (20 turns, 380 changed prompts)" in out
    assert "Scores between 0.30 and 0.70 are too close to the threshold of 0.5 to call." in out
    assert "100% of the turns change side under some change; 12.0% of all changes do it." in out
    assert re.search(r"opening phrase: Hello\. +│ +0\.200", out)
    assert re.search(r"white space: an indented beginning +│ +0\.000", out)
    kept = noise_floor(RunStore("s.db"), "steady", load_rubric("helpfulness"))
    assert kept == pytest.approx(0.2)


def test_the_maxims_are_those_of_an_analysis_unless_named(world):
    out = world("chats.jsonl", "--judge", "steady", "--dry-run")
    # 20 turns, each as it is and under 20 + 6 changes, on three maxims.
    assert out == "At most 1,620 judgements: 20 turns, each 27 times, on 3 maxims. Nothing was asked.\n"


def test_too_few_turns_are_refused(world, tmp_path):
    lines = (tmp_path / "chats.jsonl").read_text().splitlines()
    (tmp_path / "chats.jsonl").write_text("\n".join(lines[:5]))
    with pytest.raises(UsageError, match="5 assistant turns are there; a noise floor needs at least 20"):
        world("chats.jsonl", "--rubric", "helpfulness", "--judge", "steady")
