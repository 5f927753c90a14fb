"""Against a scripted transport: what real servers do and get wrong. Against a real server: test_llama_cpp.py."""

import asyncio
import json
import math

import httpx2
import pytest

from convexplain import judge
from convexplain.connectors.models import OpenAICompatible, open_model
from convexplain.connectors.models.credentials import API_KEY
from convexplain.connectors.models.endpoint_errors import ServerError
from convexplain.errors import (
    FaultyReplyError,
    FilteredError,
    ModelError,
    TooLongError,
    TransientError,
    UnavailableError,
    UsageError,
)
from convexplain.models.calls import Calls
from convexplain.models.chat import Message, Reply, Request

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


LEGACY = {"tokens": ["yes"], "token_logprobs": [-0.1], "top_logprobs": [{"yes": -0.1, "no": -2.4}], "text_offset": [0]}


@pytest.mark.parametrize("logprobs", ["absent", None, {"content": [{"token": "yes", "top_logprobs": []}]}, LEGACY])
@pytest.mark.parametrize("refused", [True, False])
def test_without_log_probabilities_a_turn_is_scored_by_samples_and_says_so(talk, helpfulness, logprobs, refused):
    seen = []

    def handle(request):
        if request.method == "GET":
            return httpx2.Response(200, json={"data": [{"id": "m"}]})
        body = json.loads(request.content)
        if refused and "logprobs" in body:
            return httpx2.Response(400, json={"error": {"message": "Unknown field: top_logprobs"}})
        seen.append(body)
        # the first reply settles how to measure; of the five draws after it the last two say no
        text = '{"label": "no"}' if body["temperature"] > 0 and body["seed"] >= 3 else '{"label": "yes"}'
        choice = {"message": {"content": text}, "finish_reason": "stop", "logprobs": logprobs}
        if logprobs == "absent":
            del choice["logprobs"]
        return httpx2.Response(200, json={"choices": [choice]})

    model = OpenAICompatible(URL, transport=httpx2.MockTransport(handle))
    (found,) = judge(talk, helpfulness, model, turns="last")
    # yes = 1, no = 0: mean 3/5; sample variance (3 * 0.4**2 + 2 * 0.6**2) / 4 = 0.3
    assert (found.score, found.evidence.kind, found.evidence.n) == (pytest.approx(0.6), "samples", 5)
    assert found.evidence.spread == pytest.approx(math.sqrt(0.3))
    assert len(seen) == 6


def nonsense(content, **rest):
    return httpx2.Response(200, json={"choices": [{"message": {"content": content}, "finish_reason": "stop", **rest}]})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx2.Response(200, text="<html>Welcome to nginx</html>"), "is no chat completion"),
        (httpx2.Response(200, text=""), "is no chat completion"),
        (httpx2.Response(200, json=["yes"]), "is no chat completion"),
        (httpx2.Response(200, json={"choices": []}), "is no chat completion"),
        (nonsense(None), "v1: the reply is empty"),
        (nonsense('{"label": "perhaps"}'), "gives a label that is none of the rubric's (yes, no)"),
        (nonsense("I would rather not say."), "the judge refused to answer"),
    ],
)
def test_an_answer_that_makes_no_sense_leaves_the_turn_unscored_with_the_reason(talk, helpfulness, answer, reason):
    model = OpenAICompatible(URL, transport=httpx2.MockTransport(lambda request: answer))
    (found,) = judge(talk, helpfulness, model, turns="last")
    assert (found.score, found.label) == (None, None)
    assert reason in found.reason


def test_a_label_outside_the_list_with_its_probabilities_is_no_score(talk, helpfulness):
    reply = completion()
    reply["choices"][0]["logprobs"]["content"][4] = {
        "token": "perhaps",
        "top_logprobs": [{"token": "perhaps", "logprob": math.log(0.9)}, {"token": "yes", "logprob": math.log(0.1)}],
    }
    reply["choices"][0]["message"]["content"] = '{"label": "perhaps"}'
    model = OpenAICompatible(URL, transport=answering(reply)[0])
    (found,) = judge(talk, helpfulness, model, turns="last")
    reason = "the judge's reply gives a label that is none of the rubric's (yes, no)"
    assert (found.score, found.reason, found.evidence.raw) == (None, reason, '{"label": "perhaps"}')


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
    assert asked == [(20, True), (5, True), (5, False), (None, False), (None, False)]


