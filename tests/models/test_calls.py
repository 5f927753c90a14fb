import asyncio
from dataclasses import replace

import pytest

from convexplain.connectors.models import ScriptedModel
from convexplain.errors import (
    FaultyReplyError,
    FilteredError,
    ModelError,
    TooLongError,
    TransientError,
    UnavailableError,
    UsageError,
)
from convexplain.models.calls import Calls, Limit
from convexplain.models.chat import MemoryCache, Message, Reply, Request


def ask(text, **fields):
    return Request((Message("user", text),), **fields)


def run(model, requests, **options):
    async def go():
        async with Calls(model, **options) as calls:
            outcomes = await asyncio.gather(*map(calls.ask, requests), return_exceptions=True)
            return outcomes, calls.spend

    return asyncio.run(go())


class Hanging(ScriptedModel):
    timeout = 0.01

    async def chat(self, requests):
        self.requests.extend(requests)
        await asyncio.sleep(60)


def flaky(failures, error):
    """Fails that many times, then answers."""
    left = [failures]

    def answer(request):
        if left[0]:
            left[0] -= 1
            return error
        return "fine"

    return answer


def test_order_is_kept_and_every_call_counted():
    model = ScriptedModel(lambda request: request.messages[0].content.upper())
    replies, spend = run(model, [ask("a b"), ask("c"), ask("d")])
    assert [reply.text for reply in replies] == ["A B", "C", "D"]
    assert (spend.calls, spend.cached, spend.prompt_tokens, spend.completion_tokens) == (3, 0, 4, 3)


def test_the_same_request_is_asked_once_at_a_time_and_then_taken_from_the_cache():
    model, cache = ScriptedModel("x", seconds=0.01), MemoryCache()
    _, spend = run(model, [ask("a"), ask("a"), ask("a")], cache=cache)
    assert (len(model.requests), spend.calls) == (1, 1)
    _, spend = run(model, [ask("a")], cache=cache)
    assert (len(model.requests), spend.calls, spend.cached) == (1, 0, 1)


@pytest.mark.parametrize(
    "other",
    [
        ask("a", draw=1),
        ask("a", temperature=1.0),
        ask("a", labels=("yes", "no")),
        ask("a", max_tokens=17),
        ask("a", opening="{"),
        ask("a", schema={"type": "object"}),
        ask("b"),
    ],
)
def test_everything_that_decides_the_reply_is_in_the_key(other):
    assert ask("a").key("m") != other.key("m")
    assert ask("a").key("m") != ask("a").key("n")
    assert ask("a").key("m") == ask("a").key("m")


def test_batches_are_filled_and_bounded():
    sizes = []

    class Batched(ScriptedModel):
        async def chat(self, requests):
            sizes.append(len(requests))
            return await super().chat(requests)

    model = Batched("x", batch=4, in_flight=1)
    run(model, [ask(str(i)) for i in range(10)])
    assert sizes == [4, 4, 2]
    assert model.most_open == 1


def test_no_more_calls_are_open_than_allowed():
    model = ScriptedModel("x", seconds=0.005, in_flight=3)
    run(model, [ask(str(i)) for i in range(12)])
    assert model.most_open == 3


def test_transient_failures_are_asked_again():
    model = ScriptedModel(flaky(2, TransientError("busy", retry_after=0)))
    (reply,), spend = run(model, [ask("a")])
    assert reply.text == "fine"
    assert (spend.calls, spend.retries, spend.failures) == (1, 2, 0)


def test_other_failures_are_not():
    model = ScriptedModel(flaky(1, ModelError("bad request")))
    (error,), spend = run(model, [ask("a")])
    assert str(error) == "bad request"
    assert (len(model.requests), spend.retries, spend.failures) == (1, 0, 1)


def test_a_failure_is_not_kept():
    model, cache = ScriptedModel(flaky(1, ModelError("no"))), MemoryCache()
    run(model, [ask("a")], cache=cache)
    (reply,), _ = run(model, [ask("a")], cache=cache)
    assert reply.text == "fine"


