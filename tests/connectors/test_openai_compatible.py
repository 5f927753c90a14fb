"""Against a scripted transport: what real servers do and get wrong. Against a real server: test_llama_cpp.py."""

import asyncio
import json
import math

import httpx2
import pytest

from convexplain.calls import Calls
from convexplain.connectors.models import OpenAICompatible, open_model
from convexplain.connectors.models.openai_compatible import API_KEY
from convexplain.errors import ModelError, TooLongError, TransientError, UnavailableError, UsageError
from convexplain.models import Message, Request

URL = "http://127.0.0.1:9/v1?model=m"
REQUEST = Request(
    (Message("user", "Is the sky blue?"),),
    labels=("yes", "no"),
    opening='{"label": "',
    schema={"type": "object", "properties": {"label": {"enum": ["yes", "no"]}}},
    draw=3,
)


def completion(**choice):
    tokens = ['{"', "label", '":', ' "', "yes", '"}']
    content = [{"token": t, "logprob": 0.0, "top_logprobs": [{"token": t, "logprob": 0.0}]} for t in tokens]
    content[4]["top_logprobs"] = [{"token": "yes", "logprob": math.log(0.7)}, {"token": "no", "logprob": math.log(0.2)}]
    full = {
        "message": {"content": "".join(tokens)},
        "finish_reason": "stop",
        "logprobs": {"content": content},
        **choice,
    }
    usage = {"prompt_tokens": 12, "completion_tokens": 6, "prompt_tokens_details": {"cached_tokens": 8}}
    return {"choices": [full], "usage": usage}


def answering(*answers):
    """A transport that gives the answers in turn (the last one for good), and the bodies it was sent."""
    bodies = []

    def handle(request):
        if request.method == "GET":
            return httpx2.Response(200, json={"data": [{"id": "m", "max_model_len": 4096}]})
        bodies.append(json.loads(request.content))
        answer = answers[min(len(bodies), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx2.Response) else httpx2.Response(200, json=answer)

    return httpx2.MockTransport(handle), bodies


def ask(transport, url=URL, request=REQUEST):
    async def go():
        model = OpenAICompatible(url, transport=transport)
        try:
            (outcome,) = await model.chat([request])
            return outcome
        finally:
            await model.aclose()

    return asyncio.run(go())


def test_a_reply_with_label_probabilities_is_read():
    transport, bodies = answering(completion())
    reply = ask(transport)
    assert {k: pytest.approx(math.exp(v)) for k, v in reply.labels.logprobs.items()} == {"yes": 0.7, "no": 0.2}
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens) == (12, 6, 8)
    assert (reply.logprobs, reply.truncated, reply.labels.alternatives) == (True, False, 2)
    (body,) = bodies
    assert body["model"] == "m"
    assert body["messages"] == [{"role": "user", "content": "Is the sky blue?"}]
    assert (body["top_logprobs"], body["seed"], body["temperature"]) == (20, 3, 0.0)
    assert body["response_format"]["json_schema"]["schema"] == REQUEST.schema


@pytest.mark.parametrize(
    "logprobs", [None, {}, {"content": None}, {"content": []}, {"content": [{"token": "yes", "logprob": 0}]}]
)
def test_a_server_without_log_probabilities_is_seen_as_one(logprobs):
    reply = ask(answering(completion(logprobs=logprobs))[0])
    assert (reply.labels, reply.logprobs, reply.text) == (None, False, '{"label": "yes"}')


def refusal(words, status=400):
    return httpx2.Response(status, json={"error": {"message": words}})


def test_a_server_that_refuses_what_is_asked_is_asked_for_less_once_and_for_all():
    refused = refusal("top_logprobs must be at most 5"), refusal("response_format not supported", 422)
    transport, bodies = answering(*refused, refusal("top_logprobs"), completion())

    async def go():
        model = OpenAICompatible(URL, transport=transport)
        return [(await model.chat([REQUEST]))[0] for _ in range(2)]

    first, second = asyncio.run(go())
    assert first.text == second.text == '{"label": "yes"}'
    asked = [(body.get("top_logprobs"), "response_format" in body) for body in bodies]
    assert asked == [(20, True), (20, False), (5, True), (5, False), (5, False)]


