"""`convexplain themes`: of a run without the name of a command, corrected, and as a rubric."""

import json
import re

import pytest
from click.testing import CliRunner

from convexplain.cli.main import cli
from convexplain.errors import StoreError, UsageError
from convexplain.store import RunStore
from tests.theme_store import two_modes


@pytest.fixture
def themes(tmp_path):
    """Runs `convexplain themes` with arguments on a store with one run; returns what it printed."""
    db = str(tmp_path / "store.db")
    store = RunStore(db)
    two_modes(store)
    store.close()

    def run(*words):
        result = CliRunner(env={"COLUMNS": "200", "CONVEXPLAIN_DB": db}).invoke(cli, ["themes", *map(str, words)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout if result.exit_code == 0 else result.stderr

    return run


def test_the_first_call_finds_them_and_later_ones_show_them(themes):
    shown = themes()
    assert "Run 1: 20 judged turns, 9 grouped: 9 in 2 themes, 0 in none." in shown
    assert "5 turns, 25.0 % of the judged turns (95 % interval 11.2 to 46.9 %)." in shown
    assert "again-0:3: Turn 3: it asks again." in shown
    assert "This looks for causes, and asks the judge: convexplain themes 1 --explain 8" in shown
    assert themes(1) == themes("list", 1) == shown
    body = json.loads(themes("--json"))
    assert [(theme["number"], theme["count"]) for theme in body["themes"]] == [(1, 5), (2, 4)]
    assert "At most 192 judgements" in themes("--dry-run", "--explain", 4)  # 2 x 4 x 24


def test_they_are_corrected_by_their_numbers(themes):
    themes()
    assert themes("rename", 1, "asks again") == "Theme 1 is called 'asks again'.\n"
    assert themes("pin", 1) == "Theme 1, 'asks again', is pinned: later runs look for it.\n"
    assert "1  asks again (pinned)" in themes()
    split = themes("split", 1, "--turn", "again-0:3", "--turn", "again-1:3", "--name", "twice")
    assert split == "Theme 3, 'twice', is new and has 2 turns.\n"
    assert themes("merge", 1, 3) == "Theme 1, 'asks again', has 5 turns now.\n"
    assert themes("unpin", 1) == "Theme 1, 'asks again', is not pinned any more.\n"


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["77"], StoreError, "there is no run 77"),
        (["pin", 77], StoreError, "there is no theme 77; `convexplain themes` lists those of a run"),
        (["split", 1, "--turn", "nobody:1"], UsageError, "--turn 'nobody:1': theme 1 has no such turn"),
        (["rubric", 1], UsageError, "theme 1 has 1 different turns; a rubric needs at least 3 examples"),
    ],
)
def test_what_cannot_be_done_is_said(themes, words, error, message):
    themes()
    with pytest.raises(error, match=re.escape(message)):
        themes(*words)


def test_an_option_that_is_not_valid_is_named(themes):
    assert "Invalid value for '--lowest': 0.0 is not in the range 0<x<=1." in themes("--lowest", 0)
