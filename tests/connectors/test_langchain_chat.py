"""With chat models of our own, and with langchain-openai's against a small real server."""

import asyncio
import gc
import json
import math
import sys
import time
from typing import Any

import httpx
import httpx2
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from langgraph.errors import GraphBubbleUp
from pydantic import SecretStr

from convexplain import AsyncWorkspace, judge
from convexplain.connectors.models.endpoint_errors import ServerError
from convexplain.connectors.models.langchain_chat import LangChainModel
from convexplain.errors import (
    MissingExtraError,
    ModelError,
    TooLongError,
    TransientError,
    UnavailableError,
    UsageError,
)
from convexplain.models.calls import Calls
from convexplain.models.chat import Message, Request
from tests.stub_server import completion

REQUEST = Request(
    (Message("user", "Is the sky blue?"),), labels=("yes", "no"), opening='{"label": "', max_tokens=24, draw=3
)
SAMPLE = Request((Message("user", "Is the sky blue?"),), opening='{"label": "', max_tokens=24, temperature=1.0, draw=3)
ANSWER = '{"label": "yes"}'
FULL = {"temperature": 0.0, "max_tokens": 24, "seed": 3, "logprobs": True, "top_logprobs": 20}


def steps():
    """Log-probabilities as the OpenAI protocol has them: yes 0.7, no 0.2."""
    tokens = ['{"', "label", '":', ' "', "yes", '"}']
    content = [{"token": t, "logprob": 0.0, "top_logprobs": [{"token": t, "logprob": 0.0}]} for t in tokens]
    content[4]["top_logprobs"] = [{"token": "yes", "logprob": math.log(0.7)}, {"token": "no", "logprob": math.log(0.2)}]
    return {"content": content}


class Fake(BaseChatModel):
    """Answers as it is told, and keeps what it was asked with.

    `answers` are given in turn, the last one for good: messages, texts, or exceptions to raise; or a function of the
    prompt's text and the options.
    """

    model: str = "fake-1"
    answers: Any = (ANSWER,)
    asked: Any = None
    api_key: SecretStr = SecretStr("sk-very-secret")

    @property
    def _llm_type(self):
        return "fake"

    def _generate(self, messages, stop=None, run_manager=None, **options):
        self.asked.append((messages, options))
        answer = self.answers
        if callable(answer):
            answer = answer(messages[0].content, options)
        else:
            answer = answer[min(len(self.asked), len(answer)) - 1]
        if isinstance(answer, BaseException):
            raise answer
        message = AIMessage(answer) if isinstance(answer, str) else answer
        return ChatResult(generations=[ChatGeneration(message=message)])


def fake(*answers, **fields):
    chat = Fake(answers=answers or (ANSWER,), asked=[], **fields)
    return LangChainModel(chat), chat


def ask(model, *requests):
    async def go():
        await model.prepare()
        return [(await model.chat([request]))[0] for request in requests]

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("answer", "no_answer", "text"),
    [
        (AIMessage("", additional_kwargs={"refusal": "I can't."}), "refusal", "I can't."),  # OpenAI
        (AIMessage("", response_metadata={"stop_reason": "refusal"}), "refusal", ""),  # Anthropic
        (AIMessage("", response_metadata={"finish_reason": "SAFETY"}), "filter", ""),  # Google
        (AIMessage("", response_metadata={"stopReason": "guardrail_intervened"}), "filter", ""),  # Bedrock
        (AIMessage("", tool_calls=[{"name": "answer", "args": {}, "id": "1"}]), "tool", ""),
        (AIMessage(ANSWER, response_metadata={"finish_reason": "STOP"}), None, ANSWER),
    ],
)
def test_a_reply_says_why_it_is_no_answer(answer, no_answer, text):
    (reply,) = ask(fake(answer)[0], SAMPLE)
    assert (reply.no_answer, reply.text) == (no_answer, text)


