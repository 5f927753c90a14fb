"""`PROVIDER:MODEL`: which server is asked, with which key, in which words. Against a scripted transport."""

import asyncio
import json
import logging
import sys

import httpx2
import pytest
from langchain.chat_models.base import _BUILTIN_PROVIDERS

from convexplain.connectors.models import LangChainModel, OpenAICompatible, ProviderModel, open_model
from convexplain.connectors.models.credentials import API_KEY, BASE_URL
from convexplain.connectors.models.providers import LANGCHAIN_NAMES, LANGCHAIN_PACKAGES, PROVIDERS
from convexplain.errors import FaultyReplyError, MissingExtraError, ModelError, UnavailableError, UsageError
from convexplain.models.chat import Message, Request

from ..stub_server import completion

SECRET = "sk-sekret"
REQUEST = Request(
    (Message("user", "Is the sky blue?"),),
    labels=("yes", "no"),
    opening='{"label": "',
    schema={"type": "object"},
    max_tokens=24,
    draw=3,
)
VARIABLES = [provider.key for provider in PROVIDERS.values() if provider.key]
ADDRESSES = [provider.address_from for provider in PROVIDERS.values() if provider.address_from]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """No key and no address, whatever the machine has."""
    for name in (*VARIABLES, *ADDRESSES, API_KEY, BASE_URL):
        monkeypatch.delenv(name, raising=False)


class Server:
    """Answers as it is told, and keeps the requests.

    Args:
        answers: given in turn to chat requests, the last one for good: responses, or the JSON of one.
    """

    def __init__(self, *answers):
        self.answers = answers or (completion(0.9),)
        self.requests = []
        self.transport = httpx2.MockTransport(self._handle)

    @property
    def bodies(self):
        return [json.loads(request.content) for request in self.requests if request.method == "POST"]

    def _handle(self, request):
        self.requests.append(request)
        if request.method == "GET":
            return httpx2.Response(200, json={"data": [{"id": "a"}, {"id": "b"}]})
        answer = self.answers[min(len(self.bodies), len(self.answers)) - 1]
        return answer if isinstance(answer, httpx2.Response) else httpx2.Response(200, json=answer)


def provided(name, server):
    prefix, _, rest = name.partition(":")
    return ProviderModel(PROVIDERS[prefix], rest, server.transport)


def asked(model, request=REQUEST):
    async def go():
        await model.prepare()
        try:
            return (await model.chat([request]))[0]
        finally:
            await model.aclose()

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("name", "environment", "url", "header", "value"),
    [
        ("openai:gpt-5", {"OPENAI_API_KEY": SECRET}, "https://api.openai.com/v1", "authorization", f"Bearer {SECRET}"),
        (
            "openai:gpt-5",
            {"OPENAI_API_KEY": f"{SECRET}\n", "OPENAI_BASE_URL": "https://eu.api.openai.com/v1/"},
            "https://eu.api.openai.com/v1",
            "authorization",
            f"Bearer {SECRET}",
        ),
        (
            "azure:my-deployment",
            {"AZURE_OPENAI_API_KEY": SECRET, "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com/"},
            "https://mine.openai.azure.com/openai/v1",
            "api-key",
            SECRET,
        ),
        (
            "azure:my-deployment",
            {"AZURE_OPENAI_API_KEY": SECRET, "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com/openai/v1/"},
            "https://mine.openai.azure.com/openai/v1",
            "api-key",
            SECRET,
        ),
        ("groq:m", {"GROQ_API_KEY": SECRET}, "https://api.groq.com/openai/v1", "authorization", f"Bearer {SECRET}"),
        ("mistral:m", {"MISTRAL_API_KEY": SECRET}, "https://api.mistral.ai/v1", "authorization", f"Bearer {SECRET}"),
        (
            "together:o/m",
            {"TOGETHER_API_KEY": SECRET},
            "https://api.together.ai/v1",
            "authorization",
            f"Bearer {SECRET}",
        ),
        (
            "openrouter:o/m:free",
            {"OPENROUTER_API_KEY": SECRET},
            "https://openrouter.ai/api/v1",
            "authorization",
            f"Bearer {SECRET}",
        ),
        ("ollama:qwen3:8b", {}, "http://localhost:11434/v1", "authorization", None),
        ("ollama:m", {"OLLAMA_HOST": "example.com"}, "http://example.com:11434/v1", "authorization", None),
        ("ollama:m", {"OLLAMA_HOST": "example.com:81/x/"}, "http://example.com:81/x/v1", "authorization", None),
        ("ollama:m", {"OLLAMA_HOST": "https://example.com"}, "https://example.com/v1", "authorization", None),
        ("ollama:m", {"OLLAMA_HOST": "0.0.0.0"}, "http://localhost:11434/v1", "authorization", None),
        ("ollama:m", {"OLLAMA_HOST": ":8080"}, "http://localhost:8080/v1", "authorization", None),
        ("ollama:m", {"OLLAMA_HOST": "[::1]:8080"}, "http://[::1]:8080/v1", "authorization", None),
    ],
)
def test_a_provider_is_asked_at_its_address_with_its_key(monkeypatch, caplog, name, environment, url, header, value):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(API_KEY, "key-of-another-server")
    for variable, content in environment.items():
        monkeypatch.setenv(variable, content)
    server = Server()
    model = provided(name, server)
    reply = asked(model)
    assert reply.labels is not None
    assert [str(request.url) for request in server.requests] == [f"{url}/models", f"{url}/chat/completions"]
    assert [request.headers.get(header) for request in server.requests] == [value] * 2
    assert "key-of-another-server" not in str([dict(request.headers) for request in server.requests])
    (body,) = server.bodies
    assert body["model"] == name.partition(":")[2]
    assert model.name == name
    assert model.fingerprint == f"{url}?model={body['model']}"
    assert SECRET not in f"{model!r} {vars(model)} {model.name} {model.fingerprint} {caplog.text}"
    opened = open_model(name)
    assert isinstance(opened, ProviderModel)
    assert (opened.name, opened.fingerprint) == (model.name, model.fingerprint)


