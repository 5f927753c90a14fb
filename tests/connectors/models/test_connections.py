"""Connections: what is registered, which key goes where, and what the model behind one is called."""

import asyncio
import base64
import json
import stat
from dataclasses import replace

import httpx2
import pytest

from convexplain.connectors.models import OpenAICompatible, endpoint_memory, open_model
from convexplain.connectors.models.connection_registry import read_registry, registry_file, write_registry
from convexplain.connectors.models.connections import (
    add_connection,
    key_words,
    learnt_rules,
    open_connection,
    remove_connection,
    set_default_connection,
)
from convexplain.connectors.models.credentials import API_KEY, BASE_URL, PASSWORD
from convexplain.connectors.models.endpoint_rules import EndpointRules
from convexplain.connectors.models.secret_store import secrets_file
from convexplain.errors import UnavailableError, UsageError
from convexplain.models.chat import Message, Request

from ...stub_server import completion

REQUEST = Request((Message("user", "Is the sky blue?"),))
URL = "https://h.example:8443/v1?model=m"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """No key and no address, whatever the machine has."""
    for name in (API_KEY, BASE_URL, PASSWORD, "TEAM_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


def sent(target, answer=None):
    """The requests that an open connection sends, and its outcome.

    Args:
        target: the connection, with options.
        answer: what the server answers; a completion unless given.
    """
    requests = []

    def handle(request):
        requests.append(request)
        if answer is not None:
            return answer
        models = {"data": [{"id": "m"}]}
        return httpx2.Response(200, json=models if request.method == "GET" else completion(0.9))

    model = open_connection(target, httpx2.MockTransport(handle))

    async def go():
        await model.prepare()
        return (await model.chat([REQUEST]))[0]

    try:
        outcome = asyncio.run(go())
    except UnavailableError as error:
        outcome = error
    return requests, outcome, model


def headers(target, header="authorization"):
    requests, _, _ = sent(target)
    return {request.headers.get(header) for request in requests}


def test_what_is_registered_holds_no_key(monkeypatch):
    monkeypatch.setenv("TEAM_KEY", "sekret-1")
    add_connection("team", URL, variable="TEAM_KEY")
    add_connection("gpt", "openai:gpt-5?in_flight=4", key="sekret-2")
    assert json.loads(registry_file().read_text()) == {
        "connections": {
            "gpt": {
                "url": "openai:gpt-5?in_flight=4",
                "origin": "https://api.openai.com",
                "key_place": "file",
                "variable": "",
                "public_only": False,
            },
            "team": {
                "url": URL,
                "origin": "https://h.example:8443",
                "key_place": "variable",
                "variable": "TEAM_KEY",
                "public_only": False,
            },
        },
        "default": "",
    }
    assert stat.S_IMODE(registry_file().stat().st_mode) == 0o600
    assert json.loads(secrets_file().read_text()) == {"gpt https://api.openai.com": "sekret-2"}
    assert list(read_registry().connections) == ["gpt", "team"]


@pytest.mark.parametrize(
    ("url", "arguments", "environment", "header"),
    [
        (URL, {"variable": "TEAM_KEY"}, {"TEAM_KEY": "sekret\n", API_KEY: "other"}, "Bearer sekret"),
        (URL, {"key": "sekret"}, {API_KEY: "other", BASE_URL: "https://h.example:8443/v1"}, "Bearer sekret"),
        (URL, {}, {API_KEY: "other"}, None),  # nothing that was not registered is sent
        (URL, {"variable": API_KEY}, {API_KEY: "sekret"}, "Bearer sekret"),
        ("http://ann@h.example/v1", {"key": "p ß"}, {PASSWORD: "other"}, ("ann", "p ß")),
        ("http://ann@h.example/v1", {"variable": "TEAM_KEY"}, {"TEAM_KEY": "pass"}, ("ann", "pass")),
        ("http://ann@h.example/v1", {}, {PASSWORD: "pass"}, ("ann", "pass")),
        ("openai:gpt-5", {"key": "sekret"}, {"OPENAI_API_KEY": "other"}, "Bearer sekret"),
        ("openai:gpt-5", {"variable": "TEAM_KEY"}, {"TEAM_KEY": "sekret"}, "Bearer sekret"),
        ("openai:gpt-5", {}, {"OPENAI_API_KEY": "own"}, "Bearer own"),
    ],
)
def test_the_key_that_was_registered_is_sent_and_none_besides(monkeypatch, url, arguments, environment, header):
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    add_connection("team", url, **arguments)
    if isinstance(header, tuple):
        header = "Basic " + base64.b64encode(":".join(header).encode()).decode()
    assert headers("team") == {header}


def test_azure_has_a_header_of_its_own(monkeypatch):
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.example")
    add_connection("team", "azure:deployment", key="sekret")
    assert headers("team", "api-key") == {"sekret"}
    assert headers("team") == {None}


def test_a_key_goes_to_the_origin_that_it_was_registered_for(monkeypatch):
    add_connection("gpt", "openai:gpt-5", key="sekret")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://evil.example/v1")
    with pytest.raises(
        UnavailableError, match=r"registered for https://api\.openai\.com, and its address is https://evil"
    ):
        open_connection("gpt")


@pytest.mark.parametrize("with_origin", [False, True])
def test_a_changed_registry_does_not_redirect_a_key(with_origin):
    connection = add_connection("team", URL, key="sekret")
    changed = replace(connection, url="https://evil.example/v1?model=m")
    if with_origin:
        changed = replace(changed, origin="https://evil.example")
    registry = read_registry()
    write_registry(replace(registry, connections={"team": changed}))
    if with_origin:
        requests, outcome, _ = sent("team")
        assert requests == []
        assert "its key for https://evil.example is not in" in str(outcome)
    else:
        with pytest.raises(UnavailableError, match="its key is not sent there"):
            open_connection("team")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status):
    add_connection("team", URL, key="sekret")
    answer = httpx2.Response(status, headers={"location": "https://evil.example/v1/models"})
    requests, outcome, _ = sent("team", answer)
    assert [request.url.host for request in requests] == ["h.example"]
    assert isinstance(outcome, UnavailableError)