class ProviderError(Exception):
    """As providers' libraries raise them."""

    def __init__(self, words, status=None, headers=None, **attributes):
        super().__init__(words)
        if status is not None:
            self.response = httpx2.Response(status, headers=headers)
        for name, value in attributes.items():
            setattr(self, name, value)


class WrappingError(Exception):
    """Stands for an integration's own class."""


class ModelRateLimitError(Exception):
    """Named as LangChain's, which older versions of it do not have."""


class ReadTimeout(Exception):  # noqa: N818 - named as in httpx
    """A time-out is known by its name."""


class ConnectError(Exception):
    """Named as in httpx."""


def test_log_probabilities_are_read_where_the_model_gives_them():
    told = {"logprobs": steps(), "finish_reason": "stop"}
    usage = {"input_tokens": 12, "output_tokens": 6, "total_tokens": 18, "input_token_details": {"cache_read": 8}}
    model, chat = fake(AIMessage(ANSWER, response_metadata=told, usage_metadata=usage))
    (reply,) = ask(model, REQUEST)
    assert reply.text == ANSWER
    assert reply.logprobs
    assert reply.labels.logprobs == pytest.approx({"yes": math.log(0.7), "no": math.log(0.2)})
    assert reply.labels.bound == pytest.approx(0.1)
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens) == (12, 6, 8)
    assert not reply.truncated
    assert chat.asked[0][1] == FULL


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"logprobs": steps()}, True),
        ({"logprobs": steps()["content"]}, True),  # Ollama
        ({}, False),
        ({"logprobs": None}, False),
        ({"logprobs": {"content": []}}, False),
        ({"logprobs": {"content": None}}, False),
        ({"logprobs": {"tokens": ["yes"], "token_logprobs": [-0.1]}}, False),
        ({"logprobs": {"content": [{"text": "yes", "top_logprobs": [1, 2]}]}}, False),
        ({"logprobs": {"content": ["yes"]}}, False),
        ({"logprobs": "none"}, False),
        ({"logprobs": -0.3}, False),
    ],
)
def test_shapes_of_log_probabilities(told, found):
    model, _ = fake(AIMessage(ANSWER, response_metadata=told))
    (reply,) = ask(model, REQUEST)
    assert reply.text == ANSWER
    assert reply.logprobs is found
    assert (reply.labels is not None) is found


@pytest.mark.parametrize(
    ("message", "text", "truncated"),
    [
        (AIMessage("yes", response_metadata={"finish_reason": "length"}), "yes", True),
        (AIMessage("yes", response_metadata={"stop_reason": "max_tokens"}), "yes", True),
        (AIMessage("yes", response_metadata={"finish_reason": "MAX_TOKENS"}), "yes", True),
        (AIMessage("yes", response_metadata={"stop_reason": "end_turn"}), "yes", False),
        (AIMessage([{"type": "text", "text": "ye"}, {"type": "text", "text": "s"}]), "yes", False),
        (AIMessage([{"type": "reasoning", "reasoning": "no?"}, {"type": "text", "text": "yes"}]), "yes", False),
        (AIMessage(""), "", False),
    ],
)
def test_texts_and_ends(message, text, truncated):
    model, _ = fake(message)
    (reply,) = ask(model, SAMPLE)
    assert reply.text == text
    assert reply.truncated is truncated
    assert not reply.logprobs


def test_messages_keep_their_roles():
    model, chat = fake()
    roles = ("system", "user", "assistant", "user", "tool")
    ask(model, Request(tuple(Message(role, f"{role} says") for role in roles)))
    assert [(message.type, message.content) for message in chat.asked[0][0]] == [
        ("system", "system says"),
        ("human", "user says"),
        ("ai", "assistant says"),
        ("human", "user says"),
        ("human", "tool says"),
    ]