@pytest.mark.parametrize(
    ("words", "times"),
    [("top_logprobs exceeds the maximum of 5", 2), ("`logprobs` is not supported in this context length mode", 1)],
)
def test_a_refusal_of_log_probabilities_is_not_taken_for_a_prompt_that_is_too_long(words, times):
    refused = [refusal(words)] * times
    reply = ask(answering(*refused, completion(logprobs=None))[0])
    assert (reply.text, reply.logprobs) == ('{"label": "yes"}', False)


def test_a_model_of_ones_own_can_be_used_in_one_event_loop_after_another():
    model = OpenAICompatible(URL, transport=answering(completion())[0])
    for _ in range(3):
        assert asyncio.run(model.chat([REQUEST]))[0].text == '{"label": "yes"}'


def vllm(**changed):
    card = {"id": "m", "created": 1, "owned_by": "vllm", "root": "org/m", "parent": None, "max_model_len": 4096}
    return {**card, "permission": [{"id": "modelperm-1", "created": 1}], **changed}


def llama(size=7, **changed):
    meta = {"vocab_type": 1, "n_vocab": 32000, "n_ctx_train": 8192, "n_embd": 64, "n_params": 5, "size": size}
    return {"id": "m", "created": 1, "owned_by": "llamacpp", "meta": meta, **changed}


def ollama(**changed):
    return {"id": "m:latest", "object": "model", "created": 1, "owned_by": "library", **changed}


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (vllm(), vllm(created=2, permission=[{"id": "modelperm-2", "created": 2}]), True),
        (vllm(), vllm(max_model_len=2048), True),
        (vllm(), vllm(root="org/other"), False),
        (vllm(), vllm(parent="org/base"), False),
        (llama(), llama(created=2), True),
        (llama(), llama(size=8), False),
        (llama(id="a.gguf"), llama(id="b.gguf"), False),
        (ollama(), ollama(), True),
        (ollama(), ollama(created=2), False),
        ({"id": "m", "created": 1}, {"id": "m", "created": 2}, True),
    ],
)
def test_other_weights_behind_the_same_url_are_another_model_and_a_restart_is_not(before, after, same):
    def fingerprint(card):
        listed = httpx2.Response(200, json={"object": "list", "data": [card]})
        return prepared(httpx2.MockTransport(lambda request: listed), URL).fingerprint

    assert (fingerprint(before) == fingerprint(after)) is same


def test_the_tag_latest_that_ollama_adds_may_be_left_out():
    def fingerprint(created):
        listed = httpx2.Response(200, json={"data": [ollama(id="other:latest"), ollama(created=created)]})
        return prepared(httpx2.MockTransport(lambda request: listed), URL).fingerprint

    assert fingerprint(1) == fingerprint(1)
    assert fingerprint(1) != fingerprint(2)


def from_model(name):
    return {**completion(), "model": name} if name is not None else completion()


@pytest.mark.parametrize("names", [["a", "a"], [None, "a", None, "a"], ["a", "", "a"], ["a", 5, "a"]])
def test_replies_of_one_model_are_taken(names):
    transport, _ = answering(*map(from_model, names))
    assert [reply.text for reply in asked_in_turn(transport, len(names))] == ['{"label": "yes"}'] * len(names)


def test_a_reply_of_another_model_is_refused_and_after_five_in_a_row_the_endpoint_is_given_up():
    names = ["a", "b", "a", *"bbbbbb", "a"]
    transport, _ = answering(*map(from_model, names))
    replies = asked_in_turn(transport, len(names))
    kinds = [type(reply) for reply in replies]
    assert kinds == [Reply, FaultyReplyError, Reply, *[FaultyReplyError] * 5, UnavailableError, Reply]
    assert "answers as 'b' now; before, it was 'a'. Scores of two models are not mixed" in str(replies[1])
    assert "http://127.0.0.1:9/v1?model=b" in str(replies[8])


def asked_in_turn(transport, times):
    async def go():
        model = OpenAICompatible(URL, transport=transport)
        return [(await model.chat([REQUEST]))[0] for _ in range(times)]

    return asyncio.run(go())


