"""Anthropic's models through the real `langchain-anthropic`, against a mock of the Messages API's rules."""

import json

import httpx
import pytest
from langchain_anthropic import ChatAnthropic

from convexplain import Conversation, Turn, judge
from convexplain.connectors.models import LangChainModel

from .servers import label_of


class Anthropic:
    """Anthropic's Messages API: no log-probabilities, no seed; thoughts are blocks of the content and count as output.

    Source: Anthropic's pages "Extended thinking" (`budget_tokens` is less than `max_tokens`; with thinking the
    temperature is 1), "Adaptive thinking" and the migration guide to Claude Opus 4.7 (temperature, top_p and top_k are
    HTTP 400; `max_tokens` covers thoughts and answer); the bodies of errors are those of its page "Errors".

    Args:
        thinking: how many tokens the model thinks.
        sampling: whether it takes a temperature.
        problems: responses to send before the answers: (status, type, message).
    """

    def __init__(self, thinking=0, *, sampling=True, problems=()):
        self.thinking, self.sampling, self.problems = thinking, sampling, list(problems)
        self.bodies = []

    def __call__(self, request):
        body = json.loads(request.content)
        self.bodies.append(body)
        if self.problems:
            return self._error(*self.problems.pop(0))
        budget = body.get("thinking", {}).get("budget_tokens", 0)
        if "temperature" in body and not self.sampling:
            return self._error(400, "invalid_request_error", "`temperature` is deprecated for this model.")
        if budget and body.get("temperature", 1) != 1:
            words = "`temperature` may only be set to 1 when thinking is enabled."
            return self._error(400, "invalid_request_error", words)
        if budget >= body["max_tokens"]:
            words = "`max_tokens` must be greater than `thinking.budget_tokens`."
            return self._error(400, "invalid_request_error", words)
        limit, thoughts = body["max_tokens"], budget // 2 or self.thinking
        content = [{"type": "thinking", "thinking": 'It may be {"label": "no"}.', "signature": "s"}] if thoughts else []
        if limit >= thoughts + 3:
            content.append({"type": "text", "text": json.dumps({"label": label_of(body)})})
        reply = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": content,
            "stop_reason": "end_turn" if limit >= thoughts + 3 else "max_tokens",
            "stop_sequence": None,
            "usage": {"input_tokens": 100, "output_tokens": min(limit, thoughts + 3)},
        }
        return httpx.Response(200, json=reply)

    def _error(self, status, kind, message):
        return httpx.Response(status, json={"type": "error", "error": {"type": kind, "message": message}})


@pytest.fixture
def connect(monkeypatch):
    """Return a function from a mock and fields of the chat model to a model of ours that asks the mock."""

    def model(server, **fields):
        def client(**_):
            return httpx.AsyncClient(transport=httpx.MockTransport(server), base_url="https://api.anthropic.com")

        monkeypatch.setattr("langchain_anthropic.chat_models._get_default_async_httpx_client", client)
        return LangChainModel(ChatAnthropic(model="claude-x", api_key="sk-ant-sekret", max_retries=0, **fields))

    return model


def conversation():
    turns = []
    for reply in ("fine", "bad", "fine too", "a bad one"):
        turns += [Turn("user", "And?"), Turn("assistant", reply)]
    return Conversation("c", tuple(turns))


@pytest.mark.parametrize(
    ("server", "fields", "last"),
    [
        (Anthropic(), {}, {"max_tokens": 24, "temperature": 1.0}),
        (Anthropic(sampling=False), {}, {"max_tokens": 24}),  # Claude Opus 4.7 and later
        (Anthropic(300, sampling=False), {}, {"max_tokens": 24 + 2048}),  # adaptive thinking
        (
            Anthropic(),
            {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4096},
            {"max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 1024}},
        ),
    ],
)
def test_every_turn_is_scored(server, fields, last, connect, helpfulness):
    judgements = judge(conversation(), helpfulness, connect(server, **fields), turns="all", reasons="none")
    assert [(j.score, j.label, j.evidence.kind) for j in judgements] == [
        (1.0, "yes", "samples"),
        (0.0, "no", "samples"),
        (1.0, "yes", "samples"),
        (0.0, "no", "samples"),
    ]
    names = ("max_tokens", "temperature", "thinking", "seed", "logprobs")
    assert {name: value for name, value in server.bodies[-1].items() if name in names} == last


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ((400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."), "paid for"),
        ((402, "billing_error", "There is an issue with your billing or payment information."), "paid for"),
        ((401, "authentication_error", "invalid x-api-key"), "key is taken where"),
        ((404, "not_found_error", "model: claude-x"), "is the model's name right"),
    ],
)
def test_what_ends_a_run_says_why(problem, words, connect, helpfulness):
    from convexplain.errors import UnavailableError

    with pytest.raises(UnavailableError, match=words) as caught:
        judge(conversation(), helpfulness, connect(Anthropic(problems=[problem] * 9)), turns="last")
    assert "sekret" not in str(caught.value)


def test_an_overloaded_server_is_asked_again(connect, helpfulness):
    server = Anthropic(problems=[(529, "overloaded_error", "Overloaded"), (429, "rate_limit_error", "per minute")])
    (judgement,) = judge(conversation(), helpfulness, connect(server), turns="last")
    assert judgement.label == "no"