@pytest.mark.parametrize("provider", [provider for provider in PROVIDERS.values() if provider.key])
def test_a_missing_key_is_named_before_anything_is_sent(monkeypatch, provider):
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com")
    server = Server()
    model = ProviderModel(provider, "m", server.transport)
    message = f"{provider.name}: there is no key; put it into the environment variable {provider.key}"
    with pytest.raises(UnavailableError, match=message):
        asyncio.run(model.prepare())
    assert server.requests == []


def test_a_key_that_is_none_is_not_shown(monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", "sekr\u00e9t")
    with pytest.raises(UsageError, match="GROQ_API_KEY holds characters") as caught:
        open_model("groq:m")
    assert "sekr" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "variable", "value", "kind", "words"),
    [
        ("azure:m", "", "", UnavailableError, "AZURE_OPENAI_ENDPOINT, as https://RESOURCE.openai.azure.com"),
        ("azure:m", "AZURE_OPENAI_ENDPOINT", "mine", UsageError, "AZURE_OPENAI_ENDPOINT='mine' is no address"),
        ("openai:m", "OPENAI_BASE_URL", "ftp://h/v1", UsageError, "valid is https://HOST/v1"),
        ("openai:m", "OPENAI_BASE_URL", "https://h/v1?key=sekret", UsageError, "OPENAI_BASE_URL='https://h/v1' is no"),
        ("openai:m", "OPENAI_BASE_URL", "https://u:sekret@h/v1", UsageError, "OPENAI_BASE_URL holds a user"),
        ("ollama:m", "OLLAMA_HOST", "a b", UsageError, "OLLAMA_HOST='a b' is no address"),
        *[
            ("ollama:m", "OLLAMA_HOST", address, UsageError, r"OLLAMA_HOST holds a user; .*http://USER@HOST:PORT/v1")
            for address in ("http://ann:sekret@h:1", "ann:sekret@h", "ann@h:1", "https://sekret@h/x")
        ],
        ("openai:", "", "", UsageError, "is not known; `convexplain judges list`"),
        ("openai:?timeout=3", "", "", UsageError, "names no model"),
        ("openai:m?modle=x", "", "", UsageError, "unknown option modle; valid are in_flight, model, reasoning_effort"),
        ("openai:m?key=GROQ_API_KEY", "", "", UsageError, "takes no option key"),
        ("openai:m?model=x", "", "", UsageError, "option model stands there twice"),
        ("openai:m?reasoning_effort=%26", "", "", UsageError, "reasoning_effort in the model's URL is not valid"),
    ],
)
def test_what_is_not_valid_is_said(monkeypatch, name, variable, value, kind, words):
    if variable:
        monkeypatch.setenv(variable, value)
    with pytest.raises(kind, match=words) as caught:
        open_model(name)
    assert "sekret" not in str(caught.value)


