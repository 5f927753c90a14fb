"""Against a real llama.cpp server with a real model (135M), started here on the loopback interface."""

import asyncio
import math

import pytest

from convexplain import Turn, judge
from convexplain.connectors.models import OpenAICompatible
from convexplain.judges.check import check_model
from convexplain.models import Message, Request

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]


@pytest.fixture(scope="module")
def server(weights):
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = 4096
    params.n_parallel = 1
    params.cache_ram_mib = 0
    params.warmup = False
    running = xllamacpp.Server(params)
    yield running.listening_address + "/v1"
    del running  # ends the server


def with_model(url, work):
    async def go():
        model = OpenAICompatible(url)
        try:
            await model.prepare()
            return await work(model)
        finally:
            await model.aclose()

    return asyncio.run(go())


def test_the_model_is_found_and_its_window_known(server):
    async def work(model):
        return model.name, model.window

    name, window = with_model(server, work)
    assert name.startswith(server + "?model=")
    assert window == 4096


def test_label_probabilities_are_those_of_the_first_token_of_the_label(server):
    request = Request(
        (Message("user", 'Is fire hot? Answer with JSON only: {"label": "yes"} or {"label": "no"}'),),
        labels=("yes", "no"),
        opening='{"label": "',
        schema={"type": "object", "properties": {"label": {"enum": ["yes", "no"]}}, "required": ["label"]},
    )

    async def work(model):
        return (await model.chat([request]))[0]

    reply = with_model(server, work)
    assert reply.text.replace(" ", "").startswith('{"label":"')
    assert reply.labels.alternatives == 20
    assert set(reply.labels.logprobs) == {"yes", "no"}
    assert 0.5 < sum(math.exp(p) for p in reply.labels.logprobs.values()) <= 1 + 1e-6
    assert reply.prompt_tokens > 20


def test_samples_differ_by_their_draw_and_are_the_same_for_the_same_draw(server):
    def draw(i):
        return Request(
            (Message("user", "Name an animal, and why you like it."),), max_tokens=24, temperature=1.0, draw=i
        )

    async def work(model):
        return [(await model.chat([draw(i)]))[0].text for i in (1, 2, 3, 1)]

    one, two, three, again = with_model(server, work)
    assert len({one, two, three}) > 1
    assert one == again


def test_a_prompt_beyond_the_window_is_told_from_other_failures(server):
    turns = [
        Turn("user", "word " * 6000),
        Turn("assistant", "Fine."),
        Turn("user", "Really?"),
        Turn("assistant", "Yes."),
    ]
    first, last = judge(turns, "helpfulness", server)
    assert (first.score is None) == (first.evidence.left_out < 1)
    assert last.evidence.left_out >= 1


def test_models_check(server):
    result = asyncio.run(check_model(OpenAICompatible(server)))
    assert result.logprobs
    assert result.alternatives == 20
    assert result.prompt_rate > 0
    assert result.cached > 0.5
    assert dict(result.rows())["log-probabilities"] == "yes, of the top 20"
