"""Which key or password is sent where, and what is said of it. Against a scripted transport."""

import asyncio
import base64
import logging

import httpx2
import pytest

from convexplain.connectors.models import OpenAICompatible, open_model
from convexplain.connectors.models.credentials import API_KEY, BASE_URL, PASSWORD
from convexplain.connectors.models.providers import _OWNERS, LANGCHAIN_PACKAGES, PROVIDERS
from convexplain.errors import UnavailableError, UsageError
from convexplain.models.chat import Message, Request

from ..stub_server import completion

REQUEST = Request((Message("user", "Is the sky blue?"),))
HOST = "http://judge.example:8000/v1"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """No key and no address, whatever the machine has."""
    for name in (API_KEY, BASE_URL, PASSWORD, "OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "TEAM_KEY", "team_key"):
        monkeypatch.delenv(name, raising=False)


def sent(url, status=200):
    """The Authorization headers that a server at the URL is sent, the outcome, and the model."""
    headers = []

    def handle(request):
        headers.append(request.headers.get("authorization"))
        if request.method == "GET":
            return httpx2.Response(200, json={"data": [{"id": "m"}]})
        return httpx2.Response(status, json=completion(0.9) if status == 200 else {"error": "no"})

    model = OpenAICompatible(url, transport=httpx2.MockTransport(handle))

    async def go():
        await model.prepare()
        return (await model.chat([REQUEST]))[0]

    return headers, asyncio.run(go()), model


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("url", "environment", "header"),
    [
        (f"{HOST}?model=m", {}, None),
        (f"{HOST}?model=m", {API_KEY: "sekret"}, "Bearer sekret"),
        (f"{HOST}?model=m&key=TEAM_KEY", {API_KEY: "other", "TEAM_KEY": "sekret\n"}, "Bearer sekret"),
        (f"{HOST}?model=m&key=team_key", {"team_key": "sekret"}, "Bearer sekret"),
        (f"{HOST}?model=m&key={API_KEY}", {API_KEY: "sekret"}, "Bearer sekret"),
        # The key belongs to the origin of the base URL: scheme, host and port.
        (f"{HOST}?model=m", {API_KEY: "sekret", BASE_URL: HOST}, "Bearer sekret"),
        (f"{HOST}?model=m", {API_KEY: "sekret", BASE_URL: "HTTP://JUDGE.example:8000/other?model=x"}, "Bearer sekret"),
        (f"{HOST}?model=m", {API_KEY: "sekret", BASE_URL: "https://judge.example:8000/v1"}, None),
        (f"{HOST}?model=m", {API_KEY: "sekret", BASE_URL: "http://judge.example/v1"}, None),
        (f"{HOST}?model=m", {API_KEY: "sekret", BASE_URL: "http://judge.example:8000@evil.example/v1"}, None),
        (f"{HOST}?model=m", {API_KEY: "sekret", BASE_URL: "judge.example:8000"}, None),
        (f"{HOST}?model=m", {API_KEY: "sekret", BASE_URL: "http://[::1/v1"}, None),
        ("https://judge.example/v1", {API_KEY: "sekret", BASE_URL: "https://judge.example:443/v1"}, "Bearer sekret"),
        (f"{HOST}?key=TEAM_KEY", {"TEAM_KEY": "sekret", BASE_URL: "http://judge.example/v1"}, "Bearer sekret"),
        (f"{HOST}?key={API_KEY}", {API_KEY: "sekret", BASE_URL: "http://judge.example/v1"}, None),
        # A user, whose password is in the environment.
        ("http://ann@judge.example/v1", {API_KEY: "other", PASSWORD: "s\u00e9kret \n"}, basic("ann", "s\u00e9kret ")),
        (
            "http://ann@judge.example/v1",
            {PASSWORD: "sekret", BASE_URL: "http://judge.example/"},
            basic("ann", "sekret"),
        ),
        # OpenAI's key goes to OpenAI.
        ("https://api.openai.com/v1?model=m&key=OPENAI_API_KEY", {"OPENAI_API_KEY": "sekret"}, "Bearer sekret"),
        (f"{HOST}?key=OPENAI_API_KEY", {"OPENAI_API_KEY": "sekret", "OPENAI_BASE_URL": HOST}, "Bearer sekret"),
    ],
)
def test_what_is_sent(monkeypatch, caplog, url, environment, header):
    caplog.set_level(logging.DEBUG)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    headers, _, model = sent(url)
    assert headers == [header] * 2
    shown = f"{model!r} {vars(model)} {model.name} {model.fingerprint} {caplog.text}"
    assert not any(secret in shown for secret in ("sekret", "s\u00e9kret", "ann"))