@pytest.mark.parametrize(
    ("refusal", "accepted"),
    [
        (TypeError("create() got an unexpected keyword argument 'seed'"), {"temperature", "max_tokens", "logprobs"}),
        (ProviderError("Unsupported value: 'temperature' ...", 400), {"seed", "max_tokens", "logprobs"}),
        (ProviderError("Extra inputs are not permitted: seed", 422), {"temperature", "max_tokens", "logprobs"}),
        (ProviderError("use max_completion_tokens", status_code=400), {"temperature", "seed", "logprobs"}),
        (ValueError("1 validation error: seed"), {"temperature", "max_tokens", "logprobs"}),
    ],
)
def test_a_model_is_not_asked_again_for_what_it_refused(refusal, accepted):
    told = AIMessage(ANSWER, response_metadata={"logprobs": steps()})
    model, chat = fake(refusal, told)
    first, second = ask(model, REQUEST, REQUEST)
    assert first.labels is not None
    assert second.labels is not None
    assert [set(options) - {"top_logprobs"} for _, options in chat.asked] == [
        {"temperature", "seed", "max_tokens", "logprobs"},
        accepted,
        accepted,
    ]


def test_fewer_log_probabilities_and_then_none():
    def strict(prompt, options):
        if options.get("top_logprobs", 0) > 5:
            return ProviderError("top_logprobs must be at most 5", 400)
        return AIMessage(ANSWER, response_metadata={"logprobs": steps()})

    def never(prompt, options):
        return TypeError("got an unexpected keyword argument 'logprobs'") if "logprobs" in options else ANSWER

    for answers, asked, found in ((strict, [20, 5, 5], True), (never, [20, 5, None, None], False)):
        chat = Fake(answers=answers, asked=[])
        one, two = ask(LangChainModel(chat), REQUEST, REQUEST)
        assert one.logprobs is two.logprobs is found
        assert [options.get("top_logprobs") for _, options in chat.asked] == asked


def test_a_refusal_that_names_nothing_is_an_error_and_changes_nothing():
    model, chat = fake(ProviderError("the prompt was filtered", 400), ANSWER)
    first, second = ask(model, REQUEST, REQUEST)
    assert type(first).__mro__[1] is ModelError
    assert "the prompt was filtered" in str(first)
    assert second.text == ANSWER
    assert [options for _, options in chat.asked] == [FULL, FULL]


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ProviderError("slow down", 429), TransientError),
        (ProviderError("oops", 503), TransientError),
        (ProviderError("busy", status_code=529), TransientError),
        (ProviderError("busy", http_status=500), ServerError),
        (ProviderError("busy", code=503), TransientError),
        (caused(WrappingError("wrapped"), ProviderError("slow down", 429)), TransientError),
        (ModelRateLimitError("slow down"), TransientError),
        (ConnectError("no route"), TransientError),
        (ConnectionResetError("reset"), TransientError),
        (ReadTimeout("slow"), TransientError),
        (TimeoutError("slow"), TransientError),
        (ProviderError("no", 401), UnavailableError),
        (ProviderError("no", 403), UnavailableError),
        (ProviderError("no such model", 404), UnavailableError),
        (ProviderError("This model's maximum context length is 8192 tokens", 400), TooLongError),
        (ProviderError("prompt is too long: 9 tokens > 8 maximum", 400), TooLongError),
        (ProviderError("the input is too long"), TooLongError),
        (ProviderError("what?", 418), ModelError),
        (ProviderError("what?", code="rate_limit"), ModelError),
        (RuntimeError("what?"), ModelError),
    ],
)
def test_what_providers_errors_mean(error, kind):
    model, _ = fake(error)
    (outcome,) = ask(model, REQUEST)
    assert type(outcome) is kind
    assert str(error) in str(outcome)
    assert str(outcome).startswith("langchain:Fake:fake-1")
    if kind is TransientError:
        assert outcome.timed_out is (error.__class__.__name__ in ("ReadTimeout", "TimeoutError"))