def test_patience_ends():
    model = ScriptedModel(TransientError("busy", retry_after=0.02))
    (error,), spend = run(model, [ask("a")], patience=0.1)
    assert isinstance(error, TransientError)
    assert spend.failures == 1
    assert spend.retries == 5  # 5 pauses of 0.02 s make 0.1 s


def test_a_hung_call_is_given_up_after_three_times():
    model = Hanging("x")
    (error,), _ = run(model, [ask("a")])
    assert "no reply within 0.01 s" in str(error)
    assert len(model.requests) == 3


def test_an_endpoint_that_is_gone_ends_the_run():
    model = ScriptedModel(TransientError("refused", retry_after=0), in_flight=1)

    async def go():
        async with Calls(model, patience=0) as calls:
            for i in range(6):
                with pytest.raises(TransientError):
                    await calls.ask(ask(str(i)))
            await calls.ask(ask("one more"))

    words = r"6 requests in a row failed for good.*The last failure: refused\. The same"
    with pytest.raises(UnavailableError, match=words):
        asyncio.run(go())


def test_a_damaged_answer_is_asked_again_five_times():
    model = ScriptedModel(FaultyReplyError("half JSON"))
    (error,), spend = run(model, [ask("a")])
    assert type(error) is FaultyReplyError
    assert (len(model.requests), spend.retries, spend.failures) == (6, 5, 1)


def test_hangs_and_damaged_answers_are_counted_apart_from_other_failures():
    hung, busy, half = TransientError("hangs", timed_out=True), TransientError("busy"), FaultyReplyError("half JSON")
    outcomes = [busy, half, hung, half, busy, half, hung, half, busy, "fine"]  # 3 hangs or 6 damaged ones end it
    model = ScriptedModel(lambda request: outcomes.pop(0))
    (reply,), spend = run(model, [ask("a")])
    assert (reply.text, spend.retries) == ("fine", 9)


def test_an_endpoint_that_refuses_everything_ends_the_run_with_its_last_words():
    model = ScriptedModel(ModelError("HTTP 418: teapot"), in_flight=1)
    outcomes, spend = run(model, [ask(str(i)) for i in range(300)])
    assert len(model.requests) == spend.failures == 21  # 20 may fail, in a row
    assert {type(outcome) for outcome in outcomes[21:]} == {UnavailableError}
    words = "only fails: 21 requests in a row failed for good. The last failure: HTTP 418: teapot. The same"
    assert words in str(outcomes[-1])


def test_damaged_answers_end_the_run_only_after_21_requests():
    """Some servers damage each answer to some prompts: that says less of the others than a silent endpoint does."""
    model = ScriptedModel(FaultyReplyError("half JSON", retry_after=0), in_flight=1)

    async def go(count):
        async with Calls(model, patience=0) as calls:
            for i in range(count):
                with pytest.raises(FaultyReplyError):
                    await calls.ask(ask(str(i)))
            await calls.ask(ask("one more"))

    with pytest.raises(FaultyReplyError):
        asyncio.run(go(20))
    with pytest.raises(UnavailableError, match="only fails: 21 requests in a row failed for good"):
        asyncio.run(go(21))


def test_an_empty_account_stops_all_that_is_not_sent_yet():
    model = ScriptedModel(UnavailableError("no credit"), in_flight=2, seconds=0.001)
    outcomes, spend = run(model, [ask(str(i)) for i in range(50)])
    assert (len(model.requests), spend.retries) == (2, 0)
    assert {str(outcome) for outcome in outcomes} == {"no credit"}


@pytest.mark.parametrize("error", [TooLongError("too long"), FilteredError("filtered")])
def test_what_is_refused_for_its_prompt_says_nothing_of_the_endpoint(error):
    model = ScriptedModel(error, in_flight=1)
    outcomes, _ = run(model, [ask(str(i)) for i in range(60)])
    assert {type(outcome) for outcome in outcomes} == {type(error)}


