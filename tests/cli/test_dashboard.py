"""`convexplain dashboard`: where it listens, who may reach it, and what it hands to Streamlit."""

import os
import sys

import pytest
from click.testing import CliRunner

from convexplain.cli import dashboard as cli_dashboard
from convexplain.cli.main import cli
from convexplain.dashboard.services.access import PASSWORDS
from convexplain.dashboard.services.model_choices import any_model_allowed
from convexplain.errors import MissingExtraError, StoreError, UsageError
from tests.dashboard.test_access import AUTH, LISTS


@pytest.fixture
def started(monkeypatch, tmp_path):
    """What Streamlit would be started with: its options and the store; nothing is started."""
    found = []
    monkeypatch.setattr(
        "streamlit.starlette.App.run", lambda _, config: found.append((config, os.environ.get("CONVEXPLAIN_DB")))
    )
    monkeypatch.setattr(sys, "argv", ["convexplain"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CONVEXPLAIN_DB", str(tmp_path / "store.db"))
    for name in PASSWORDS.values():
        monkeypatch.delenv(name, raising=False)
    return found


def invoke(*arguments):
    return CliRunner().invoke(cli, ["dashboard", *arguments])


@pytest.mark.slow
def test_it_listens_on_this_machine_and_sends_nothing_home(started, tmp_path):
    result = invoke("--port", "8600")
    assert result.exit_code == 0, result.output
    assert "http://127.0.0.1:8600" in result.output
    ((options, database),) = started
    assert os.path.basename(sys.argv[0]) == "app.py"
    assert not os.path.isdir(os.path.join(os.path.dirname(sys.argv[0]), "pages"))  # Streamlit would serve it as it is
    expected = {
        "server.address": "127.0.0.1",
        "server.port": 8600,
        "server.enableAgentApi": False,
        "browser.gatherUsageStats": False,
        "server.maxUploadSize": 200,
        "server.fileWatcherType": "none",
        "client.toolbarMode": "minimal",
        "theme.baseFontSize": 15,
    }
    assert {name: options[name] for name in expected} == expected
    assert database == str(tmp_path / "store.db")


def test_a_store_is_handed_on_without_the_command_line(started, tmp_path):
    assert invoke("--db", str(tmp_path / "other.db")).exit_code == 0
    ((options, database),) = started
    assert database == str(tmp_path / "other.db")
    assert "other.db" not in str([options, sys.argv])


def test_an_open_address_needs_a_login(started):
    result = invoke("--host", "0.0.0.0")
    assert isinstance(result.exception, UsageError)
    assert "--host 0.0.0.0: others reach this address, and nobody has to sign in" in str(result.exception)
    assert started == []


def test_an_open_address_with_a_password(started, monkeypatch):
    monkeypatch.setenv("CONVEXPLAIN_DASHBOARD_PASSWORD", "correct horse")
    result = invoke("--host", "0.0.0.0")
    assert result.exit_code == 0
    assert "Warning" not in result.output
    assert "http://localhost:8501" in result.output
    assert started[0][0]["server.address"] == "0.0.0.0"


def test_an_open_address_with_a_provider(started, tmp_path):
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(AUTH + LISTS)
    assert invoke("--host", "::").exit_code == 0
    (tmp_path / ".streamlit" / "secrets.toml").write_text(AUTH)
    assert "nobody may sign in" in str(invoke("--host", "::").exception)


def test_an_open_address_on_demand_is_warned_of(started):
    result = invoke("--host", "192.168.1.5", "--insecure")
    assert result.exit_code == 0
    assert "Warning: whoever reaches 192.168.1.5 sees all conversations" in result.output
    assert len(started) == 1


def test_a_store_that_cannot_be_opened_is_said_at_once(started, tmp_path):
    (tmp_path / "broken.db").write_text("no database at all" * 100)
    result = invoke("--db", str(tmp_path / "broken.db"))
    assert isinstance(result.exception, StoreError)
    assert started == []


def test_without_streamlit_it_names_the_extra(started, monkeypatch):
    monkeypatch.setattr(cli_dashboard, "find_spec", lambda _: None)
    result = invoke()
    assert isinstance(result.exception, MissingExtraError)
    assert "pip install 'convexplain[dashboard]'" in str(result.exception)


@pytest.mark.slow
def test_the_command_line_itself_needs_no_streamlit():
    import subprocess

    code = "import sys; sys.modules['streamlit'] = None; sys.modules['pandas'] = None; import convexplain.cli.main"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_any_model_only_on_this_machine_and_without_sign_in(started, monkeypatch):
    monkeypatch.setattr("convexplain.dashboard.services.model_choices._Choice.any_model", False)
    for arguments in (["--host", "0.0.0.0"], ["--host", "0.0.0.0", "--insecure"]):
        result = invoke("--any-model", *arguments)
        assert isinstance(result.exception, UsageError)
        assert "--any-model does not go with --host 0.0.0.0" in str(result.exception)
    monkeypatch.setenv("CONVEXPLAIN_DASHBOARD_PASSWORD", "correct horse")
    assert "--any-model does not go with a sign-in" in str(invoke("--any-model").exception)
    assert started == []
    monkeypatch.delenv("CONVEXPLAIN_DASHBOARD_PASSWORD")
    assert invoke("--any-model").exit_code == 0
    assert any_model_allowed()
    assert invoke().exit_code == 0
    assert not any_model_allowed()