@pytest.mark.parametrize(
    "words", ["top_logprobs exceeds the maximum of 5", "`logprobs` is not supported in this context length mode"]
)
def test_a_refusal_of_log_probabilities_is_not_taken_for_a_prompt_that_is_too_long(words):
    refused = [refusal(words)] * 4
    reply = ask(answering(*refused, completion(logprobs=None))[0])
    assert (reply.text, reply.logprobs) == ('{"label": "yes"}', False)


def test_a_model_of_ones_own_can_be_used_in_one_event_loop_after_another():
    model = OpenAICompatible(URL, transport=answering(completion())[0])
    for _ in range(3):
        assert asyncio.run(model.chat([REQUEST]))[0].text == '{"label": "yes"}'


def test_other_weights_behind_the_same_name_are_another_model():
    def served(size):
        listed = {"data": [{"id": "m", "meta": {"n_params": 5, "size": size, "n_ctx": 512}}]}
        return prepared(httpx2.MockTransport(lambda request: httpx2.Response(200, json=listed)), URL).fingerprint

    assert served(1) == served(1)
    assert served(1) != served(2)


def test_a_request_that_every_dialect_fails_on_says_what_the_server_said_first():
    error = ask(answering(refusal("unknown field 'messages'"))[0])
    assert isinstance(error, ModelError)
    assert "HTTP 400: unknown field 'messages'" in str(error)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (httpx2.Response(429, text="slow down"), TransientError, "HTTP 429: slow down"),
        (httpx2.Response(503, text="<html><h1>Service Unavailable</h1></html>"), TransientError, "Service Unavailable"),
        (httpx2.Response(500), TransientError, "no explanation"),
        (httpx2.ConnectError("refused"), TransientError, "refused"),
        (httpx2.ReadTimeout("slow"), TransientError, "slow"),
        (httpx2.RemoteProtocolError("peer closed"), TransientError, "peer closed"),
        (httpx2.Response(401, json={"error": "bad key"}), UnavailableError, f"taken from {API_KEY}"),
        (httpx2.Response(404, json={"detail": "no such model"}), UnavailableError, "and the model's name right"),
        (refusal("This model's maximum context length is 4096 tokens"), TooLongError, "maximum context length"),
        (refusal("the request exceeds the available context size"), TooLongError, "context size"),
        (httpx2.Response(308, headers={"Location": "http://elsewhere/"}), UnavailableError, "sends elsewhere"),
        (httpx2.Response(418, text="teapot"), ModelError, "HTTP 418: teapot"),
        (httpx2.Response(200, text="<html>Welcome to nginx</html>"), ModelError, "is no chat completion"),
        (httpx2.Response(200, text='{"choices": [{"mess'), ModelError, "is no chat completion"),
        (httpx2.Response(200, json={"choices": []}), ModelError, "is no chat completion"),
        (httpx2.Response(200, json=[1, 2]), ModelError, "is no chat completion"),
        (
            httpx2.Response(200, json={"choices": [{"message": {"content": "x"}, "logprobs": {"content": [5]}}]}),
            ModelError,
            "is no",
        ),
    ],
)
def test_what_goes_wrong_has_its_kind_and_words(answer, kind, words):
    error = ask(answering(answer)[0])
    assert type(error) is kind
    assert words in str(error)


def test_a_reply_that_is_no_completion_is_kept_raw():
    assert ask(answering(httpx2.Response(200, text="<html>hi</html>"))[0]).raw == "<html>hi</html>"


@pytest.mark.parametrize(
    ("header", "expected"),
    [("7", 7), ("0.5", 0.5), ("99999", 600), ("-3", 0), ("soon", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0)],
)
def test_retry_after(header, expected):
    assert ask(answering(httpx2.Response(429, headers={"Retry-After": header}))[0]).retry_after == expected