def test_refusals_between_replies_do_not_end_a_run():
    model = ScriptedModel(lambda request: "x" if request.messages[0].content.endswith("0") else ModelError("no"))
    outcomes, _ = run(model, [ask(str(i)) for i in range(200)])
    assert [getattr(outcome, "text", str(outcome)) for outcome in outcomes] == ["x", *["no"] * 9] * 20


def test_an_endpoint_that_hangs_ends_the_run_after_a_few_time_outs_not_after_all_of_them():
    model = Hanging("x", in_flight=2)
    outcomes, _ = run(model, [ask(str(i)) for i in range(50)])
    assert {type(outcome) for outcome in outcomes} <= {TransientError, UnavailableError}
    assert len(model.requests) <= 4  # it never answered: 3 time-outs, and what was open by then


def test_retry_after_zero_for_ever_is_no_busy_loop(monkeypatch):
    monkeypatch.setattr("convexplain.models.retries.BACKOFF", lambda state: 0.01)
    model = ScriptedModel(TransientError("busy", retry_after=0))
    run(model, [ask("a")], patience=0.05)
    assert len(model.requests) == 6  # 5 pauses of 0.01 s make 0.05 s


@pytest.mark.parametrize("outcome", [None, ValueError("x"), "text"])
def test_a_model_that_returns_something_else_is_an_error_and_no_hang(outcome):
    class Broken(ScriptedModel):
        async def chat(self, requests):
            return [outcome]

    (error,), _ = run(Broken("x"), [ask("a")])
    assert isinstance(error, ModelError)
    assert f"its reply is a {type(outcome).__name__}" in str(error)


@pytest.mark.parametrize("raised", [TimeoutError(), asyncio.CancelledError()])
def test_a_model_that_raises_as_asyncio_does_is_no_hang(raised):
    class Broken(ScriptedModel):
        async def chat(self, requests):
            self.requests.extend(requests)
            raise raised

    (error,), _ = run(Broken("x"), [ask("a")])
    assert isinstance(error, (TransientError, asyncio.CancelledError))


def test_a_model_that_can_take_nothing_is_refused():
    with pytest.raises(UsageError, match="in_flight=0; both must be at least 1"):
        run(ScriptedModel("x", in_flight=0), [ask("a")])


def test_a_reply_without_the_label_that_was_asked_for_is_not_kept():
    model, cache = ScriptedModel("hm"), MemoryCache()
    run(model, [ask("a", labels=("yes", "no"))], cache=cache)
    run(model, [ask("a", labels=("yes", "no"))], cache=cache)
    assert len(model.requests) == 2


@pytest.mark.parametrize("reply", [Reply(""), Reply("ye", no_answer="filter"), Reply("", no_answer="tool")])
def test_a_reply_that_is_empty_or_was_stopped_is_not_kept(reply):
    model, cache = ScriptedModel(reply), MemoryCache()
    run(model, [ask("a")], cache=cache)
    run(model, [ask("a")], cache=cache)
    assert len(model.requests) == 2


def test_thoughts_without_an_answer_are_not_kept():
    class Thinking(ScriptedModel):
        async def chat(self, requests):
            return [replace(reply, no_answer="thoughts") for reply in await super().chat(requests)]

    model, cache = Thinking(""), MemoryCache()
    run(model, [ask("a")], cache=cache)
    run(model, [ask("a")], cache=cache)
    assert len(model.requests) == 2


def test_one_bad_item_does_not_spoil_its_batch():
    model = ScriptedModel(lambda request: ModelError("no") if request.messages[0].content == "b" else "x", batch=3)
    outcomes, _ = run(model, [ask("a"), ask("b"), ask("c")])
    assert [getattr(outcome, "text", "error") for outcome in outcomes] == ["x", "error", "x"]


@pytest.mark.parametrize("replies", [[], [Reply("a"), Reply("b")]])
def test_a_model_that_returns_too_few_or_too_many_replies_is_an_error_and_no_hang(replies):
    class Broken(ScriptedModel):
        async def chat(self, requests):
            return replies

    (error,), _ = run(Broken("x"), [ask("a")])
    assert f"{len(replies)} replies to 1 requests" in str(error)


