"""The question before the first request: what it learns of each kind of endpoint, and that it is asked once."""

import asyncio
import threading

import httpx2
import pytest

from convexplain import Conversation, Turn, judge
from convexplain.connectors.models import OpenAICompatible, ProviderModel
from convexplain.connectors.models.endpoint_memory import forget, remember, remembered
from convexplain.connectors.models.endpoint_rules import EndpointRules
from convexplain.connectors.models.providers import PROVIDERS
from convexplain.errors import TransientError, UnavailableError
from convexplain.models.calls import Calls
from convexplain.models.chat import Message, Request

from .servers import VLLM, Azure, Groq, LlamaCpp, MockServer, Ollama, OllamaThink, OpenAI5, OpenAI41, OpenRouter, error

pytestmark = pytest.mark.usefixtures("probing")

BASE = "http://127.0.0.1:9/v1"
REQUEST = Request(
    (Message("user", "Is it bad?\nassistant: fine"),), labels=("yes", "no"), opening='{"label": "', max_tokens=24
)


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    for provider in PROVIDERS.values():
        if provider.key:
            monkeypatch.setenv(provider.key, "sk-sekret")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OLLAMA_HOST", raising=False)


def opened(server, provider="", options=""):
    if provider:
        return ProviderModel(PROVIDERS[provider], f"m{'?' if options else ''}{options}", server.transport)
    return OpenAICompatible(f"{BASE}?model=m{'&' if options else ''}{options}", server.transport)


def asked(model, *requests):
    async def go():
        async with Calls(model, patience=0) as calls:
            replies = [await calls.ask(request) for request in requests or [REQUEST]]
        await model.aclose()
        return replies

    return asyncio.run(go())


BUDGET = {"thinking_tokens": 2048, "thinks": True}


def rules(**fields):
    return EndpointRules(**{"alternatives": 2, **fields})


@pytest.mark.parametrize(
    ("server", "provider", "learnt"),
    [
        (MockServer, "", rules()),
        (OpenAI41, "openai", rules(limit="max_completion_tokens")),
        (OpenAI41, "", rules()),
        (
            OpenAI5,
            "openai",
            rules(
                limit="max_completion_tokens",
                temperature=False,
                top_logprobs=0,
                switch="reasoning_effort=minimal",
                thinks=True,
                alternatives=0,
            ),
        ),
        (
            OpenAI5,
            "",
            rules(
                limit="max_completion_tokens",
                limit_decided=True,
                temperature=False,
                top_logprobs=0,
                switch="reasoning_effort=minimal",
                thinks=True,
                alternatives=0,
            ),
        ),
        (  # GPT-5.1 with an effort by itself, as a proxy may set it: without thoughts it takes everything
            lambda: OpenAI5(("none", "low", "medium", "high")),
            "openai",
            rules(limit="max_completion_tokens", switch="reasoning_effort=none", thinks=True),
        ),
        (  # GPT-5.1 by itself
            lambda: OpenAI5(("none", "low", "medium", "high"), "none"),
            "openai",
            rules(limit="max_completion_tokens"),
        ),
        (  # o3 and its like: nothing stops it
            lambda: OpenAI5(("low", "medium", "high")),
            "openai",
            rules(
                limit="max_completion_tokens",
                temperature=False,
                top_logprobs=0,
                switch="reasoning_effort=low",
                alternatives=0,
                **BUDGET,
            ),
        ),
        (VLLM, "", rules(switch="chat_template_kwargs", thinks=True)),
        (lambda: VLLM("reasoning_content"), "", rules(switch="chat_template_kwargs", thinks=True)),
        (lambda: VLLM(""), "", rules(switch="chat_template_kwargs", thinks=True)),
        (lambda: VLLM("", opened=True), "", rules(switch="chat_template_kwargs", thinks=True)),
        (lambda: VLLM(obeys=False), "", rules(switch="reasoning_effort=low", **BUDGET)),
        (lambda: VLLM("", obeys=False, opened=True), "", rules(switch="reasoning_effort=low", **BUDGET)),
        (LlamaCpp, "", rules(switch="chat_template_kwargs", thinks=True)),
        (lambda: LlamaCpp(obeys=False), "", rules(switch="reasoning_effort=low", schema=False, **BUDGET)),
        (Ollama, "ollama", rules(switch="reasoning_effort=none", thinks=True)),
        (Ollama, "", rules(switch="reasoning_effort=none", thinks=True)),
        (OllamaThink, "ollama", rules(switch="think=false", thinks=True)),
        (
            Groq,
            "groq",
            rules(top_logprobs=0, schema=False, switch="reasoning_effort=none", thinks=True, alternatives=0),
        ),
        (
            lambda: Groq(("low", "medium", "high"), parsed=True),
            "groq",
            rules(top_logprobs=0, schema=False, switch="reasoning_effort=low", alternatives=0, **BUDGET),
        ),
        (OpenRouter, "openrouter", rules(switch="reasoning.enabled=false", thinks=True, alternatives=0)),
        (Azure, "azure", rules(limit="max_completion_tokens")),
    ],
)
def test_what_is_learnt_of_each_endpoint(server, provider, learnt):
    server = server()
    model = opened(server, provider)
    (reply,) = asked(model)
    assert model._endpoint.rules == learnt
    assert reply.text == '{"label": "yes"}'
    assert (reply.labels is not None) == bool(learnt.alternatives)
    assert len(server.requests) == 1  # all that is refused, the question has met already
    assert remembered(model._base, "m") == learnt