def test_options_may_follow(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    server = Server()
    model = provided("openai:gpt-5?in_flight=4&timeout=60&reasoning_effort=minimal", server)
    asked(model)
    assert (model.in_flight, model.timeout) == (4, 60)
    assert server.bodies[0]["reasoning_effort"] == "minimal"
    assert model.name == "openai:gpt-5?reasoning_effort=minimal"
    assert model.fingerprint == "https://api.openai.com/v1?model=gpt-5&reasoning_effort=minimal"


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (
            "openai:m",
            {"max_completion_tokens": 24, "seed": 3, "temperature": 0.0, "logprobs": True, "top_logprobs": 20},
        ),
        ("groq:m", {"max_tokens": 24, "seed": 3, "temperature": 0.0, "logprobs": True, "top_logprobs": 20}),
        ("mistral:m", {"max_tokens": 24, "random_seed": 3, "temperature": 0.0, "logprobs": True, "top_logprobs": 20}),
        ("together:m", {"max_tokens": 24, "seed": 3, "temperature": 0.0, "logprobs": 20}),
    ],
)
def test_a_provider_is_asked_in_its_words(monkeypatch, name, fields):
    for variable in VARIABLES:
        monkeypatch.setenv(variable, SECRET)
    server = Server()
    asked(provided(name, server))
    assert {
        key: value for key, value in server.bodies[0].items() if key not in ("model", "messages", "response_format")
    } == fields


def refusal(words, status=400):
    return httpx2.Response(status, json={"error": {"message": words}})