def test_429_for_a_while_ends_in_the_reply():
    busy = httpx2.Response(429, headers={"Retry-After": "0"})
    transport, bodies = answering(*[busy] * 6, completion())

    async def go():
        async with Calls(OpenAICompatible(URL, transport=transport)) as calls:
            return await calls.ask(REQUEST), calls.spend

    reply, spend = asyncio.run(go())
    assert reply.text == '{"label": "yes"}'
    assert (len(bodies), spend.retries, spend.calls) == (7, 6, 1)


def prepared(transport, url):
    async def go():
        model = OpenAICompatible(url, transport=transport)
        await model.prepare()
        return model

    return asyncio.run(go())


def listing(*ids, status=200):
    return httpx2.MockTransport(lambda request: httpx2.Response(status, json={"data": [{"id": name} for name in ids]}))


def test_the_only_model_of_a_server_needs_no_name():
    assert prepared(listing("only"), "http://127.0.0.1:9/v1").name == "http://127.0.0.1:9/v1?model=only"


def test_the_window_is_taken_from_the_server():
    assert prepared(answering()[0], URL).window == 4096


@pytest.mark.parametrize(
    ("transport", "words"),
    [
        (listing("a", "b"), "it serves: a, b"),
        (listing(), "does not say which"),
        (listing(status=401), API_KEY),
        (listing(status=404), "usually ends in /v1"),
        (httpx2.MockTransport(lambda request: httpx2.Response(200, text="<html>")), "does not say which"),
    ],
)
def test_a_server_that_cannot_be_used_says_why(transport, words):
    with pytest.raises(UnavailableError, match=words):
        prepared(transport, "http://127.0.0.1:9/v1")


def test_an_unreachable_server_says_so():
    def refuse(request):
        raise httpx2.ConnectError("refused")

    with pytest.raises(UnavailableError, match=r"http://127\.0\.0\.1:9/v1 cannot be reached: refused"):
        prepared(httpx2.MockTransport(refuse), URL)


def test_secrets_are_sent_and_never_shown(monkeypatch):
    monkeypatch.setenv(API_KEY, "sekret")
    seen = []

    def handle(request):
        seen.append(request.headers.get("authorization"))
        return httpx2.Response(200, json=completion())

    model = OpenAICompatible(URL, transport=httpx2.MockTransport(handle))
    ask(httpx2.MockTransport(handle))
    assert seen == ["Bearer sekret"]
    monkeypatch.setenv(API_KEY, "sekret\n")  # as mounted secrets often are
    ask(httpx2.MockTransport(handle))
    assert seen[1] == "Bearer sekret"
    monkeypatch.setenv(API_KEY, "sekr\u00e9t")
    with pytest.raises(UsageError, match="printable ASCII") as caught:
        OpenAICompatible(URL)
    assert "sekr" not in str(caught.value)
    monkeypatch.delenv(API_KEY)
    for url in ("http://127.0.0.1/v1?api_key=sekret", "HTTP://u:sekret@127.0.0.1/v1?x=1", "ftp://u:sekret@h"):
        with pytest.raises(UsageError) as caught:
            open_model(url)
        assert "sekret" not in str(caught.value)
    model = OpenAICompatible("http://user:sekret@127.0.0.1:9/v1?model=m")
    assert "sekret" not in model.name + model.fingerprint
    assert model.name == URL


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt-9", "valid are: embedded, http://HOST:PORT/v1"),
        ("http://127.0.0.1/v1?modle=m", "unknown option modle"),
        ("http://127.0.0.1/v1?in_flight=0", "in_flight='0'"),
        ("http://127.0.0.1/v1?in_flight=0.5", "in_flight='0.5'"),
        ("http://127.0.0.1/v1?in_flight=inf", "in_flight='inf'"),
        ("http://[::1/v1", "URL is not valid"),
        ("http://127.0.0.1:99999/v1", "URL is not valid"),
        ("http:///v1", "it names no host"),
        ("http://127.0.0.1/v1?timeout=abc", "timeout='abc'"),
    ],
)
def test_a_name_that_is_none_says_what_is_valid(name, words):
    with pytest.raises(UsageError, match=words):
        open_model(name)
