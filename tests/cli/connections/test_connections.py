"""`convexplain connections`: add, list, test, default, remove; no key is ever shown."""

import json

import pytest
from click.testing import CliRunner

from convexplain import Workspace
from convexplain.cli.main import cli
from convexplain.connectors.models import ScriptedModel
from convexplain.connectors.models.endpoint_memory import remember
from convexplain.connectors.models.endpoint_rules import EndpointRules
from convexplain.connectors.models.secret_store import secrets_file
from convexplain.errors import UsageError

URL = "https://h.example/v1?model=m"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    monkeypatch.delenv("TEAM_KEY", raising=False)


def run(*arguments, stdin=None):
    """The outcome of a command, and all that it printed."""
    result = CliRunner().invoke(cli, ["connections", *arguments], input=stdin, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value or 0, result.output


def test_a_key_from_the_standard_input_is_kept_and_not_shown():
    _, output = run("add", "team", URL, "--key-stdin", stdin="sekret\n")
    assert output == (
        f"Connection team is registered for https://h.example. Its key: {secrets_file()} (mode 0600).\n"
        "Does it answer? convexplain connections test team\n"
        "Judge with it: --judge connection:team, or for all commands: convexplain connections default team\n"
    )
    assert json.loads(secrets_file().read_text()) == {"team https://h.example": "sekret"}
    _, output = run("list")
    assert output == (
        "connection:team\n"
        "  address      https://h.example/v1?model=m\n"
        f"  key          {secrets_file()} (mode 0600)\n"
        "  not asked yet: what it takes is learnt at its first use\n"
    )


def test_a_variable_that_is_not_set_is_said(monkeypatch):
    _, output = run("add", "team", URL, "--key-env", "TEAM_KEY")
    assert "Its key: the environment variable TEAM_KEY.\nTEAM_KEY is not set now; set it before you judge.\n" in output
    monkeypatch.setenv("TEAM_KEY", "sekret")
    _, output = run("add", "again", URL, "--key-env", "TEAM_KEY")
    assert "not set" not in output
    assert "sekret" not in output


@pytest.mark.parametrize("stdin", ["", "\n", " \n"])
def test_an_empty_key_is_refused(stdin):
    with pytest.raises(UsageError, match="--key-stdin: the standard input is empty"):
        run("add", "team", URL, "--key-stdin", stdin=stdin)
    assert run("list")[1].startswith("No connection is registered.")


def test_two_keys_are_refused():
    with pytest.raises(UsageError, match="--key-env and --key-stdin do not go together"):
        run("add", "team", URL, "--key-env", "TEAM_KEY", "--key-stdin", stdin="sekret")


def test_what_was_learnt_is_listed():
    run("add", "team", URL)
    remember("https://h.example/v1", "m", EndpointRules("max_completion_tokens", temperature=False))
    assert run("list")[1].splitlines()[3:] == [
        "  what m takes:",
        "    token limit  `max_completion_tokens`",
        "    temperature  refused: the provider's own is used",
        "    seed         `seed`",
        "    JSON schema  taken",
        "    thinking     none was seen",
    ]


def test_the_default_is_set_shown_and_unset():
    assert run("default")[1] == "No connection is the default.\n"
    run("add", "team", URL)
    assert run("default", "team")[1] == "The default connection is team.\n"
    assert run("default")[1] == "The default connection is team.\n"
    assert run("list")[1].startswith("connection:team (default)\n")
    assert run("default", "--none")[1] == "No connection is the default.\n"
    with pytest.raises(UsageError, match="valid are: team"):
        run("default", "crew")
    with pytest.raises(UsageError, match="NAME and --none do not go together"):
        run("default", "team", "--none")


def test_removing_takes_the_key_and_the_default_away():
    run("add", "team", URL, "--key-stdin", stdin="sekret")
    run("default", "team")
    _, output = run("remove", "team")
    assert output == "Connection team for https://h.example was removed. It was the default; now none is.\n"
    assert "sekret" not in secrets_file().read_text()
    assert run("list")[1].startswith("No connection is registered.")


@pytest.mark.parametrize(("text", "code"), [('{"label": "yes"}', 0), ("Bananas.", 1)])
def test_a_test_asks_the_model_behind_it(monkeypatch, text, code):
    opened = []

    def open_model(name):
        opened.append(name)
        return ScriptedModel(text, name=name)

    monkeypatch.setattr("convexplain.workspace.methods.connections.open_model", open_model)
    returned, output = run("test", "team")
    assert returned == code
    assert opened == ["connection:team"]
    assert output.startswith("model                  connection:team\n")


def test_python_has_the_same():
    workspace = Workspace()
    entry = workspace.add_connection("team", URL, key="sekret")
    assert entry.judge == "connection:team"
    workspace.set_default_connection("team")
    remember("https://h.example/v1", "m", EndpointRules())
    assert [entry.to_dict() for entry in workspace.connections()] == [
        {
            "name": "team",
            "url": URL,
            "origin": "https://h.example",
            "key": f"{secrets_file()} (mode 0600)",
            "default": True,
            "public_only": False,
            "judge": "connection:team",
            "endpoint": {"m": dict(EndpointRules().rows())},
        }
    ]
    assert workspace.remove_connection("team").default is True
    assert workspace.connections() == ()


@pytest.mark.slow
@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_connection_judges_a_log_and_its_replies_are_those_of_the_url(stub, chats, tmp_path):
    workspace = Workspace(tmp_path / "s.db")
    url = f"{stub.url}?model=stub"
    workspace.add_connection("team", url, key="sekret")
    workspace.analyze(chats, ["helpfulness"], url)
    asked = len(stub.prompts)
    workspace.set_default_connection("team")
    workspace.analyze(chats, ["helpfulness"], name="by connection")
    assert asked == len(stub.prompts)  # every reply was in the cache
    other = workspace.analyze(chats, ["informativeness"])
    assert other.summary.run.judge == "connection:team"
    assert other.summary.run.judge_spec == "connection:team"
    assert stub.keys[-1] == "Bearer sekret"
    assert b"sekret" not in (tmp_path / "s.db").read_bytes()
    check = workspace.test_connection("team")
    assert check.usable
    workspace.close()
