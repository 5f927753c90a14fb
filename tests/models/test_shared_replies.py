"""Askers that share a cache: what one asks, the others wait for."""

import asyncio
import time

import pytest

from convexplain.connectors.models import ScriptedModel
from convexplain.errors import ModelError, StoreError
from convexplain.models import shared_replies
from convexplain.models.calls import Calls
from convexplain.models.chat import Message, Reply, ReplyRecord, Request
from convexplain.store import RunStore


def ask(text):
    return Request((Message("user", text),))


@pytest.fixture
def cache():
    opened = RunStore("sqlite://")
    yield opened
    opened.close()


def both(first, second, cache, texts):
    """Two askers ask the same at once; returns their outcomes and spends."""

    async def go():
        async with Calls(first, cache) as one, Calls(second, cache) as two:
            asked = [calls.ask(ask(text)) for text in texts for calls in (one, two)]
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            return outcomes, one.spend, two.spend

    return asyncio.run(go())


def test_what_one_asks_the_other_waits_for(cache):
    models = [ScriptedModel(lambda request: request.messages[0].content.upper(), seconds=0.02) for _ in range(2)]
    outcomes, one, two = both(*models, cache, "abcdef")
    assert [reply.text for reply in outcomes] == list("AABBCCDDEEFF")
    assert len(models[0].requests) + len(models[1].requests) == 6
    assert (one.calls + two.calls, one.cached + two.cached) == (6, 6)


def test_what_one_fails_at_the_other_asks(cache):
    failing, working = ScriptedModel(ModelError("bad"), seconds=0.01), ScriptedModel("fine")
    (error, reply), *_ = both(failing, working, cache, "a")
    assert (str(error), reply.text) == ("bad", "fine")


def test_who_goes_away_leaves_its_requests_to_the_others(cache):
    working = ScriptedModel("fine")

    async def go():
        asked = asyncio.Event()

        class Hanging(ScriptedModel):
            async def chat(self, requests):
                asked.set()
                return await super().chat(requests)

        async with Calls(working, cache) as two:
            async with Calls(Hanging("never", seconds=60), cache) as one:
                asking = asyncio.create_task(one.ask(ask("a")))
                await asked.wait()
                waiting = asyncio.create_task(two.ask(ask("a")))
                await asyncio.sleep(0.02)
                assert not waiting.done()
                asking.cancel()
            return await waiting

    assert asyncio.run(go()).text == "fine"


def test_leases_are_renewed_while_a_call_is_under_way(cache, monkeypatch):
    monkeypatch.setattr(shared_replies, "_RENEWAL_SECONDS", 0.01)
    renewed = []
    monkeypatch.setattr(cache, "renew", lambda keys, holder: renewed.append(list(keys)))
    request = ask("a")

    async def go():
        async with Calls(ScriptedModel("x", seconds=0.1), cache) as calls:
            await calls.ask(request)

    asyncio.run(go())
    assert len(renewed) >= 2
    assert renewed[0] == [request.key("scripted")]


def test_replies_are_stored_together_and_all_at_the_end(cache, monkeypatch):
    """Of 100 at once the first 64 together; of three one after the other those that are there after 50 ms."""
    sizes = []
    keep = cache.keep_replies
    monkeypatch.setattr(cache, "keep_replies", lambda records: (sizes.append(len(records)), keep(records)))
    model = ScriptedModel("x", in_flight=100)

    async def go():
        async with Calls(model, cache) as calls:
            await asyncio.gather(*(calls.ask(ask(str(i))) for i in range(100)))
            assert sizes == [64]
            await asyncio.sleep(0.1)
            assert sizes == [64, 36]
            assert (await calls.ask(ask("last"))).text == "x"
            assert calls.is_cached(ask("last"))  # before it is written
            assert (await calls.ask(ask("last"))).text == "x"
            assert sizes == [64, 36]
        assert sizes == [64, 36, 1]
        assert cache.get(ask("last").key("scripted")) == Reply("x", logprobs=True, prompt_tokens=1, completion_tokens=1)
        assert cache.claim([ask("99").key("scripted")], "other") != {}

    asyncio.run(go())
    assert len(model.requests) == 101


def test_calls_that_nobody_closes_store_each_reply_at_once(cache):
    calls = Calls(ScriptedModel("x"), cache)
    for text in "ab":  # each in an event loop of its own, as the blocking functions of the library do
        assert asyncio.run(calls.ask(ask(text))).text == "x"
        assert cache.get(ask(text).key("scripted")) is not None
    assert asyncio.run(calls.ask(ask("a"))).text == "x"
    assert (calls.spend.calls, calls.spend.cached) == (2, 1)


def test_a_store_that_cannot_be_written_ends_what_asks(cache, monkeypatch):
    def full(records):
        raise StoreError("disk is full")

    monkeypatch.setattr(cache, "keep_replies", full)

    async def go(at_once):
        async with Calls(ScriptedModel("x"), cache) as calls:
            await calls.ask(ask(f"a {at_once}"))  # what was not written stays leased for 30 s
            if not at_once:
                await asyncio.sleep(0.1)
                await calls.ask(ask("b"))

    for at_once in (True, False):
        with pytest.raises(StoreError, match="disk is full"):
            asyncio.run(go(at_once))


def test_one_that_cannot_be_read_too(cache, monkeypatch):
    def gone(keys, holder):
        raise StoreError("the server is gone")

    monkeypatch.setattr(cache, "claim", gone)

    async def go():
        async with Calls(ScriptedModel("x"), cache) as calls:
            await calls.ask(ask("a"))

    with pytest.raises(StoreError, match="the server is gone"):
        asyncio.run(go())


def test_a_released_request_can_be_claimed_again_before_that_is_written(cache):
    async def go():
        replies = shared_replies.SharedReplies(cache, lambda: False)
        replies.batched = True
        assert await replies.claim("a") is None
        replies.release("a")
        assert await replies.claim("a") is None
        replies.keep(ReplyRecord("a", "m", Reply("x")))
        replies.release("a")
        assert (await replies.claim("a")).text == "x"
        replies.close()

    asyncio.run(go())
    assert cache.get("a") == Reply("x")


def test_what_was_interrupted_twice_leaves_no_lease(cache):
    """The second interrupt comes while the first one is cleaned up after; the next asker waits for nobody."""

    def interrupt(request):
        raise KeyboardInterrupt

    async def go(model):
        async with Calls(model, cache) as calls:
            return await asyncio.gather(*(calls.ask(ask(str(i))) for i in range(4)))

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(go(ScriptedModel(interrupt)))
    began = time.monotonic()
    assert [reply.text for reply in asyncio.run(go(ScriptedModel("fine")))] == ["fine"] * 4
    assert time.monotonic() - began < 20  # a lease that is left holds half a minute


def test_a_request_that_is_given_up_before_its_look_up_is_not_leased(cache):
    async def go():
        replies = shared_replies.SharedReplies(cache, lambda: True)
        claim = asyncio.create_task(replies.claim("a"))
        await asyncio.sleep(0)
        claim.cancel()
        replies.look_up()
        assert cache.claim(["a"], "another") == {"a": None}
        replies.close()

    asyncio.run(go())