def conversation():
    turns = []
    for reply in ("fine", "bad", "fine too", "a bad one"):
        turns += [Turn("user", "And?"), Turn("assistant", reply)]
    return Conversation("c", tuple(turns))


@pytest.mark.parametrize(
    ("server", "provider", "kind"),
    [
        (OpenAI41, "openai", "label_probability"),
        (OpenAI5, "openai", "samples"),
        (lambda: OpenAI5(("none", "low"), "low"), "openai", "label_probability"),
        (lambda: OpenAI5(("low", "medium")), "openai", "samples"),
        (Azure, "azure", "label_probability"),
        (VLLM, "", "label_probability"),
        (lambda: VLLM(obeys=False), "", "label_probability"),
        (lambda: VLLM("", obeys=False), "", "label_probability"),
        (lambda: VLLM("", obeys=False, opened=True), "", "label_probability"),
        (LlamaCpp, "", "label_probability"),
        (lambda: LlamaCpp(obeys=False), "", "label_probability"),
        (Ollama, "ollama", "label_probability"),
        (Groq, "groq", "samples"),
        (lambda: Groq(("low", "medium"), parsed=True), "groq", "samples"),
        (OpenRouter, "openrouter", "samples"),
    ],
)
def test_every_turn_is_scored_on_each_endpoint(server, provider, kind, helpfulness):
    judgements = judge(conversation(), helpfulness, opened(server(), provider), turns="all")
    assert [(j.label, j.evidence.kind) for j in judgements] == [(label, kind) for label in ("yes", "no", "yes", "no")]
    sure = 0.8 if kind == "label_probability" else 1.0
    assert [round(j.score, 6) for j in judgements] == [sure, round(1 - sure, 6), sure, round(1 - sure, 6)]


def test_a_turn_that_azures_filter_refuses_is_named_and_the_others_are_scored(helpfulness):
    turns = [Turn("user", "And?"), Turn("assistant", "fine"), Turn("user", "poison?"), Turn("assistant", "bad")]
    server = Azure()
    first, second = judge(Conversation("c", tuple(turns)), helpfulness, opened(server, "azure"), turns="all")
    assert (first.label, second.score) == ("yes", None)
    assert "filter" in second.reason
    assert len(server.requests) == 2  # the filtered one is not asked for less


def test_errors_inside_success_are_retried_like_any_others(helpfulness):
    server = OpenRouter([(502, "Provider returned error", True), (429, "Rate limit exceeded", False)])
    judgements = judge(conversation(), helpfulness, opened(server, "openrouter"), turns="all")
    assert [judgement.label for judgement in judgements] == ["yes", "no", "yes", "no"]
    assert server.errors == []


def test_an_account_without_credit_ends_the_run_inside_success_too(helpfulness):
    server = OpenRouter([(402, "Insufficient credits", False)] * 99)
    with pytest.raises(UnavailableError, match=r"Insufficient credits \(it has to be paid for"):
        judge(conversation(), helpfulness, opened(server, "openrouter"), turns="all")


@pytest.mark.parametrize(("effort", "thinks"), [("high", True), ("minimal", False)])
def test_the_effort_that_a_user_asks_for_is_kept(effort, thinks):
    server = OpenAI5()
    model = opened(server, "openai", f"reasoning_effort={effort}")
    asked(model)
    assert {body["reasoning_effort"] for body in server.bodies} == {effort}
    assert model._endpoint.rules.thinking_tokens == (2048 if thinks else 0)
    assert remembered(model._base, "m") is None
    assert remembered(model._base, "m", effort) == model._endpoint.rules


