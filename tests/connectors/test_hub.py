"""Hugging Face inference against a stub in the router's place, and where `mixtral` is found."""

import asyncio
import json
import logging
import sys

import httpx2
import pytest
from huggingface_hub import constants

from convexplain import AsyncWorkspace
from convexplain.connectors.models.credentials import API_KEY
from convexplain.connectors.models.hub import BASE_URL, MIXTRAL, HubModel, MixtralEndpoint, mixtral_model
from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.models.chat import Message, Request
from tests.stub_server import completion

TOKEN = "hf_sekret"
REQUEST = Request((Message("user", "Is the sky blue?"),), labels=("yes", "no"), opening='{"label": "')


@pytest.fixture(autouse=True)
def nobody_logged_in(monkeypatch, tmp_path):
    """No token, no cache and no endpoint, whatever the machine has."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE", BASE_URL, API_KEY):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def router(stub, monkeypatch):
    """The stub, where the hub's library says that the router is."""
    monkeypatch.setattr(constants, "INFERENCE_PROXY_TEMPLATE", stub.url.removesuffix("v1") + "{provider}")
    return stub


def ask(model, times=1):
    async def go():
        try:
            await model.prepare()
            return [(await model.chat([REQUEST]))[0] for _ in range(times)]
        finally:
            await model.aclose()

    return asyncio.run(go())


def judged(model, talk, rubric):
    async def go():
        try:
            return await AsyncWorkspace("memory").judge(talk, rubric, model, turns="last")
        finally:
            await model.aclose()

    return asyncio.run(go())[0]


def test_the_router_of_the_hubs_library_is_asked():
    assert constants.INFERENCE_PROXY_TEMPLATE.format(provider="v1") == "https://router.huggingface.co/v1"


def test_the_token_is_sent_and_shown_nowhere(router, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv(API_KEY, "key-of-another-server")
    model = HubModel("org/model:together")
    (reply,) = ask(model)
    assert reply.text == '{"label": "yes"}'
    assert router.keys == [f"Bearer {TOKEN}"] * 2
    assert router.bodies[0]["model"] == "org/model:together"
    assert model.name == model.fingerprint == "hub:org/model:together"
    assert TOKEN not in f"{model!r} {vars(model)} {caplog.text}"


def test_a_token_that_a_login_wrote_is_found(router, tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    ask(HubModel("org/model"))
    assert router.keys == [f"Bearer {TOKEN}"] * 2


@pytest.mark.parametrize(
    ("token", "offline", "words"),
    [
        ("", False, r"settings/tokens and put it into the environment variable HF_TOKEN, or run: hf auth login"),
        (TOKEN, True, "HF_HUB_OFFLINE is set"),
        ("hf_sekr\u00e9t", False, "must be printable ASCII"),
    ],
)
def test_without_a_usable_token_nothing_is_sent(router, monkeypatch, token, offline, words):
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    with pytest.raises(UnavailableError, match=words) as caught:
        ask(HubModel("org/model"))
    assert "sekr" not in str(caught.value)
    assert router.keys == []


def test_a_token_that_cannot_be_read_is_said_without_its_text(router, tmp_path):
    (tmp_path / "token").mkdir()
    with pytest.raises(UnavailableError, match=r"cannot be read \(IsADirectoryError\)"):
        ask(HubModel("org/model"))


@pytest.mark.parametrize(
    "repo", ["", "model", "a/b/c", "org/model:", "org/model:a:b", "org/mo del", "org/?model=x", "/m"]
)
def test_a_name_that_is_no_repository_says_what_is_valid(repo):
    with pytest.raises(UsageError, match="valid are hub:OWNER/NAME and hub:OWNER/NAME:PROVIDER"):
        HubModel(repo)


def test_without_the_hubs_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"convexplain\[local\]"):
        HubModel("org/model")


def test_a_router_that_cannot_be_reached(monkeypatch, socket_enabled):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "INFERENCE_PROXY_TEMPLATE", "http://127.0.0.1:1/{provider}")
    with pytest.raises(UnavailableError, match=r"http://127\.0\.0\.1:1/v1 cannot be reached"):
        ask(HubModel("org/model"))


def wrong(status, error):
    return lambda number: (status, {}, json.dumps({"error": error}))


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (
            400,
            {"message": "The requested model 'org/model' is not supported by any provider you have enabled."},
            "no inference provider serves this model",
        ),
        (404, "Model org/model does not exist", "no inference provider serves this model"),
        (410, "The requested model is deprecated", "no inference provider serves this model"),
        (401, "Invalid credentials in Authorization header", "taken from HF_TOKEN"),
        (403, "no sufficient permissions to call Inference Providers", "needs the permission 'Make calls"),
        (402, "You have depleted your monthly included credits.", "depleted your monthly included credits"),
    ],
)
def test_what_the_router_refuses_for_good_is_told_once(router, monkeypatch, status, error, words):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    router.misbehave = wrong(status, error)
    (outcome,) = ask(HubModel("org/model"))
    assert type(outcome) is UnavailableError
    assert words in str(outcome)
    assert len(router.prompts) == 1