def test_a_model_that_raises_anything_is_an_error_and_no_hang():
    class Broken(ScriptedModel):
        async def chat(self, requests):
            raise ZeroDivisionError("oh")

    (error,), _ = run(Broken("x"), [ask("a")])
    assert isinstance(error, ModelError)
    assert "ZeroDivisionError: oh" in str(error)


def test_a_caller_that_is_cancelled_does_not_cancel_the_call_for_others():
    model = ScriptedModel("x", seconds=0.02)

    async def go():
        async with Calls(model) as calls:
            first, second = asyncio.create_task(calls.ask(ask("a"))), asyncio.create_task(calls.ask(ask("a")))
            await asyncio.sleep(0.005)
            first.cancel()
            return await second

    assert asyncio.run(go()).text == "x"


def test_leaving_cancels_what_is_under_way():
    model = ScriptedModel("x", seconds=60)

    async def go():
        async with Calls(model) as calls:
            task = asyncio.create_task(calls.ask(ask("a")))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(go(), 5))


def test_the_limit_shrinks_by_a_quarter_at_most_once_a_second_and_grows_by_one_a_round():
    limit = Limit(16)
    limit.cut(clock=10.0)
    limit.cut(clock=10.5)  # failed together with the first
    assert limit.now == 12
    limit.cut(clock=11.5)
    assert limit.now == 9
    for _ in range(9):  # 9 + 1/9 + 1/9.11 + … stays below 10 with nine terms and passes it with the tenth
        limit.grow(12.0, waiting=True)
    assert limit.now == 9
    limit.grow(12.0, waiting=True)
    assert limit.now == 10
    for clock in range(20, 30):  # 10.06 * 0.75 ** 10 = 0.57
        limit.cut(float(clock))
    assert limit.now == 1
    for _ in range(1000):
        limit.grow(30.0, waiting=True)
    assert limit.now == 16


def answered(limit, clock, seconds):
    """All calls that may be open are answered, each `seconds` after the one before; returns the time of the last."""
    for _ in range(limit.now):
        clock += seconds
        limit.grow(clock, waiting=True)
    return clock


def test_the_limit_doubles_as_long_as_that_brings_more_answers():
    """An endpoint that answers 100 a second at most: 16 calls that take 1 s each bring 16, 32 bring 32, 64 bring 64.

    128 bring 100, which is more than 1.2 times 64; 256 bring no more than those, so 128 it is.
    """
    limit, clock, seen = Limit(1000, 16), 0.0, []
    for _ in range(40):
        clock = answered(limit, clock, max(1 / limit.now, 1 / 100))
        seen.append(limit.now)
    assert list(dict.fromkeys(seen)) == [16, 32, 64, 128, 256]
    assert seen[-20:] == [128] * 20
    assert limit.most == 128


@pytest.mark.parametrize(
    ("end", "waiting", "most"),
    [
        (24, True, 24),  # not beyond the end
        (8, True, 8),  # nor is more open at first
        (1000, False, 16),  # nothing waits: more calls would bring nothing
    ],
)
def test_the_limit_stays_within_its_end_and_what_is_needed(end, waiting, most):
    limit = Limit(end, 16)
    for i in range(500):
        limit.grow(float(i), waiting=waiting)
    assert (limit.now, limit.most) == (most, most)


def test_an_endpoint_in_trouble_is_not_asked_more_at_once():
    limit, clock = Limit(1000, 16), 0.0
    for _ in range(20):
        clock = answered(limit, clock, 1 / limit.now)
        limit.cut(clock)
    assert limit.most == 16
    assert limit.now < 16


def test_more_calls_are_opened_than_at_first_where_nobody_said_how_many():
    class Unknown(ScriptedModel):
        first_in_flight = 2

    model = Unknown("x", seconds=0.01, in_flight=8)
    run(model, [ask(str(i)) for i in range(80)])
    assert model.most_open > 2
    model = ScriptedModel("x", seconds=0.001, in_flight=8)
    run(model, [ask(str(i)) for i in range(40)])
    assert model.most_open == 8