def test_requests_that_come_together_wait_for_one_question():
    server = VLLM()
    requests = [Request((Message("user", f"{i}"),), labels=("yes", "no"), opening='{"label": "') for i in range(8)]

    async def go():
        model = opened(server)
        return await asyncio.gather(*(model.chat([request]) for request in requests))

    asyncio.run(go())
    assert (len(server.questions), len(server.requests)) == (3, 8)  # the question, the first switch, the same freely


def test_threads_with_their_own_event_loops_can_learn_at_once():
    server = MockServer()
    model = opened(server)
    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.extend(asyncio.run(model.chat([REQUEST])))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [outcome.text for outcome in outcomes] == ['{"label": "yes"}'] * 4


def test_a_remembered_endpoint_is_not_asked_again():
    asked(opened(VLLM()))
    server = VLLM()
    asked(opened(server))
    assert (len(server.questions), len(server.requests)) == (0, 1)
    assert "chat_template_kwargs" in server.requests[0]


def test_prepare_asks_nothing():
    server = MockServer()
    asyncio.run(opened(server).prepare())
    assert server.bodies == []


def test_a_server_that_takes_less_than_it_did_is_asked_again_the_next_time():
    remember(BASE, "m", EndpointRules())
    server = Groq()
    model = opened(server)
    asked(model)
    assert (model._endpoint.rules.top_logprobs, model._endpoint.rules.schema) == (0, True)
    assert remembered(BASE, "m") is None


def test_a_model_that_begins_to_think_gets_room_for_it():
    remember(BASE, "m", EndpointRules(alternatives=2))
    server = VLLM()
    model = opened(server)
    (reply,) = asked(model)
    assert reply.text == '{"label": "yes"}'
    assert [body["max_tokens"] for body in server.requests] == [24, 2072]
    assert remembered(BASE, "m") is None


def test_all_requests_under_way_get_room_when_a_model_begins_to_think():
    remember(BASE, "m", EndpointRules(alternatives=2))
    server = VLLM()
    requests = [Request((Message("user", f"{i}"),), labels=("yes", "no"), opening='{"label": "') for i in range(4)]

    async def go():
        model = opened(server)
        return await asyncio.gather(*(model.chat([request]) for request in requests))

    assert [reply.text for (reply,) in asyncio.run(go())] == ['{"label": "yes"}'] * 4


def test_a_long_reply_without_a_label_is_not_taken_for_thoughts():
    class Chatty(MockServer):
        def message(self, thoughts, answer):
            return {"content": "Well, that is a long story, "}

        def answer(self, body):
            response = super().answer(body).json()
            response["choices"][0]["finish_reason"] = "length"
            return httpx2.Response(200, json=response)

    server = Chatty()
    model = opened(server)
    asked(model)
    assert model._endpoint.rules == EndpointRules(alternatives=0)
    assert [body["max_tokens"] for body in server.bodies] == [24, 24, 2072, 24]


def test_a_failed_question_is_asked_again_with_the_next_request():
    class Flaky(MockServer):
        def refusal(self, body):
            return httpx2.Response(503, text="starting") if len(self.bodies) == 1 else None

    server = Flaky()

    async def go():
        model = opened(server)
        return [(await model.chat([REQUEST]))[0] for _ in range(2)]

    first, second = asyncio.run(go())
    assert isinstance(first, TransientError)
    assert second.text == '{"label": "yes"}'
    assert (len(server.questions), len(server.requests)) == (3, 1)


def test_a_question_that_is_refused_in_every_form_leaves_the_requests_to_say_why():
    class Refusing(MockServer):
        def refusal(self, body):
            return error(400, "unknown field 'messages'")

    server = Refusing()
    model = opened(server)
    (outcome,) = asyncio.run(model.chat([REQUEST]))
    assert "HTTP 400: unknown field 'messages'" in str(outcome)
    assert remembered(BASE, "m") is None


def test_a_key_that_is_refused_stops_at_the_question():
    class Refusing(MockServer):
        def refusal(self, body):
            return error(401, "bad key")

    server = Refusing()
    (outcome,) = asyncio.run(opened(server).chat([REQUEST]))
    assert isinstance(outcome, UnavailableError)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("server", "outdated"),
    [
        (OpenAI41, EndpointRules(switch="reasoning_effort=none", thinks=True)),  # the field is refused now
        (OpenAI5, EndpointRules(limit_decided=True, top_logprobs=0)),  # the token limit has another name now
    ],
)
def test_remembered_rules_that_are_refused_in_every_form_are_learnt_again(server, outdated):
    remember(BASE, "m", outdated)
    server = server()
    model = opened(server)
    requests = [Request((Message("user", f"{i}"),), labels=("yes", "no"), opening='{"label": "') for i in range(4)]
    replies = asked(model, REQUEST, *requests)
    assert [reply.text for reply in replies] == ['{"label": "yes"}'] * 5
    learnt = remembered(BASE, "m")
    forget(BASE, "m")
    asked(fresh := opened(type(server)()))
    assert learnt == fresh._endpoint.rules != outdated