def test_the_variable_is_in_the_name_and_does_not_change_which_model_it_is(monkeypatch):
    monkeypatch.setenv("TEAM_KEY", "sekret")
    _, _, model = sent(f"{HOST}?model=m&key=TEAM_KEY&in_flight=2")
    assert model.name == f"{HOST}?model=m&key=TEAM_KEY"
    assert model.fingerprint == OpenAICompatible(f"{HOST}?model=m").fingerprint == f"{HOST}?model=m"
    assert open_model(model.name).name == model.name


@pytest.mark.parametrize(
    ("url", "environment", "words"),
    [
        (f"{HOST}?key=TEAM_KEY", {}, f"{HOST[:-3]}: there is no key; put it into the environment variable TEAM_KEY"),
        (f"{HOST}?key={API_KEY}", {}, f"put it into the environment variable {API_KEY}"),
        ("http://ann@judge.example/v1", {}, f"http://judge.example: .* into the environment variable {PASSWORD}"),
        ("http://ann@judge.example/v1", {PASSWORD: "\n"}, PASSWORD),
        (
            "http://ann@judge.example/v1",
            {PASSWORD: "sekret", BASE_URL: "http://other.example"},
            f"{PASSWORD} belongs to the server in {BASE_URL} and was not sent",
        ),
    ],
)
def test_what_is_missing_is_named_before_anything_is_sent(monkeypatch, url, environment, words):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    requests = []

    def handle(request):
        requests.append(request)
        return httpx2.Response(200, json={"data": [{"id": "m"}]})

    model = OpenAICompatible(url, transport=httpx2.MockTransport(handle))
    with pytest.raises(UnavailableError, match=words) as caught:
        asyncio.run(model.prepare())
    assert requests == []
    assert not any(secret in str(caught.value) for secret in ("ann", "sekret"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"{HOST}?key=sk-sekret", "A key itself does not belong into a URL"),
        (f"{HOST}?key=gsk_sekret", "A key itself does not belong into a URL"),
        (f"{HOST}?key=hf_SEKRET", "A key itself does not belong into a URL"),
        (f"{HOST}?key=1SEKRET", "A key itself does not belong into a URL"),
        (f"{HOST}?key=sekret%20x", "A key itself does not belong into a URL"),
        (f"{HOST}?key=A&key=sekret", "option key stands there twice"),
        (f"{HOST}?api_key=sekret", "unknown option api_key"),
        ("http://ann@judge.example/v1?key=TEAM_KEY", "does not go with a user"),
        (
            "http://ann:sekret@judge.example/v1",
            "http://USER@judge.example, with the password in .* CONVEXPLAIN_PASSWORD",
        ),
        ("HTTPS://ann:@judge.example:8443/v1?model=m", "for judge.example:8443 holds a password.* --key-stdin"),
        ("http://ann:sek@ret@judge.example/v1", "for judge.example holds a password"),
        ("http://ann:sek/ret@judge.example/v1", "valid is http://HOST:PORT/v1"),
        ("http://ann:sekret@judge.example\u2100/v1", "its host or port is not valid"),
        ("http://ann:sekret@judge.example:port/v1", "its host or port is not valid"),
        (f"{HOST}?key=OPENAI_API_KEY", "belongs to openai and is sent nowhere else"),
        (f"{HOST}?key=AZURE_OPENAI_API_KEY", "belongs to azure and is sent nowhere else"),
        ("https://api.openai.com.evil.example/v1?key=OPENAI_API_KEY", "belongs to openai"),
        ("http://api.openai.com/v1?key=OPENAI_API_KEY", "belongs to openai"),
        ("htp://ann:sekret@judge.example/v1?key=sekret", "is not known"),
        ("htp://judge.example/v1?key=sekret&x=1", "is not known"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_not_shown(url, words):
    with pytest.raises(UsageError, match=words) as caught:
        open_model(url)
    message = str(caught.value).lower()
    assert not any(secret in message for secret in ("sekret", "ann", "'sek"))


@pytest.mark.parametrize("variable", [provider.key for provider in PROVIDERS.values() if provider.key])
def test_a_providers_key_is_sent_nowhere_else(monkeypatch, variable):
    monkeypatch.setenv(variable, "sekret")
    with pytest.raises(UsageError, match="is sent nowhere else"):
        OpenAICompatible(f"https://evil.example/v1?model=m&key={variable}")


@pytest.mark.parametrize(
    ("variable", "owner", "url"),
    [
        ("ANTHROPIC_API_KEY", "anthropic", "https://api.anthropic.com/v1"),
        ("GOOGLE_API_KEY", "google", "https://generativelanguage.googleapis.com/v1beta/openai"),
        ("GEMINI_API_KEY", "google", "https://generativelanguage.googleapis.com/v1beta/openai"),
        ("AWS_BEARER_TOKEN_BEDROCK", "bedrock", "https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1"),
        ("COHERE_API_KEY", "cohere", "https://api.cohere.ai/compatibility/v1"),
        ("DEEPSEEK_API_KEY", "deepseek", "https://api.deepseek.com/v1"),
        ("FIREWORKS_API_KEY", "fireworks", "https://api.fireworks.ai/inference/v1"),
        ("HF_TOKEN", "huggingface", "https://router.huggingface.co/v1"),
        ("XAI_API_KEY", "xai", "https://api.x.ai/v1"),
    ],
)
def test_a_key_of_langchains_providers_is_sent_to_its_owner_only(monkeypatch, variable, owner, url):
    monkeypatch.setenv(variable, "sekret")
    headers, _, _ = sent(f"{url}?model=m&key={variable}")
    assert headers == ["Bearer sekret"] * 2
    host = url.split("/")[2]
    for elsewhere in (
        HOST,
        url.replace("https:", "http:"),
        f"https://{host}:8443/v1",
        f"https://{host}.evil.example/v1",
    ):
        with pytest.raises(UsageError, match=f"key={variable} .*belongs to {owner} and is sent nowhere else"):
            OpenAICompatible(f"{elsewhere}?model=m&key={variable}")


@pytest.mark.parametrize("variable", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ANYTHING"])
@pytest.mark.parametrize("url", [HOST, "https://x.execute-api.eu-west-1.amazonaws.com/v1"])
def test_what_aws_signs_with_is_never_sent(monkeypatch, variable, url):
    monkeypatch.setenv(variable, "sekret")
    with pytest.raises(UsageError, match=f"key={variable} .*belongs to AWS and is sent nowhere else") as caught:
        OpenAICompatible(f"{url}?model=m&key={variable}")
    assert "sekret" not in str(caught.value)


@pytest.mark.parametrize(
    "variable",
    [PASSWORD, BASE_URL, "CONVEXPLAIN_DASHBOARD_PASSWORD", "CONVEXPLAIN_DB", "CONVEXPLAIN_X", "convexplain_password"],
)
@pytest.mark.parametrize("base", ["", HOST])
def test_of_our_own_variables_one_holds_a_servers_key(monkeypatch, variable, base):
    monkeypatch.setenv(variable, "sekret")
    monkeypatch.setenv(BASE_URL, base)
    with pytest.raises(UsageError, match=f"key={variable} .*only {API_KEY} holds a key of a server") as caught:
        OpenAICompatible(f"{HOST}?model=m&key={variable}")
    assert "sekret" not in str(caught.value)


@pytest.mark.parametrize("variable", ["openai_api_key", "aws_secret_access_key", "Anthropic_Api_Key"])
def test_another_spelling_of_a_variable_is_that_variable(monkeypatch, variable):
    monkeypatch.setenv(variable, "sekret")  # Windows tells no capitals
    with pytest.raises(UsageError, match="is sent nowhere else"):
        OpenAICompatible(f"{HOST}?model=m&key={variable}")


def test_every_provider_of_langchain_with_a_key_of_its_own_has_an_owner():
    owned = {owner.name for owner in _OWNERS.values()}
    names = {package.removeprefix("langchain-") for package in LANGCHAIN_PACKAGES.values()}
    # LiteLLM is a server of the user's own, and Vertex AI takes a file; the others are there under another name.
    others = {"aws", "google-genai", "google-vertexai", "mistralai", "nvidia-ai-endpoints", "azure-ai", "litellm"}
    assert names - owned == others


@pytest.mark.parametrize(
    ("url", "environment", "words"),
    [
        (f"{HOST}?model=m", {API_KEY: "sekret"}, f"the key is taken from {API_KEY}"),
        (f"{HOST}?model=m&key=TEAM_KEY", {"TEAM_KEY": "sekret"}, "the key is taken from TEAM_KEY"),
        (
            f"{HOST}?model=m",
            {API_KEY: "sekret", BASE_URL: "http://other.example"},
            f"{API_KEY} belongs to the server in {BASE_URL} and was not sent; key=VARIABLE in the URL names another",
        ),
        (
            "http://ann@h/v1",
            {PASSWORD: "sekret"},
            f"the user is taken from the model's URL, the password from {PASSWORD}",
        ),
    ],
)
@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_say_where_they_are_from(monkeypatch, url, environment, words, status):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    _, outcome, _ = sent(url, status)
    assert isinstance(outcome, UnavailableError)
    assert words in str(outcome)
    assert not any(secret in str(outcome) for secret in ("sekret", "ann"))


@pytest.mark.parametrize(
    ("url", "environment", "body", "message"),
    [
        (f"{HOST}?model=m", {API_KEY: "sk-0123456789"}, {"error": "Wrong key sk-0123456789."}, "Wrong key ***."),
        (f"{HOST}?model=m", {API_KEY: "sk-0123456789"}, "<p>Bearer sk-0123456789</p>", "Bearer ***"),
        (f"{HOST}?model=m", {API_KEY: "a short one"}, {"error": "This is a short one."}, "This is a short one."),
        (
            "http://ann@judge.example:8000/v1?model=m",
            {PASSWORD: "a long password"},
            {"error": "Not a long password"},
            "Not ***",
        ),
        (
            "http://ann@judge.example:8000/v1?model=m",
            {PASSWORD: "a long password"},
            {"error": basic("ann", "a long password")},
            "Basic ***",
        ),
    ],
)
@pytest.mark.parametrize("status", [200, 401, 500])
def test_a_key_that_the_server_repeats_is_shown_nowhere(monkeypatch, url, environment, body, message, status):
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    (secret,) = environment.values()

    def handle(request):
        if request.method == "GET":
            return httpx2.Response(200, json={"data": [{"id": "m"}]})
        return httpx2.Response(status, text=body) if isinstance(body, str) else httpx2.Response(status, json=body)

    model = OpenAICompatible(url, transport=httpx2.MockTransport(handle))

    async def go():
        await model.prepare()
        return (await model.chat([REQUEST]))[0]

    error = asyncio.run(go())
    if status != 200 or not isinstance(body, str):
        assert message in str(error)
    if len(secret) >= 12:
        assert secret not in str(error)
        assert secret not in error.raw