def test_what_a_reasoning_model_refuses_is_not_asked_for_again(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    refusals = (
        "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
        "Unknown parameter: 'seed'.",
    )
    logprobs = "You are not allowed to request logprobs from this model"
    plain = completion(0.9)
    del plain["choices"][0]["logprobs"]
    server = Server(*map(refusal, refusals), refusal(logprobs, 403), plain)
    model = provided("openai:gpt-5", server)
    reply = asked(model)
    assert (reply.text, reply.logprobs, reply.labels) == ('{"label": "yes"}', False, None)
    assert [sorted(body.keys() & {"temperature", "seed", "logprobs"}) for body in server.bodies] == [
        ["logprobs", "seed", "temperature"],
        ["logprobs", "seed"],
        ["logprobs"],
        [],
    ]
    asyncio.run(model.chat([REQUEST]))
    assert server.bodies[-1] == server.bodies[-2]


def test_log_probabilities_in_two_lists_are_read_of_together_only(monkeypatch):
    tokens = ['{"label": "', "yes", '"}']
    lists = {"tokens": tokens, "token_logprobs": [0.0, -0.1, 0.0], "top_logprobs": [{}, {"yes": -0.25, "no": -1.5}, {}]}
    # An empty step says nothing of the reply's beginning, which the opening is found in.
    lists["top_logprobs"][0] = {tokens[0]: 0.0}
    lists["top_logprobs"][2] = {tokens[2]: 0.0}
    answer = {"choices": [{"message": {"content": "".join(tokens)}, "finish_reason": "eos", "logprobs": lists}]}
    for variable in VARIABLES:
        monkeypatch.setenv(variable, SECRET)
    reply = asked(provided("together:m", Server(answer)))
    assert reply.labels.logprobs == pytest.approx({"yes": -0.25, "no": -1.5})
    assert asked(provided("openrouter:m", Server(answer))).logprobs is False


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_key_does_not_follow_a_redirect(monkeypatch, status, method):
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", SECRET)
    seen = []

    def handle(request):
        seen.append(request)
        if request.method == method:
            return httpx2.Response(status, headers={"Location": "https://evil.example/v1"})
        return httpx2.Response(200, json={"data": []})

    model = ProviderModel(PROVIDERS["azure"], "m", httpx2.MockTransport(handle))

    async def go():
        await model.prepare()
        (outcome,) = await model.chat([REQUEST])
        raise outcome

    with pytest.raises(UnavailableError, match="sends elsewhere"):
        asyncio.run(go())
    assert {request.url.host for request in seen} == {"mine.openai.azure.com"}


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_named_and_not_shown(monkeypatch, status):
    monkeypatch.setenv("MISTRAL_API_KEY", SECRET)
    outcome = asked(provided("mistral:m", Server(httpx2.Response(status, json={"message": "Unauthorized"}))))
    assert isinstance(outcome, UnavailableError)
    assert "Unauthorized (the key is taken from MISTRAL_API_KEY)" in str(outcome)
    assert SECRET not in str(outcome)


def test_another_model_behind_the_name_is_refused_in_the_words_of_a_user(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    server = Server({**completion(0.9), "model": "m-1"}, {**completion(0.9), "model": "m-2"})
    model = provided("openai:m", server)
    assert not isinstance(asked(model), ModelError)
    for _ in range(5):
        assert isinstance(asked(model), FaultyReplyError)
    outcome = asked(model)
    assert isinstance(outcome, UnavailableError)
    assert "openai:m answers as 'm-2' now; before, it was 'm-1'" in str(outcome)
    assert "with openai:m-2 in any case" in str(outcome)


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("cohere:command-x", "cohere:command-x"),
        ("bedrock:arn:aws:bedrock:eu:1:x/y", "bedrock_converse:arn:aws:bedrock:eu:1:x/y"),
        ("google:gemini-x", "google_genai:gemini-x"),
        ("google_vertexai:gemini-x", "google_vertexai:gemini-x"),
        ("mistralai:m", "mistralai:m"),
        ("xai:grok", "xai:grok"),
    ],
)
def test_other_providers_go_through_langchain_which_names_their_package(name, spec):
    model = open_model(name)
    assert isinstance(model, LangChainModel)
    assert (model.name, model._spec) == (name, spec)
    package = LANGCHAIN_PACKAGES[spec.partition(":")[0]]
    with pytest.raises(UnavailableError, match=f"{name}: .*pip install {package}"):
        asyncio.run(model.prepare())


def test_anthropics_models_go_through_langchain():
    model = open_model("anthropic:claude-x")
    assert isinstance(model, LangChainModel)
    assert (model.name, model._spec) == ("anthropic:claude-x", "anthropic:claude-x")


def test_without_langchain_the_extra_and_the_package_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain.chat_models", None)
    words = r"google:m, which also needs `pip install langchain-google-genai`, needs the extra 'langchain': pip install"
    with pytest.raises(MissingExtraError, match=words):
        asyncio.run(open_model("google:m").prepare())


def test_the_table_of_langchains_providers_is_langchains_own():
    packages = {name: module.partition(".")[0].replace("_", "-") for name, (module, _, _) in _BUILTIN_PROVIDERS.items()}
    own = {"google": packages["google_genai"]}
    assert {**packages, **own} == LANGCHAIN_PACKAGES
    assert set(LANGCHAIN_NAMES.values()) <= packages.keys()


def test_a_provider_named_through_langchain_stays_there():
    assert isinstance(open_model("langchain:openai:m"), LangChainModel)
    assert not isinstance(open_model("langchain:openai:m"), OpenAICompatible)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        *((name, "") for name in ("opnai:gpt-5", "anthropic:", "openai", ":m")),
        ("gpt-4", "did you mean openai:gpt-4? "),
        ("o3-mini", "did you mean openai:o3-mini? "),
        ("claude-sonnet-4-5", "did you mean anthropic:claude-sonnet-4-5? "),
        ("models/qwen.gguf", "did you mean gguf:models/qwen.gguf? "),
        ("Qwen/Qwen2.5-0.5B", "did you mean local:Qwen/Qwen2.5-0.5B? "),
    ],
)
def test_an_unknown_model_is_told_the_one_that_is_meant(name, hint):
    with pytest.raises(UsageError) as error:
        open_model(name)
    assert str(error.value) == f"model {name!r} is not known; {hint}`convexplain judges list` lists the models"
