"""`convexplain dashboard`: where it listens, who may reach it, and what it hands to Streamlit."""

import os
import sys

import pytest
from click.testing import CliRunner

from convexplain.cli import dashboard as cli_dashboard
from convexplain.cli.main import cli
from convexplain.errors import MissingExtraError, StoreError, UsageError


@pytest.fixture
def started(monkeypatch, tmp_path):
    """What Streamlit would be started with: its arguments and the store; nothing is started."""
    found = []
    monkeypatch.setattr(
        "streamlit.web.cli.main", lambda arguments, **_: found.append((arguments, os.environ.get("CONVEXPLAIN_DB")))
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CONVEXPLAIN_DB", str(tmp_path / "store.db"))
    monkeypatch.delenv("CONVEXPLAIN_DASHBOARD_PASSWORD", raising=False)
    return found


def invoke(*arguments):
    return CliRunner().invoke(cli, ["dashboard", *arguments])


@pytest.mark.slow
def test_it_listens_on_this_machine_and_sends_nothing_home(started, tmp_path):
    result = invoke("--port", "8600")
    assert result.exit_code == 0, result.output
    assert "http://127.0.0.1:8600" in result.output
    ((arguments, database),) = started
    assert arguments[0] == "run"
    assert arguments[1].endswith("app.py")
    assert not os.path.isdir(os.path.join(os.path.dirname(arguments[1]), "pages"))  # Streamlit would serve it as it is
    for option in (
        "--server.address=127.0.0.1",
        "--server.port=8600",
        "--browser.gatherUsageStats=false",
        "--server.maxUploadSize=200",
        "--server.fileWatcherType=none",
        "--client.toolbarMode=minimal",
    ):
        assert option in arguments
    assert database == str(tmp_path / "store.db")


def test_a_store_is_handed_on_without_the_command_line(started, tmp_path):
    assert invoke("--db", str(tmp_path / "other.db")).exit_code == 0
    ((arguments, database),) = started
    assert database == str(tmp_path / "other.db")
    assert not [one for one in arguments if "other.db" in one]


def test_an_open_address_needs_a_login(started):
    result = invoke("--host", "0.0.0.0")
    assert isinstance(result.exception, UsageError)
    assert "--host 0.0.0.0: others reach this address, and nobody has to sign in" in str(result.exception)
    assert started == []


def test_an_open_address_with_a_password(started, monkeypatch):
    monkeypatch.setenv("CONVEXPLAIN_DASHBOARD_PASSWORD", "x")
    result = invoke("--host", "0.0.0.0")
    assert result.exit_code == 0
    assert "Warning" not in result.output
    assert "http://localhost:8501" in result.output
    assert "--server.address=0.0.0.0" in started[0][0]


def test_an_open_address_with_a_provider(started, tmp_path):
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text("[auth]\nclient_id = 'x'\n")
    assert invoke("--host", "::").exit_code == 0


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