def test_requests_that_come_together_learn_outdated_rules_again_once():
    remember(BASE, "m", EndpointRules(switch="reasoning_effort=none", thinks=True))
    server = OpenAI41()
    requests = [Request((Message("user", f"{i}"),), labels=("yes", "no"), opening='{"label": "') for i in range(4)]

    async def go():
        model = opened(server)
        return await asyncio.gather(*(model.chat([request]) for request in requests))

    assert [reply.text for (reply,) in asyncio.run(go())] == ['{"label": "yes"}'] * 4
    assert len(server.questions) == 2  # with a JSON Schema and without


def test_one_prompt_that_is_refused_does_not_make_the_endpoint_be_learnt_again_and_again():
    class Picky(MockServer):
        def refusal(self, body):
            return error(400, "no") if "evil" in body["messages"][0]["content"] else None

    remember(BASE, "m", EndpointRules(alternatives=2))
    server = Picky()
    evil = [Request((Message("user", f"evil {i}"),), labels=("yes", "no"), opening='{"label": "') for i in range(3)]

    async def go():
        model = opened(server)
        return [(await model.chat([request]))[0] for request in (*evil, REQUEST)]

    *refused, answered = asyncio.run(go())
    assert [str(error).partition(": ")[2] for error in refused] == ["HTTP 400: no"] * 3
    assert answered.text == '{"label": "yes"}'
    assert len(server.questions) == 2  # the question, with a JSON Schema and without


def test_a_switch_at_which_the_server_fails_each_time_is_dropped():
    class Failing(VLLM):
        def refusal(self, body):
            return httpx2.Response(500, text="template") if "chat_template_kwargs" in body else None

    model = opened(Failing())
    (reply,) = asked(model)
    assert reply.text == '{"label": "yes"}'
    assert model._endpoint.rules == rules(switch="reasoning_effort=low", **BUDGET)


def test_a_switch_at_which_the_server_fails_once_is_taken():
    class Flaky(VLLM):
        failures = 1

        def refusal(self, body):
            if "chat_template_kwargs" in body and self.failures:
                self.failures -= 1
                return httpx2.Response(500, text="busy")
            return None

    model = opened(Flaky())
    asked(model)
    assert model._endpoint.rules == rules(switch="chat_template_kwargs", thinks=True)


def test_a_switch_counts_where_a_model_that_no_longer_thinks_talks_without_a_schema():
    class Chatty(LlamaCpp):
        def answer(self, body):
            if self.thinks(body) or "response_format" in body:
                return super().answer(body)
            choice = {"message": {"content": "Well, that is a long story, "}, "finish_reason": "length"}
            return httpx2.Response(200, json={"model": body["model"], "choices": [choice]})

    model = opened(Chatty())
    asked(model)
    assert model._endpoint.rules == rules(switch="chat_template_kwargs", thinks=True)


def test_a_window_without_room_for_thoughts_ends_no_question():
    class Small(MockServer):
        def refusal(self, body):
            if "temperature" in body:
                return error(400, "temperature is not supported")
            return error(400, "maximum context length is 1024 tokens") if body["max_tokens"] > 1000 else None

        def message(self, thoughts, answer):
            return {"content": "Well, that is a long story, "}

        def answer(self, body):
            response = super().answer(body).json()
            response["choices"][0]["finish_reason"] = "length"
            return httpx2.Response(200, json=response)

    model = opened(Small())
    asked(model)
    assert remembered(BASE, "m") == rules(temperature=False, alternatives=0)


def test_a_label_in_thoughts_that_used_up_their_tokens_is_no_score(helpfulness):
    class Deep(VLLM):
        def answer(self, body):
            if body in self.questions:
                return super().answer(body)
            choice = {"message": {"content": 'So, the label is "no", because'}, "finish_reason": "length"}
            usage = {"completion_tokens": 2072}
            return httpx2.Response(200, json={"model": body["model"], "choices": [choice], "usage": usage})

    judgements = judge(conversation(), helpfulness, opened(Deep("", obeys=False, opened=True)), turns="all")
    reason = "the judge was still thinking when its reply was cut after 2,072 tokens"
    assert [(judgement.score, judgement.reason) for judgement in judgements] == [(None, reason)] * 4
