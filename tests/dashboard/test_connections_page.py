"""The page Connections: who may add and remove what, and that a key is never shown again."""

import socket

import pytest

from convexplain.connectors.models import public_addresses
from convexplain.connectors.models.connection_registry import read_registry
from convexplain.connectors.models.secret_store import read_secret, secrets_file
from convexplain.dashboard.services import connections
from convexplain.dashboard.services.model_choices import judge_choices
from convexplain.dashboard.services.people import LOCAL, Person, identify_people_by
from convexplain.errors import ConvexplainError, UnavailableError, UsageError
from convexplain.store.audit import audit_events
from convexplain.workspace import Workspace

from .conftest import texts

pytestmark = pytest.mark.usefixtures("data_folder")

ADMIN = Person("anna@example.com", "admin", "google")
REVIEW = Person("ben@example.com", "review", "google")
URL = "https://llm.example/v1?model=m"
KEY = "sk-planted-5173"


@pytest.fixture
def person():
    """Who acts: a list whose last one is here now."""
    present = [ADMIN]
    identify_people_by(lambda: present[-1])
    yield present
    identify_people_by(lambda: LOCAL)


@pytest.fixture
def database(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVEXPLAIN_DB", str(tmp_path / "store.db"))
    return str(tmp_path / "store.db")


@pytest.fixture(autouse=True)
def hosts(monkeypatch):
    """Hosts and their addresses; nothing is looked up outside."""
    public = {"llm.example": "93.184.216.34", "api.openai.com": "93.184.216.35"}

    def look_up(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (public.get(host, "10.0.0.7"), port))]

    monkeypatch.setattr(public_addresses.socket, "getaddrinfo", look_up)


def steps():
    return {
        "list": connections.list_connections,
        "add": lambda: connections.add_connection("new", URL, KEY),
        "test": lambda: connections.try_connection("operators"),
        "remove": lambda: connections.remove_connection("operators"),
    }


@pytest.mark.parametrize("step", ["list", "add", "test", "remove"])
@pytest.mark.parametrize("who", [REVIEW, None])
def test_only_admins_see_and_change_connections(database, person, who, step):
    Workspace().add_connection("operators", "http://127.0.0.1:9/v1?model=m")
    person.append(who)
    with pytest.raises(UsageError, match=r"may not manage connections|your session has ended"):
        steps()[step]()
    assert list(read_registry().connections) == ["operators"]


@pytest.mark.parametrize("any_model", [False, True])
@pytest.mark.parametrize(
    ("url", "by_a_browser"),
    [
        (URL, True),
        ("https://inner.example/v1?model=m", False),
        ("http://llm.example/v1?model=m", False),
        ("http://127.0.0.1:8000/v1?model=m", False),
        ("http://169.254.169.254/latest/meta-data?model=m", False),
        ("https://[fd00::8]/v1?model=m", False),
        ("openai:gpt-5", True),
        ("ollama:llama3", False),
    ],
)
def test_what_can_be_added(database, person, monkeypatch, url, by_a_browser, any_model):
    """A browser adds public addresses only; the operator of `--any-model` adds any."""
    monkeypatch.setattr("convexplain.dashboard.services.model_choices._Choice.any_model", any_model)
    if any_model or by_a_browser:
        entry = connections.add_connection("new", url, KEY)
        assert entry.public_only is not any_model
        assert "connection:new" in judge_choices()
        assert connections.can_remove(entry)
    else:
        with pytest.raises((UnavailableError, UsageError), match=r"has no public address|unencrypted"):
            connections.add_connection("new", url, KEY)
        assert judge_choices() == ("embedded",)
        assert not secrets_file().exists()


def test_those_of_the_operator_stay(database, person):
    Workspace().add_connection("operators", URL, key=KEY)
    connections.add_connection("annas", URL, KEY)
    for name, message in (("operators", "was added by the operator"), ("none", "is not known")):
        with pytest.raises(UsageError, match=message):
            connections.remove_connection(name)
    with pytest.raises(UsageError, match="is there already"):
        connections.add_connection("operators", URL, KEY)
    connections.remove_connection("annas")
    assert list(read_registry().connections) == ["operators"]
    assert read_secret("file", "operators", "https://llm.example") == KEY


def test_what_was_done_is_in_the_audit_log_without_the_key(database, store, person, monkeypatch):
    connections.add_connection("annas", URL, KEY)
    monkeypatch.setattr(public_addresses.socket, "getaddrinfo", lambda *_, **__: [])
    with pytest.raises(ConvexplainError):
        connections.try_connection("annas")
    connections.remove_connection("annas")
    events = [(event.person, event.action, event.details) for event in audit_events(store)]
    assert events == [
        ("anna@example.com", "remove connection", {"connection": "annas"}),
        ("anna@example.com", "test connection", {"connection": "annas"}),
        ("anna@example.com", "add connection", {"connection": "annas", "origin": "https://llm.example"}),
    ]
    assert KEY not in str(events)


def fill(found, name, url, key):
    for field, text in (("name", name), ("url", url), ("key", key)):
        found.text_input(key=f"connection-{field}").set_value(text)
    next(button for button in found.button if button.label == "Add").click().run()
    assert not found.exception


def shown(found):
    """All that a page sends to the browser."""
    return "".join(str(getattr(node, "proto", "")) for node in found)


@pytest.mark.slow
def test_a_connection_is_added_and_removed_on_the_page(page, person):
    found = page("connections")
    assert "No connection is registered yet." in texts(found)
    fill(found, "annas", "https://llm.example/v1?model=m", f" {KEY} ")
    assert "connection:annas is there. Its key: " in texts(found)
    assert read_secret("file", "annas", "https://llm.example") == KEY
    assert [found.text_input(key=f"connection-{field}").value for field in ("name", "url", "key")] == ["", "", ""]
    assert KEY not in shown(found)
    assert found.session_state["connection-key"] == ""
    assert "it reaches public addresses only" in texts(page("connections"))
    found.button(key="delete-annas").click().run()
    assert not found.exception
    assert "No connection is registered yet." in texts(found)
    assert read_registry().connections == {}


@pytest.mark.slow
def test_what_is_refused_is_said_and_the_key_is_gone(page, person):
    found = page("connections")
    fill(found, "inner", "https://inner.example/v1?model=m", KEY)
    assert "Problem: inner.example has no public address" in texts(found)
    assert found.text_input(key="connection-url").value == "https://inner.example/v1?model=m"  # to be mended
    assert found.text_input(key="connection-key").value == ""
    assert KEY not in shown(found)
    assert read_registry().connections == {}


@pytest.mark.slow
def test_hostile_text_of_a_server_and_an_address_stays_text(page, person, monkeypatch):
    hostile = "<img src=x onerror=alert(1)>"
    Workspace().add_connection("team", f"http://127.0.0.1:9/v1?model={hostile}")
    monkeypatch.setattr("convexplain.dashboard.ui.connection_parts.try_connection", lambda name: [("answers", hostile)])
    found = page("connections")
    found.button(key="test-team").click().run()
    assert texts(found).count(hostile) == 2
    assert not any("<img" in part.proto.body for part in found.get("html"))
    assert [button.label for button in found.button] == ["Test", "Add"]  # the operator's one stays


@pytest.mark.slow
def test_a_reviewer_sees_no_connection(page, person):
    Workspace().add_connection("operators", "http://127.0.0.1:9/v1?model=m")
    person.append(REVIEW)
    found = page("connections")
    assert "Somebody with the role admin" in found.info[0].value
    assert "operators" not in shown(found)
    assert len(found.text_input) == len(found.button) == 0