def test_a_refused_key_says_where_it_is_from():
    add_connection("team", URL, key="sekret")
    _, outcome, _ = sent("team", httpx2.Response(401))
    assert f"the key is taken from {secrets_file()} (mode 0600), for connection team" in str(outcome)
    add_connection("bare", URL)
    _, outcome, _ = sent("bare", httpx2.Response(401))
    assert "connection bare has no key; remove it and add it again with --key-env or --key-stdin" in str(outcome)


def test_a_missing_variable_is_named():
    add_connection("team", URL, variable="TEAM_KEY")
    requests, outcome, _ = sent("team")
    assert requests == []
    assert str(outcome) == "connection team: there is no key; put it into the environment variable TEAM_KEY"


@pytest.mark.parametrize(
    ("url", "target", "name", "same"),
    [
        (URL, "team", "connection:team", URL),
        (URL, "team?in_flight=4&timeout=9", "connection:team", URL),
        (f"{URL}&in_flight=2", "team?in_flight=4", "connection:team", URL),
        ("https://h.example/v1", "team?model=x", "connection:team?model=x", "https://h.example/v1?model=x"),
        (URL, "team?reasoning_effort=low", "connection:team?reasoning_effort=low", f"{URL}&reasoning_effort=low"),
        (f"{URL}&reasoning_effort=low", "team", "connection:team", f"{URL}&reasoning_effort=low"),
        ("ollama:qwen3:8b", "team?in_flight=4", "connection:team", "http://localhost:11434/v1?model=qwen3:8b"),
    ],
)
def test_a_connection_is_the_model_behind_it_by_another_name(monkeypatch, url, target, name, same):
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    add_connection("team", url)
    model = open_model(f"connection:{target}")
    assert model.name == name
    assert model.fingerprint == OpenAICompatible(same).fingerprint  # kept replies and trust are the same
    assert model.in_flight == (4 if "in_flight=4" in target else 256)
    assert open_model(model.name).fingerprint == model.fingerprint


def test_a_served_model_that_nobody_named_is_in_the_name():
    add_connection("team", "https://h.example/v1")
    _, _, model = sent("team")
    assert model.name == "connection:team?model=m"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Team", URL), "name='Team' is not valid; a connection's name has small letters"),
        (("-x", URL), "name='-x' is not valid"),
        (("a b", URL), "name='a b' is not valid"),
        (("", URL), "name='' is not valid"),
        (("team", "anthropic:claude"), "LangChain's providers .* have no connections"),
        (("team", "sk-sekret"), "url is not valid; valid are http://HOST:PORT/v1"),
        (("team", "openai:"), "names no model"),
        (("team", "http://ann:sekret@h/v1"), "for h holds a password.*--key-stdin"),
        (("team", f"{URL}&key=TEAM_KEY"), "key= does not stand in a connection's URL.*--key-env"),
        (("team", f"{URL}&samples=3"), "unknown option samples"),
        (("team", f"{URL}&in_flight=0"), "in_flight='0'"),
    ],
)
def test_what_cannot_be_registered(arguments, words):
    with pytest.raises(UsageError, match=words) as refused:
        add_connection(*arguments)
    assert "sekret" not in str(refused.value)
    assert read_registry().connections == {}


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"variable": "sk-sekret"}, "--key-env= for https://h.example:8443 is not the name of an environment variable"),
        ({"variable": "OPENAI_API_KEY"}, "--key-env=OPENAI_API_KEY .*belongs to openai and is sent nowhere else"),
        ({"variable": PASSWORD}, f"only {API_KEY} holds a key of a server"),
        ({"variable": "TEAM_KEY", "key": "sekret"}, "one key"),
        ({"key": "sekrét"}, "printable ASCII"),
        ({"key": "two\nsekret"}, "printable ASCII"),
    ],
)
def test_keys_that_are_refused(keywords, words):
    with pytest.raises(UsageError, match=words) as refused:
        add_connection("team", URL, **keywords)
    assert "sekr" not in str(refused.value)
    assert not secrets_file().exists()


