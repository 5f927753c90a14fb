"""`convexplain runs audit`."""

import json

import pytest
from click.testing import CliRunner

from convexplain.cli.main import cli
from convexplain.models.chat import Spend
from convexplain.store import RunStore
from convexplain.store.audit import record_event, system_user


@pytest.fixture
def database(tmp_path):
    return str(tmp_path / "store.db")


def audit(database, *arguments):
    result = CliRunner().invoke(cli, ["runs", "audit", "--db", database, *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_it_shows_who_did_what(database):
    assert audit(database) == "Nothing is in the audit log.\n"
    assert audit(database, "--json") == ""
    store = RunStore(database)
    run = store.begin_run("j", "f", {}, []).id
    record_event(store, "anna\u202e", "label", {"maxim": "harm", "turn": 3})
    store.end_run(run, "done", Spend())
    store.close()
    deleted = CliRunner().invoke(cli, ["runs", "delete", str(run), "--yes", "--db", database])
    assert deleted.exit_code == 0, deleted.output
    first, second = audit(database).splitlines()
    assert first.endswith(f" UTC · {system_user()} · delete run: run {run}")
    assert second.endswith(' · label: maxim "harm", turn 3')
    assert "\u202e" not in second
    (event,) = map(json.loads, audit(database, "--json", "--limit", "1").splitlines())
    assert (event["action"], event["details"]) == ("delete run", {"run": run})