def test_an_aws_response_is_a_mapping():
    error = ProviderError("slow down")
    error.response = {"ResponseMetadata": {"HTTPStatusCode": 429}}
    (outcome,) = ask(fake(error)[0], REQUEST)
    assert type(outcome) is TransientError


def test_the_time_to_wait_is_taken_over():
    wrapped = caused(WrappingError("wrapped"), ProviderError("slow down", 429, {"Retry-After": "7"}))
    (outcome,) = ask(fake(wrapped)[0], REQUEST)
    assert outcome.retry_after == 7.0


def test_no_key_shows_in_errors_names_or_fingerprints():
    model, _ = fake(ProviderError("Incorrect key sk-very-secret", 401))
    (outcome,) = ask(model, REQUEST)
    assert "Incorrect key ***" in str(outcome)
    assert "secret" not in outcome.raw + str(outcome) + model.name + model.fingerprint + repr(model)
    assert outcome.__cause__ is None
    assert outcome.__suppress_context__


def test_what_is_no_failure_passes_through():
    with pytest.raises(GraphBubbleUp):
        ask(fake(GraphBubbleUp())[0], REQUEST)


def test_a_call_that_is_called_off_ends():
    class Endless(Fake):
        async def _agenerate(self, messages, stop=None, run_manager=None, **options):
            self.asked.append(messages)
            await asyncio.Event().wait()

    chat = Endless(asked=[])

    async def go():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await LangChainModel(chat).chat([REQUEST])

    asyncio.run(go())
    assert len(chat.asked) == 1


@pytest.mark.slow
def test_the_fingerprint_tells_models_apart_and_holds_no_key(monkeypatch):
    class Other(Fake):
        pass

    def of(chat):
        return LangChainModel(chat).fingerprint

    base = of(Fake())
    assert of(Fake(api_key=SecretStr("sk-another"))) == base
    assert of(Fake(answers=("something else",))) == base
    assert of(Fake(model="fake-2")) != base
    assert of(Other()) != base
    one = ChatOpenAI(model="m", api_key="sk-one", base_url="http://127.0.0.1:1/v1")
    assert of(one) == of(ChatOpenAI(model="m", api_key="sk-two", base_url="http://127.0.0.1:1/v1"))
    assert of(one) != of(ChatOpenAI(model="m", api_key="sk-one", base_url="http://127.0.0.1:2/v1"))
    assert of(one) != of(ChatOpenAI(model="m", api_key="sk-one", base_url="http://127.0.0.1:1/v1", top_p=0.5))
    here = of(ChatOpenAI(model="m", api_key="sk-one"))
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:3/v1")
    assert of(ChatOpenAI(model="m", api_key="sk-one")) != here


def test_names_and_windows():
    assert LangChainModel(Fake()).name == "langchain:Fake:fake-1"
    assert LangChainModel(Fake(), name="mine").name == "mine"
    assert LangChainModel("openai:gpt-4o-mini").name == "langchain:openai:gpt-4o-mini"
    assert LangChainModel("openai:gpt-4o-mini").window is None
    assert LangChainModel(Fake(profile={"max_input_tokens": 4096})).window == 4096
    assert LangChainModel(Fake()).window is None


@pytest.mark.parametrize("chat", ["", "openai", "openai:", ":gpt", 7, RunnableLambda(str)])
def test_what_is_no_model(chat):
    with pytest.raises(UsageError, match=r"PROVIDER:MODEL"):
        LangChainModel(chat)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("cohere:some-model", "pip install langchain-cohere"),
        ("nosuch:some-model", "Unable to infer model provider"),
        ("openai:some-model", "OPENAI_API_KEY"),
    ],
)
def test_models_that_cannot_be_set_up(spec, said, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UnavailableError, match=said):
        asyncio.run(LangChainModel(spec).prepare())