def test_our_own_key_belongs_to_the_base_url(monkeypatch):
    monkeypatch.setenv(BASE_URL, "https://other.example/v1")
    with pytest.raises(UsageError, match=f"{API_KEY} belongs to the server in {BASE_URL}"):
        add_connection("team", URL, variable=API_KEY)


def test_a_name_is_registered_once():
    add_connection("team", URL)
    with pytest.raises(UsageError, match=r"'team' is there already, for https://h.example:8443; remove it first"):
        add_connection("team", "http://g.example/v1")


def test_an_unknown_name_lists_the_valid_ones():
    with pytest.raises(UsageError, match=r"connection 'x' is not known; none is registered yet. `convexplain conn"):
        open_model("connection:x")
    add_connection("b", URL)
    add_connection("a", URL)
    for call in (
        lambda: open_model("connection:x?in_flight=2"),
        lambda: remove_connection("x"),
        lambda: set_default_connection("x"),
    ):
        with pytest.raises(UsageError, match="connection 'x' is not known; valid are: a, b"):
            call()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("team?model=other", "is registered for the model 'm' and takes no option model"),
        ("team?key=TEAM_KEY", "takes no option key"),
        ("team?in_flight=no", "in_flight='no'"),
    ],
)
def test_options_that_are_refused(target, words):
    add_connection("team", URL)
    with pytest.raises(UsageError, match=words):
        open_model(f"connection:{target}")


def test_what_was_learnt_is_listed_and_forgotten_with_it():
    rules = EndpointRules("max_completion_tokens")
    connection = add_connection("team", URL, key="sekret")
    assert learnt_rules(connection) == {}
    base = "https://h.example:8443/v1"
    endpoint_memory.remember(base, "m", rules)
    endpoint_memory.remember(base, "m", rules, "low")
    endpoint_memory.remember(base, "m2", rules)
    endpoint_memory.remember("https://g.example/v1", "m", rules)
    assert learnt_rules(connection) == {"m": rules, "m&reasoning_effort=low": rules}
    set_default_connection("team")
    assert remove_connection("team") == connection
    assert read_registry().connections == {}
    assert read_registry().default == ""
    assert "sekret" not in secrets_file().read_text()
    assert endpoint_memory.remembered(base, "m") is None
    assert endpoint_memory.remembered("https://g.example/v1", "m") == rules


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"connections": {"a": {}}, "default": ""}'])
def test_a_broken_registry_is_named_and_not_overwritten(content):
    registry_file().write_text(content)
    with pytest.raises(UsageError, match=r"connections\.json .*mend it, or delete it"):
        add_connection("team", URL)
    assert registry_file().read_text() == content


def test_where_a_key_is_in_words():
    assert key_words(add_connection("a", URL, variable="TEAM_KEY")) == "the environment variable TEAM_KEY"
    assert key_words(add_connection("b", URL, key="sekret")) == f"{secrets_file()} (mode 0600)"
    assert key_words(add_connection("c", URL)) == "none"
    assert key_words(add_connection("d", "openai:gpt-5")) == "the environment variable OPENAI_API_KEY"
    assert key_words(add_connection("e", "ollama:m")) == "none"


def test_white_space_around_a_key_is_not_sent():
    add_connection("team", URL, key=" sekret ")
    assert headers("team") == {"Bearer sekret"}


@pytest.mark.parametrize("key", ["sek\nret", "sekrét", "sek\x00ret", "  "])
def test_what_no_key_is_is_neither_sent_nor_shown(key):
    add_connection("team", URL, key="sekret")
    secrets_file().write_text(json.dumps({"team https://h.example:8443": key}))
    requests, outcome, _ = sent("team")
    assert requests == []
    assert isinstance(outcome, UnavailableError)
    assert str(outcome) == (
        f"the key in {secrets_file()} (mode 0600), for connection team holds characters that no key has; it was not "
        "sent"
    )
