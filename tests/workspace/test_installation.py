import asyncio
import json
import tomllib
from importlib.metadata import PackageNotFoundError

import pytest
from click.testing import CliRunner

from convexplain.cli.main import cli
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UnavailableError
from convexplain.workspace import Workspace, installation
from convexplain.workspace.installation import EXTRAS, missing_packages
from tests.conftest import ROOT

DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """No server, no connection and no key of this machine."""
    for name in ("CONVEXPLAIN_BASE_URL", "OPENAI_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONVEXPLAIN_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("CONVEXPLAIN_CACHE", str(tmp_path / "cache"))


def by_name(found):
    return {check.name: check for check in found.checks}


def without(monkeypatch, *missing):
    def version(name):
        if name in missing:
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(installation, "version", version)


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_names_the_packages_that_it_declares(extra):
    declared = {requirement.split(">")[0].split("[")[0] for requirement in DECLARED[extra]}
    assert set(EXTRAS[extra][1]) == declared


def test_an_extra_that_is_not_complete_says_what_to_install(monkeypatch, tmp_path):
    without(monkeypatch, "torch", "streamlit")
    checks = by_name(Workspace(tmp_path / "s.db").doctor())
    assert missing_packages("local") == ["torch"]
    assert not checks["local"].ready
    assert checks["local"].remark.endswith("pip install 'convexplain[local]' (missing: torch)")
    assert not checks["dashboard"].ready
    assert checks["logs"].ready
    assert not checks["embedded"].ready
    assert checks["embedded"].remark == "needs pip install 'convexplain[local]'"


def test_models_that_are_not_fetched_yet(monkeypatch, tmp_path):
    without(monkeypatch)
    checks = by_name(Workspace(tmp_path / "s.db").doctor())
    assert checks["embedded"].ready
    assert checks["embedded"].remark == "is fetched at its first use (98 MB)"
    assert not checks["small"].ready


class Broken(ScriptedModel):
    async def prepare(self):
        raise UnavailableError("the server is not there")


class Silent(ScriptedModel):
    async def prepare(self):
        await asyncio.sleep(60)


@pytest.mark.parametrize(
    ("model", "ready", "remark"),
    [
        (ScriptedModel, True, "can be reached"),
        (Broken, False, "the server is not there"),
        (Silent, False, "does not answer within 0.01 s"),
    ],
)
def test_an_endpoint_is_reached_and_its_password_is_not_shown(monkeypatch, tmp_path, model, ready, remark):
    monkeypatch.setenv("CONVEXPLAIN_BASE_URL", "http://ann@example.test/v1")
    monkeypatch.setattr(installation, "open_model", lambda name: model({"yes": 1.0}))
    monkeypatch.setattr(installation, "_SECONDS", 0.01)
    check = by_name(Workspace(tmp_path / "s.db").doctor())["example.test/v1"]
    assert check.ready is ready
    assert check.remark.startswith(remark)


def test_a_key_is_named_and_not_shown(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    found = Workspace(tmp_path / "s.db").doctor()
    assert by_name(found)["openai:MODEL"].remark == "has its key in OPENAI_API_KEY; it was not asked"
    assert "sk-secret" not in json.dumps(found.to_dict())


def test_the_store_is_not_created(tmp_path):
    database = tmp_path / "s.db"
    assert by_name(Workspace(database).doctor())[str(database)].remark.startswith("does not exist yet")
    assert not database.exists()


def test_runs_of_the_store_are_counted(tmp_path):
    database = tmp_path / "s.db"
    Workspace(database).store.close()
    assert by_name(Workspace(database).doctor())[str(database)].remark == "holds 0 runs"


def test_the_command_fails_where_no_judge_can_be_used(monkeypatch, tmp_path):
    without(monkeypatch, "torch", "xllamacpp")
    done = CliRunner().invoke(cli, ["doctor", "--db", str(tmp_path / "s.db")], standalone_mode=False)
    assert done.return_value == 1
    assert "missing  embedded: needs pip install 'convexplain[local]'" in done.output
    assert "No judge can be used" in done.output


def test_the_command_writes_json(monkeypatch, tmp_path):
    without(monkeypatch)
    done = CliRunner().invoke(cli, ["doctor", "--json", "--db", str(tmp_path / "s.db")], standalone_mode=False)
    assert done.return_value == 0
    assert json.loads(done.output)["can_judge"] is True