def test_without_langchain_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain.chat_models", None)
    with pytest.raises(MissingExtraError, match=r"convexplain\[langchain\]"):
        asyncio.run(LangChainModel("openai:m").prepare())
    monkeypatch.setitem(sys.modules, "langchain_core.language_models", None)
    with pytest.raises(MissingExtraError, match=r"convexplain\[langchain\]"):
        LangChainModel(Fake())


def test_a_model_that_was_not_prepared_says_so():
    (outcome,) = asyncio.run(LangChainModel("openai:m").chat([REQUEST]))
    assert "never prepared" in str(outcome)


def test_order_is_kept_and_slow_calls_overlap():
    open_now, most = 0, 0

    def slow(prompt, options):
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        time.sleep(0.05 if prompt.endswith("0") else 0.01)  # in a thread of LangChain's
        open_now -= 1
        return f"re: {prompt}"

    requests = [Request((Message("user", f"question {i}"),)) for i in range(8)]

    async def go():
        async with Calls(LangChainModel(Fake(answers=slow, asked=[]))) as calls:
            return [reply.text for reply in await asyncio.gather(*map(calls.ask, requests))]

    assert asyncio.run(go()) == [f"re: question {i}" for i in range(8)]
    assert most > 1


def test_a_model_without_async_calls_is_asked_in_a_thread():
    class Sync(Fake):
        async def _agenerate(self, messages, stop=None, run_manager=None, **options):
            raise NotImplementedError("async generation is not supported")

    (reply,) = ask(LangChainModel(Sync(asked=[])), REQUEST)
    assert reply.text == ANSWER


def test_callbacks_of_a_chain_around_the_caller_do_not_see_the_calls():
    class Counting(BaseCallbackHandler):
        def __init__(self):
            self.models = 0

        def on_chat_model_start(self, serialized, messages, **rest):
            self.models += 1

    around, own = Counting(), Counting()
    model = LangChainModel(Fake(asked=[], callbacks=[own]))

    async def step(text):
        return (await model.chat([REQUEST]))[0].text

    chain = RunnableLambda(step)
    assert asyncio.run(chain.ainvoke("x", {"callbacks": [around]})) == ANSWER
    assert around.models == 0
    assert own.models == 1


def test_draws_do_not_come_out_of_langchains_cache():
    def strict(prompt, options):
        return TypeError("unexpected keyword argument 'seed'") if "seed" in options else ANSWER

    chat = Fake(answers=strict, asked=[])
    set_llm_cache(InMemoryCache())
    try:
        ask(LangChainModel(chat), SAMPLE, SAMPLE, SAMPLE)
    finally:
        set_llm_cache(None)
    assert len(chat.asked) == 4  # the refusal, and three draws


def test_a_model_without_log_probabilities_is_sampled(talk):
    def answer(prompt, options):
        return '{"label": "no"}' if prompt.rsplit("\nassistant: ", 1)[-1].startswith("Bananas") else ANSWER

    good, bad = judge(talk, "helpfulness", LangChainModel(Fake(answers=answer, asked=[])))
    assert good.evidence.kind == bad.evidence.kind == "samples"
    assert (good.evidence.n, good.score, bad.score) == (5, 1.0, 0.0)


@pytest.fixture
def server(stub):
    """The stub, with answers as complete as langchain-openai wants them: with a role."""

    def answer(number):
        judged = stub.prompts[number - 1].rsplit("\nassistant: ", 1)[-1]
        body = completion(0.1 if "bad" in judged else 0.9)
        body["choices"][0]["message"]["role"] = "assistant"
        return 200, {}, json.dumps(body)

    stub.misbehave = answer
    return stub


def open_ai(url, **options):
    """As an application makes one; it keeps no connection open, which would outlive the event loop of its test."""
    client = httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0))
    return ChatOpenAI(
        model="stub", base_url=url, api_key="sk-test-secret", max_retries=0, http_async_client=client, **options
    )


@pytest.fixture
def chat(stub):
    return open_ai(stub.url)