def test_a_provider_that_gives_at_most_five_log_probabilities_is_asked_for_five(router, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    router.misbehave = lambda number: wrong(422, "top_logprobs: must be at most 5")(number) if number < 2 else None
    (reply,) = ask(HubModel("org/model"))
    assert set(reply.labels.logprobs) == {"yes", "no"}
    assert [body["top_logprobs"] for body in router.bodies] == [20, 5]


def test_a_provider_that_ignores_log_probabilities_is_sampled(router, monkeypatch, talk, helpfulness):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    plain = {"choices": [{"message": {"content": '{"label": "no"}'}, "finish_reason": "stop"}]}
    router.misbehave = lambda number: (200, {}, json.dumps(plain))
    found = judged(HubModel("org/model"), talk, helpfulness)
    assert (found.score, found.evidence.kind, found.evidence.n) == (0.0, "samples", 5)
    assert found.model == "hub:org/model"


def test_another_spelling_of_the_model_is_logged_once_and_taken(router, monkeypatch, caplog):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    spelled = ["org/model", "accounts/fast/models/model", "org/model", "accounts/fast/models/model"]
    router.misbehave = lambda number: (200, {}, json.dumps({**completion(0.9), "model": spelled[number - 1]}))
    replies = ask(HubModel("org/model"), times=4)
    assert [reply.text for reply in replies] == ['{"label": "yes"}'] * 4
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "answered as 'accounts/fast/models/model' too, not only as 'org/model'" in record.getMessage()


def endpoint(*served, query=""):
    listed = httpx2.Response(200, json={"data": [{"id": name} for name in served]})
    transport = httpx2.MockTransport(lambda request: listed)

    async def go():
        model = MixtralEndpoint(f"http://127.0.0.1:9/v1{query}", transport=transport)
        await model.prepare()
        return model.name

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("served", "chosen", "warned"),
    [
        ([MIXTRAL], MIXTRAL, False),
        (["mixtral:8x22b", MIXTRAL, "mixtral:8x7b"], MIXTRAL, False),
        (["llama3:8b", "mixtral:8x7b"], "mixtral:8x7b", True),
        (["/models/Mixtral-8x7B-Instruct-v0.1.Q4_K_M.gguf"], "/models/Mixtral-8x7B-Instruct-v0.1.Q4_K_M.gguf", True),
        (["judge"], "judge", True),
    ],
)
def test_the_mixtral_that_an_endpoint_serves_is_found(caplog, served, chosen, warned):
    assert endpoint(*served) == f"http://127.0.0.1:9/v1?model={chosen}"
    told = [record.getMessage() for record in caplog.records]
    assert told == [f"http://127.0.0.1:9/v1 serves no {MIXTRAL}; {chosen} is taken for it."] * warned


def test_a_model_that_is_named_is_taken(caplog):
    assert endpoint("a", "b", query="?model=b") == "http://127.0.0.1:9/v1?model=b"
    assert caplog.records == []


@pytest.mark.parametrize(
    ("served", "words"),
    [
        (["a", "b"], "it serves: a, b. Name one: CONVEXPLAIN_BASE_URL=http"),
        (["mixtral:8x7b", "mixtral:8x22b"], "it serves: mixtral:8x7b, mixtral:8x22b"),
        ([], "does not say what it serves"),
    ],
)
def test_an_endpoint_that_leaves_it_open_says_what_it_serves(served, words):
    with pytest.raises(UnavailableError, match=words):
        endpoint(*served)


def keep_weights(folder, missing=()):
    """A snapshot of Mixtral's repository as the hub's library keeps it, with two (empty) weight files."""
    repo = folder / "hub" / ("models--" + MIXTRAL.replace("/", "--"))
    snapshot = repo / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc")
    files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index = {
        "weight_map": {"model.embed_tokens.weight": files[0], "model.norm.weight": files[0], "lm_head.weight": files[1]}
    }
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index))
    for file in files:
        if file not in missing:
            (snapshot / file).write_bytes(b"")


def test_mixtral_is_the_endpoint_then_the_hub_then_the_weights_on_this_machine(monkeypatch, tmp_path):
    keep_weights(tmp_path)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv(BASE_URL, "http://127.0.0.1:9/v1")
    assert mixtral_model().name == "http://127.0.0.1:9/v1"
    monkeypatch.setenv(BASE_URL, "")
    assert mixtral_model().name == f"hub:{MIXTRAL}"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert mixtral_model().name == f"local:{MIXTRAL}"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_TOKEN")
    assert mixtral_model().name == f"local:{MIXTRAL}"


@pytest.mark.parametrize("missing", [None, ["model-00002-of-00002.safetensors"]])
def test_where_there_is_no_mixtral_all_three_ways_are_named(tmp_path, missing):
    if missing:
        keep_weights(tmp_path, missing)
    with pytest.raises(UnavailableError) as caught:
        mixtral_model()
    assert all(words in str(caught.value) for words in (BASE_URL, "HF_TOKEN", f"hf download {MIXTRAL}"))


def test_without_the_hubs_library_mixtral_can_only_be_an_endpoint(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UnavailableError, match=r"needs the extra 'local'"):
        mixtral_model()
    monkeypatch.setenv(BASE_URL, "http://127.0.0.1:9/v1")
    assert mixtral_model().name == "http://127.0.0.1:9/v1"


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "user:sekret@host/v1", "ftp://u:sekret@h/v1"])
def test_a_base_url_that_is_none_is_named_without_its_password(monkeypatch, url):
    monkeypatch.setenv(BASE_URL, url)
    with pytest.raises(UsageError, match=BASE_URL) as caught:
        mixtral_model()
    assert "sekret" not in str(caught.value)


def test_a_turn_is_judged_by_the_endpoints_only_model(stub, monkeypatch, talk, helpfulness):
    monkeypatch.setenv(BASE_URL, stub.url)
    found = judged(mixtral_model(), talk, helpfulness)
    assert found.score == pytest.approx(0.9)
    assert found.model == f"{stub.url}?model=stub"