def test_a_request_that_every_dialect_fails_on_says_what_the_server_said_first():
    error = ask(answering(refusal("unknown field 'messages'"))[0])
    assert isinstance(error, ModelError)
    assert "HTTP 400: unknown field 'messages'" in str(error)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (httpx2.Response(429, text="slow down"), TransientError, "HTTP 429: slow down"),
        (httpx2.Response(503, text="<html><h1>Service Unavailable</h1></html>"), TransientError, "Service Unavailable"),
        (httpx2.Response(500), ServerError, "no explanation"),
        (httpx2.Response(500, text="<html><body>Oops <b>500</b></body></html>"), ServerError, "HTTP 500: Oops 500"),
        (httpx2.ConnectError("refused"), TransientError, "refused"),
        (httpx2.ReadTimeout("slow"), TransientError, "slow"),
        (httpx2.RemoteProtocolError("peer closed"), TransientError, "peer closed"),
        (httpx2.Response(401, json={"error": "bad key"}), UnavailableError, f"taken from {API_KEY}"),
        (httpx2.Response(402, json={"error": "no credits left"}), UnavailableError, "no credits left (it has to"),
        (httpx2.Response(404, json={"detail": "no such model"}), UnavailableError, "and the model's name right"),
        (httpx2.Response(410, text="gone"), UnavailableError, "HTTP 410: gone (are the URL"),
        (refusal("The model `m` does not exist, code: model_not_found"), UnavailableError, "does not exist"),
        (refusal("This model's maximum context length is 4096 tokens"), TooLongError, "maximum context length"),
        (refusal("the request exceeds the available context size"), TooLongError, "context size"),
        (httpx2.Response(308, headers={"Location": "http://elsewhere/"}), UnavailableError, "sends elsewhere"),
        (httpx2.Response(418, text="teapot"), ModelError, "HTTP 418: teapot"),
        (httpx2.Response(200, text="<html>Welcome to nginx</html>"), ModelError, "is no chat completion"),
        (httpx2.Response(200, text='{"choices": [{"mess'), FaultyReplyError, "is no chat completion"),
        (httpx2.Response(200, json={"choices": []}), FaultyReplyError, "is no chat completion"),
        (httpx2.Response(200, json=[1, 2]), FaultyReplyError, "is no chat completion"),
        (httpx2.Response(200, text=""), FaultyReplyError, "is no chat completion"),
        (httpx2.Response(200, text="null"), FaultyReplyError, "is no chat completion"),
        (httpx2.Response(200, json={"choices": [None]}), FaultyReplyError, "is no chat completion"),
        (httpx2.Response(200, json={"choices": [{"message": None}]}), FaultyReplyError, "is no chat completion"),
        (httpx2.Response(200, json={"error": {"message": "overloaded"}}), TransientError, "with an error: overloaded"),
        (
            httpx2.Response(200, json={"choices": [{"message": {"content": "x"}, "logprobs": {"content": [5]}}]}),
            FaultyReplyError,
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
        (listing(status=503), "is not ready: HTTP 503"),
        (
            httpx2.MockTransport(lambda request: httpx2.Response(302, headers={"Location": "https://login/"})),
            "sends elsewhere .HTTP 302., to https://login/",
        ),
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
    model = OpenAICompatible("http://user@127.0.0.1:9/v1?model=m")
    assert "user" not in model.name + model.fingerprint
    assert model.name == URL


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt-9", "did you mean openai:gpt-9"),
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


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("embedded?{}", "embedded"),
        ("embedded?head=none&{}", "embedded?head=none"),
        ("embedded?head=none?{}", "embedded?head=none"),
        ("mixtral?{}", "mixtral"),
        ("local:some/x?{}", "local:some/x"),
        ("local:x?head=a.json&{}", "local:x?head=a.json"),
        ("gguf:x.gguf?{}", "gguf:x.gguf"),
        ("hub:owner/x?{}", "hub:owner/x"),
        ("langchain:openai:x?{}", "langchain:openai:x"),
        ("anthropic:x?{}", "anthropic:x"),
        ("bedrock:arn:aws:x?{}", "bedrock:arn:aws:x"),
    ],
)
@pytest.mark.parametrize("option", ["in_flight", "timeout", "key", "reasoning_effort"])
def test_an_option_that_a_model_does_not_take_is_refused(name, model, option):
    with pytest.raises(UsageError) as caught:
        open_model(name.format(f"{option}=sekret"))
    many = "connection, http, https, openai, azure, groq, mistral, together, openrouter"
    takers = "http, https take it" if option == "key" else many
    assert f"model {model!r} takes no option {option}; {takers}" in str(caught.value)
    assert "sekret" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["gguf:what?.gguf", "gguf:a?b=c&timeouts=1.gguf", "gguf:timeout=3.gguf", "local:what?key", "local:a?b&c=d"]
)
def test_a_question_mark_in_the_name_of_a_file_is_left_alone(name):
    assert open_model(name).name == name


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_server_on_this_machine_is_reached_past_the_proxy(stub, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.delenv("NO_PROXY", raising=False)

    async def work():
        model = OpenAICompatible(stub.url)
        await model.prepare()
        try:
            return await model.chat([REQUEST])
        finally:
            await model.aclose()

    (reply,) = asyncio.run(work())
    assert isinstance(reply, Reply)


QUOTA = {"message": "You exceeded your current quota, please check your plan and billing details."}
RATE = {"message": "You exceeded your current quota, please check your plan and billing details. Please retry in 20s."}
GENERATION = {  # Groq's, with what the model has written
    "message": "Failed to generate JSON.",
    "failed_generation": '{"label": "no", "explanation": "The \\"billing\\" question and the context window stay open',
}
RATE_LIMIT = {
    "message": "Rate limit reached for gpt-4o on requests per min (RPM): Limit 3, Used 3. You can increase "
    "your rate limit by adding a payment method at https://platform.openai.com/account/billing.",
    "code": "rate_limit_exceeded",
}


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (httpx2.Response(429, json={"error": {**QUOTA, "code": "insufficient_quota"}}), UnavailableError, "paid for"),
        (httpx2.Response(429, json={"error": QUOTA}), UnavailableError, "billing details. (it has to be paid for"),
        (httpx2.Response(429, json={"error": RATE}), TransientError, "retry in 20s"),  # Gemini's rate limit
        (httpx2.Response(429, json={"error": QUOTA}, headers={"Retry-After": "5"}), TransientError, "HTTP 429"),
        (refusal("Your credit balance is too low to access the API."), UnavailableError, "raise the spending limit"),
        (httpx2.Response(200, json={"error": {"code": 402, "message": "no credits"}}), UnavailableError, "paid for"),
        (  # beside an empty choice
            httpx2.Response(200, json={"error": {"code": 402, "message": "none"}, "choices": [{"message": {}}]}),
            UnavailableError,
            "paid for",
        ),
        (httpx2.Response(400, json={"error": GENERATION}), ModelError, "Failed to generate JSON"),
        (httpx2.Response(429, json={"error": RATE_LIMIT}), TransientError, "requests per min"),
        (
            httpx2.Response(200, json={"error": {"code": 429, "message": "busy"}}),
            TransientError,
            "HTTP 200 with error 429",
        ),
        (httpx2.Response(200, json={"error": {"code": "502", "message": "down"}}), TransientError, "error 502: down"),
        (httpx2.Response(200, json={"error": {"code": 401, "message": "No auth"}}), UnavailableError, API_KEY),
        (httpx2.Response(200, json={"error": {"code": 404, "message": "No such"}}), UnavailableError, "model's name"),
        (httpx2.Response(200, json={"error": {"code": "rate_limit_exceeded"}}), TransientError, "rate_limit_exceeded"),
        (httpx2.Response(200, json={"error": "it broke"}), FaultyReplyError, "HTTP 200 with an error: it broke"),
        (
            httpx2.Response(200, json={"choices": [{"message": {}, "error": {"code": 503, "message": "gone"}}]}),
            TransientError,
            "error 503: gone",
        ),
        (
            httpx2.Response(
                200, json={"choices": [{"message": {"content": "x"}, "error": {"code": 400, "message": "y"}}]}
            ),
            ModelError,
            "error 400: y",
        ),
        (refusal("filtered: content_filter"), FilteredError, "HTTP 400: filtered"),
    ],
)
def test_money_errors_in_success_and_filters_have_their_kind(answer, kind, words):
    error = ask(answering(answer)[0])
    assert isinstance(error, kind)
    assert isinstance(error, (TransientError, UnavailableError)) == (kind not in (ModelError, FilteredError))
    assert words in str(error)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"type": "overloaded_error", "message": "Overloaded"}}, TransientError),
        ({"error": {"code": "server_error", "message": "The server had an error"}}, ServerError),
        ([{"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}}], TransientError),  # Gemini
        ({"error": {"status": "RESOURCE_EXHAUSTED", "message": "slow down"}}, TransientError),
        ({"error": {"message": "Too many requests"}}, TransientError),
        ({"error": {"message": "model is overloaded, try again later"}}, TransientError),
        ({"error": {"code": "context_length_exceeded", "message": "too many tokens"}}, TooLongError),
        ({"error": {"message": "This model's maximum context length is 4096 tokens"}}, TooLongError),
        (
            {"object": "error", "message": "exceeds the context size", "type": "BadRequestError"},
            TooLongError,
        ),
        ({"error": {"code": "content_filter", "message": "filtered"}}, FilteredError),
        ({"error": {"message": "the prompt triggered the content management policy"}}, FilteredError),
        ({"error": {"message": "Output blocked by content filtering policy"}}, FilteredError),
        ({"error": {"message": "Content Exists Risk"}}, FilteredError),
        (
            {"error": {"code": "data_inspection_failed", "message": "Input data may contain inappropriate content."}},
            FilteredError,
        ),
        ({"error": {"code": "content_policy_violation", "message": "rejected by our safety system"}}, FilteredError),
        ({"error": {"code": "invalid_api_key", "message": "no"}}, UnavailableError),
        ({"error": "Incorrect API key provided"}, UnavailableError),
        ({"error": {"code": "insufficient_quota", "message": "no"}}, UnavailableError),
        ({"error": {"type": "not_found_error", "message": "model: m"}}, UnavailableError),
        ({"detail": "Internal Server Error"}, TransientError),
        ({"error": {"message": "oh"}}, FaultyReplyError),
        ({"error": {"code": 418, "message": "oh"}}, FaultyReplyError),
    ],
)
def test_an_error_in_success_is_what_its_code_or_else_its_words_say(body, kind):
    assert type(ask(answering(httpx2.Response(200, json=body))[0])) is kind


def with_numbers(*logprobs):
    """A completion whose label has these log-probabilities, for `yes` and `no`."""
    damaged = completion()
    damaged["choices"][0]["logprobs"]["content"][4]["top_logprobs"] = [
        {"token": token, "logprob": logprob} for token, logprob in zip(("yes", "no"), logprobs, strict=True)
    ]
    return httpx2.Response(200, text=json.dumps(damaged))  # json.dumps writes NaN and Infinity, as servers do


@pytest.mark.parametrize("numbers", [(math.nan, -1.0), (-0.1, math.nan), (math.inf, -1.0), (0.5, -1.0)])
def test_damaged_log_probabilities_are_asked_again_and_an_endpoint_that_gives_no_others_has_none(numbers):
    error = ask(answering(with_numbers(*numbers))[0])
    assert type(error) is FaultyReplyError
    assert "/v1: the log-probabilities of the reply are NaN, infinite or above 0" in str(error)
    *errors, reply = asked_in_turn(answering(with_numbers(*numbers))[0], 5)
    assert {type(error) for error in errors} == {FaultyReplyError}
    assert (reply.text, reply.labels, reply.logprobs) == ('{"label": "yes"}', None, False)
    # those that come between good replies are errors for ever
    mixed = [with_numbers(*numbers), with_numbers(*numbers), with_numbers(-0.1, -3.0)] * 3
    replies = asked_in_turn(answering(*mixed)[0], 9)
    assert [type(reply) for reply in replies] == [FaultyReplyError, FaultyReplyError, Reply] * 3


def test_minus_infinity_is_the_log_probability_of_what_is_impossible():
    reply = ask(answering(with_numbers(0.0, -math.inf))[0])
    assert dict(reply.labels.logprobs) == {"yes": 0.0}


def test_an_error_without_a_number_in_success_does_not_hide_an_answer():
    assert ask(answering({**completion(), "error": None})[0]).text == '{"label": "yes"}'


def test_a_prompt_that_a_filter_refuses_is_asked_once():
    transport, bodies = answering(refusal("the prompt triggered the content management policy"), completion())
    assert "content management policy" in str(ask(transport))
    assert len(bodies) == 1