BAD = [
    {"role": "user", "content": "Where is my parcel?"},
    {"role": "assistant", "content": "It arrives tomorrow."},
    {"role": "user", "content": "Can I change the address?"},
    {"role": "assistant", "content": "A bad answer."},
]


@pytest.mark.loopback
def test_judging_with_langchain_openai(server, chat):
    model = LangChainModel(chat)
    assert model.name == "langchain:ChatOpenAI:stub"
    good, bad = judge(BAD, "helpfulness", model)
    assert good.evidence.kind == bad.evidence.kind == "label_probability"
    assert (good.score, bad.score) == (pytest.approx(0.9), pytest.approx(0.1))
    assert len(server.prompts) == 2
    assert len(server.reasons) == 1  # of the bad one


@pytest.mark.loopback
def test_judging_with_langchain_openai_inside_an_event_loop(server, chat):
    async def go():
        awaited = await AsyncWorkspace("memory").judge(BAD, "helpfulness", LangChainModel(chat))
        return awaited, judge(BAD, "helpfulness", LangChainModel(chat))

    one, again = asyncio.run(go())
    assert [found.score for found in one] == pytest.approx([0.9, 0.1])
    assert [found.score for found in again] == pytest.approx([0.9, 0.1])


@pytest.mark.loopback
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # for the connection that the first event loop left behind
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_connection_of_an_earlier_event_loop_does_no_harm(server):
    chat = ChatOpenAI(model="stub", base_url=server.url, api_key="sk-test-secret", max_retries=0)
    model = LangChainModel(chat)
    assert ask(model, REQUEST)[0].labels is not None

    async def go():
        (outcome,) = await model.chat([REQUEST])
        await chat.root_async_client.close()
        return outcome

    assert asyncio.run(go()).labels is not None
    gc.collect()


@pytest.mark.loopback
def test_a_model_by_name_is_set_up_when_it_is_prepared(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-secret")
    monkeypatch.setenv("OPENAI_API_BASE", server.url)
    model = LangChainModel("openai:gpt-4o-mini")
    answer = server.misbehave
    server.misbehave = lambda number: (503, {}, "{}") if number == 1 else answer(number)

    async def go():
        await model.prepare()
        outcomes = [(await model.chat([REQUEST]))[0] for _ in range(2)]
        await model._chat.root_async_client.close()
        return outcomes

    failed, reply = asyncio.run(go())
    assert type(failed) is TransientError  # and langchain-openai did not try again by itself
    assert reply.labels is not None
    assert len(server.prompts) == 2
    assert model.window == 128_000
    assert model.fingerprint.startswith("langchain#")


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ((429, {"Retry-After": "9"}, '{"error": {"message": "slow down"}}'), TransientError),
        ((401, {}, '{"error": {"message": "no such key: sk-test-secret"}}'), UnavailableError),
        ((404, {}, '{"error": {"message": "no such model"}}'), UnavailableError),
        (
            (400, {}, '{"error": {"message": "maximum context length is 8 tokens"}}'),
            TooLongError,
        ),
        ((200, {}, "<html>hello</html>"), ModelError),
        ("close", TransientError),
    ],
)
def test_errors_of_langchain_openai(stub, chat, wrong, kind):
    stub.misbehave = lambda number: wrong
    (outcome,) = ask(LangChainModel(chat), REQUEST)
    assert isinstance(outcome, kind)
    assert isinstance(outcome, (TransientError, UnavailableError, TooLongError)) is (kind is not ModelError)
    assert "sk-test-secret" not in str(outcome) + outcome.raw
    if "slow down" in str(wrong):
        assert outcome.retry_after == 9.0


@pytest.mark.loopback
def test_a_time_out_of_langchain_openai(stub):
    stub.seconds = 1.0
    (outcome,) = ask(LangChainModel(open_ai(stub.url, timeout=0.1)), REQUEST)
    assert type(outcome) is TransientError
    assert outcome.timed_out
