"""The judge where none is named: the endpoint, small where it is there, embedded."""

import pytest
from click.testing import CliRunner

from convexplain import Workspace, judge
from convexplain.cli.main import cli
from convexplain.connectors.models import ScriptedModel
from convexplain.connectors.models.connections import add_connection, set_default_connection
from convexplain.errors import UsageError
from convexplain.workspace import default_judge
from convexplain.workspace.judge_defaults import connection_judges, judge_or_default, local_judges

URL = "http://anna@host:8000/v1?model=NAME"
MESSAGES = [{"role": "user", "content": "Where is my parcel?"}, {"role": "assistant", "content": "Bananas are yellow."}]


@pytest.fixture
def installed(monkeypatch):
    """The file of small is there, and llama.cpp."""
    monkeypatch.setattr("convexplain.workspace.judge_defaults.small_is_ready", lambda: True)


@pytest.fixture
def opened(monkeypatch):
    """The names of the models that were opened."""
    names = []

    def open_model(name):
        names.append(name)
        return ScriptedModel({"yes": 0.75, "no": 0.25}, name=name)

    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", open_model)
    return names


def test_embedded_is_the_last_resort_and_is_called_a_screen():
    default = default_judge()
    assert default.spec.text == "embedded"
    assert str(default) == (
        "Judge: embedded (a screen: it finds many rude, dangerous and evasive turns, fewer off-topic ones, and misses "
        "most wrong facts). "
        "A stronger one: --judge openai:MODEL or a server of yours. Other maxims, and reasons in words: --judge small "
        "(1.1 GB, fetched once)."
    )
    assert local_judges() == ("embedded",)


def test_without_llama_cpp_its_extra_is_named(monkeypatch):
    monkeypatch.setattr("convexplain.workspace.judge_defaults.importlib.util.find_spec", lambda name: None)
    assert "--judge small (pip install 'convexplain[gguf]'; 1.1 GB" in str(default_judge())


def test_small_comes_before_it_where_it_is_there(installed):
    assert default_judge().spec.text == "small"
    assert str(default_judge()).startswith("Judge: small (a screen: it finds many rude, dangerous ")
    assert local_judges() == ("embedded", "small")


def test_the_endpoint_comes_first(installed, monkeypatch):
    monkeypatch.setenv("CONVEXPLAIN_BASE_URL", f" {URL} ")
    assert default_judge().spec.text == URL
    assert str(default_judge()) == (
        "Judge: http://anna@host:8000/v1?model=NAME (the endpoint in CONVEXPLAIN_BASE_URL). Another one: --judge MODEL."
    )


def test_the_default_connection_comes_after_the_endpoint_and_before_small(installed, monkeypatch):
    add_connection("team", "http://h.example/v1?model=m")
    assert default_judge().spec.text == "small"
    assert connection_judges() == ("connection:team",)
    set_default_connection("team")
    assert str(default_judge()) == "Judge: connection:team (your default connection). Another one: --judge MODEL."
    monkeypatch.setenv("CONVEXPLAIN_BASE_URL", URL)
    assert default_judge().spec.text == URL
    monkeypatch.delenv("CONVEXPLAIN_BASE_URL")
    set_default_connection(None)
    assert default_judge().spec.text == "small"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("me:secret@host:8000/v1", "'host:8000/v1' is no URL"),
        ("http://h/v1?samples=x", "no valid judge"),
        ("http://me:secret@host/v1", "names no valid judge: the model's URL for host holds a password"),
    ],
)
def test_what_is_no_endpoint_is_an_error(monkeypatch, url, said):
    monkeypatch.setenv("CONVEXPLAIN_BASE_URL", url)
    with pytest.raises(UsageError, match=said) as caught:
        default_judge()
    assert "secret" not in str(caught.value)


def test_a_judge_that_is_named_is_taken(installed):
    assert judge_or_default("openai:m") == "openai:m"
    assert judge_or_default(None).text == "small"


def test_python_functions_take_it_where_none_is_given(installed, opened, chats, tmp_path):
    assert judge(MESSAGES, "helpfulness")[0].model == "small"
    workspace = Workspace(tmp_path / "s.db")
    run = workspace.analyze(chats, ["helpfulness"])
    assert run.summary.run.judge == "small"
    assert workspace.plan(chats, ["helpfulness"]).model == "small"
    assert set(opened) == {"small"}
    workspace.close()


def test_the_command_line_says_in_a_line_which_it_is(installed, opened, chats, tmp_path):
    place = ["--db", str(tmp_path / "s.db"), "--out", str(tmp_path / "out"), "--rubric", "helpfulness"]
    result = CliRunner().invoke(cli, ["analyze", str(chats), *place], standalone_mode=False)
    assert result.exception is None
    assert [line for line in result.stderr.splitlines() if line.startswith("Judge: ")] == [str(default_judge())]
    result = CliRunner().invoke(cli, ["analyze", str(chats), *place, "--judge", "other"], standalone_mode=False)
    assert "Judge: " not in result.stderr
    assert set(opened) == {"small", "other"}
