"""The conformance tests of chat models, which a model of your own passes or fails.

    from convexplain.connectors.conformance import ChatModelConformance

    class TestMyModel(ChatModelConformance):
        def make(self):
            return MyModel()

and run it with pytest. A model that reaches a server derives from `ServedModelConformance`, and says how to make that
server fail. One that speaks the OpenAI protocol derives from `FaultConformance` too: it is held against a server that
fails in all ways of `convexplain.connectors.fault_server`.
"""

import asyncio
import gc
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeVar

import pytest

from convexplain.errors import FilteredError, ModelError, TooLongError, TransientError, UnavailableError
from convexplain.judges.labels import parse_label
from convexplain.judges.prompt import OPENING, label_schema
from convexplain.models.calls import Calls
from convexplain.models.chat import ChatModel, MemoryCache, Message, Reply, Request

from .fault_server import FaultServer, faults_of

Failure = Literal["429", "reset", "hang"]
T = TypeVar("T")
_GOOD = "It left our depot on Monday and will be with you tomorrow before noon."
_BAD = "That is a bad one, I do not care about it at all."


class ChatModelConformance:
    """Subclass it, and give it `make`.

    Attributes:
        tolerance: how far a label's probability may differ between two ways of asking the same; 0.02 suits servers that
            compute in half precision.
    """

    tolerance = 0.02

    def make(self) -> ChatModel:
        """Return a new model, not prepared yet. Two of them must be the same model."""
        raise NotImplementedError

    def test_it_says_what_it_is(self) -> None:
        """Name and fingerprint are there, and the same for the same model."""
        identities = [self._with(_identity), self._with(_identity)]
        assert identities[0] == identities[1]
        assert all(identities[0])

    def test_its_limits_can_be_kept(self) -> None:
        """At least one request a call, one call at a time; time-out and window are positive where there are any."""
        model = self.make()
        assert model.batch >= 1
        assert model.in_flight >= 1
        assert model.timeout is None or model.timeout > 0
        window = self._with(_window)
        assert window is None or window > 0

    def test_no_request_no_reply(self) -> None:
        """An empty call gives an empty answer."""
        assert self._outcomes() == []

    def test_a_label_comes_with_its_probability_or_in_words(self) -> None:
        """The reply of a model with log-probabilities has them for the labels; that of another has a label to read."""
        request = _judge(_GOOD)
        (reply,) = self._outcomes(request)
        assert isinstance(reply, Reply)
        if reply.labels is None:
            assert parse_label(reply.text, request.opening, request.labels) in request.labels
        else:
            assert reply.logprobs
            assert set(reply.labels.logprobs) <= set(request.labels)
            assert 0 < sum(map(math.exp, reply.labels.logprobs.values())) <= 1 + 1e-6
            assert 0 <= reply.labels.bound <= 1
            assert reply.labels.alternatives is None or reply.labels.alternatives >= 1

    def test_what_it_counts_can_be_added_up(self) -> None:
        """Tokens and seconds are not negative, and no more comes from a cache than there is."""
        for reply in self._outcomes(_judge(_GOOD), _judge(_GOOD)):
            assert isinstance(reply, Reply)
            assert 0 <= reply.cached_tokens <= reply.prompt_tokens
            assert reply.completion_tokens >= 0
            assert reply.seconds >= 0

    def test_replies_come_in_the_order_of_the_requests(self) -> None:
        """Asked alone, in a call with others, and in several calls at once, a request gets the same reply."""
        requests = [_judge(f"{text} {i}") for i in range(3) for text in (_GOOD, _BAD)]

        async def alone(model: ChatModel) -> list[Reply | ModelError]:
            return [outcome for request in requests for outcome in await model.chat([request])]

        async def at_once(model: ChatModel) -> list[Reply | ModelError]:
            async with Calls(model) as calls:
                return list(await asyncio.gather(*map(calls.ask, requests)))

        expected = list(map(_reading, self._with(alone)))
        assert len(expected) == len(requests)
        assert expected[0] != expected[1], "the model does not tell a good reply from a bad one: nothing can be seen"
        for outcomes in (self._outcomes(*requests), self._with(at_once)):
            readings = list(map(_reading, outcomes))
            assert readings == [pytest.approx(reading, abs=self.tolerance) for reading in expected]

    def test_a_reply_is_cut_where_it_was_asked_to_be(self) -> None:
        """After `max_tokens`, and it says so."""
        (reply,) = self._outcomes(Request((Message("user", "Tell me a long story about the sea."),), max_tokens=2))
        assert isinstance(reply, Reply)
        assert reply.truncated
        assert reply.completion_tokens <= 2

    def test_a_given_reply_is_scored_or_refused(self) -> None:
        """It has a log-probability, or the request fails for good; it is never answered with another text."""
        (outcome,) = self._outcomes(
            Request((Message("user", "Where is my parcel?"),), reply="On its way.", max_tokens=2)
        )
        if isinstance(outcome, Reply):
            assert outcome.logprob is not None
            assert outcome.logprob <= 0
            assert outcome.reply_tokens >= 1
        else:
            assert not isinstance(outcome, TransientError)

    def test_a_prompt_beyond_the_window_fails_alone(self) -> None:
        """A prompt that is longer than a known window fails as too long; the other requests are answered."""
        window = self._with(_window)
        long = Request((Message("user", "word " * 2 * (window or 5_000)),))
        outcomes = self._outcomes(long, _judge(_GOOD))
        assert isinstance(outcomes[0], TooLongError if window else (Reply, ModelError))
        assert isinstance(outcomes[1], Reply)

    def test_no_text_takes_it_down(self) -> None:
        """Control characters, half characters and long words end in a reply or a ModelError, never in another error."""
        texts = ("\x00\x1b[2J", "\ud800 half", "\u202egnirts", "x" * 5_000, "", "{{ 7 * 7 }}{% raw %}")
        outcomes = self._outcomes(*map(_judge, texts))
        assert len(outcomes) == len(texts)
        assert all(isinstance(outcome, (Reply, ModelError)) for outcome in outcomes)

    def test_a_cancelled_call_leaves_it_usable(self) -> None:
        """Giving up waiting takes effect, harms no other call, and the next one is answered."""

        async def work(model: ChatModel) -> list[Reply | ModelError]:
            (expected,) = await model.chat([_judge(_BAD)])
            awaited = asyncio.ensure_future(model.chat([_judge(_BAD)]))
            cancelled = asyncio.ensure_future(model.chat([_judge(f"{_GOOD} {i}") for i in range(model.batch)]))
            await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.wait([cancelled])
            assert cancelled.cancelled()
            return [expected, *await awaited, *await model.chat([_judge(_BAD)])]

        expected, *later = map(_reading, self._with(work))
        assert later == [pytest.approx(expected, abs=self.tolerance)] * 2

    # Connections of a loop that has ended cannot be closed any more; they go with the garbage, here and now.
    @pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
    def test_it_can_be_used_in_one_event_loop_after_another(self) -> None:
        """As a notebook does, and as `judge` does when it is called twice."""
        model = self.make()

        async def ask() -> Reply | ModelError:
            await model.prepare()
            return (await model.chat([_judge(_GOOD)]))[0]

        async def end() -> Reply | ModelError:
            try:
                return await ask()
            finally:
                await model.aclose()

        assert isinstance(asyncio.run(ask()), Reply)
        assert isinstance(asyncio.run(end()), Reply)
        gc.collect()

    def test_it_can_be_closed_twice(self) -> None:
        """And even when it was never prepared."""

        async def twice() -> None:
            for model in (self.make(), self.make()):
                await model.aclose()
                await model.aclose()

        asyncio.run(twice())

    def test_it_counts_tokens(self) -> None:
        """No tokens in no text, and more in more."""

        async def count(model: ChatModel) -> list[int]:
            return [model.count_tokens(text) for text in ("", "One word.", "One word, and then some more of them.")]

        none, few, more = self._with(count)
        assert none == 0
        assert few < more

    def _with(self, work: Callable[[ChatModel], Awaitable[T]], model: ChatModel | None = None) -> T:
        chosen = model or self.make()

        async def go() -> T:
            try:
                await chosen.prepare()
                return await work(chosen)
            finally:
                await chosen.aclose()

        return asyncio.run(go())

    def _outcomes(self, *requests: Request) -> list[Reply | ModelError]:
        """Return the outcomes of the requests, sent with as many in a call as the model takes."""

        async def work(model: ChatModel) -> list[Reply | ModelError]:
            if not requests:
                return list(await model.chat([]))
            outcomes: list[Reply | ModelError] = []
            for i in range(0, len(requests), model.batch):
                outcomes += await model.chat(requests[i : i + model.batch])
            return outcomes

        return self._with(work)


class ServedModelConformance(ChatModelConformance):
    """For a model that reaches a server: give it `failing` too."""

    def failing(self, failure: Failure) -> ChatModel:
        """Return a new model whose server fails once as named, and answers from the second request on.

        `429`: with `Retry-After: 0`. `reset`: the connection is closed without an answer. `hang`: no answer within the
        model's `timeout`, which should be short.
        """
        raise NotImplementedError

    @pytest.mark.parametrize("failure", ["429", "reset", "hang"])
    def test_a_failure_that_passes_is_reported_and_then_outlasted(self, failure: Failure) -> None:
        """It is an outcome of `chat`, not raised, and worth asking again."""

        async def once(model: ChatModel) -> Reply | ModelError:
            return (await model.chat([_judge(_GOOD)]))[0]

        async def insist(model: ChatModel) -> Reply:
            async with Calls(model) as calls:
                return await calls.ask(_judge(_GOOD))

        if failure != "hang":  # a hung call is ended by `Calls`, with the model's time-out
            outcome = self._with(once, self.failing(failure))
            assert isinstance(outcome, TransientError)
            assert outcome.retry_after == (0 if failure == "429" else None)
        assert isinstance(self._with(insist, self.failing(failure)), Reply)


class FaultConformance:
    """For a model of the OpenAI protocol: subclass it, and give it `make_at`.

    Whatever a fault is, it must not become a score, not be kept, and be named; what passes is asked again, and what
    does not ends at once.
    """

    def make_at(self, url: str) -> ChatModel:
        """Return a new model at this base URL, with a time-out of a second or less."""
        raise NotImplementedError

    @pytest.mark.parametrize("fault", faults_of("request"))
    def test_a_fault_that_passes_is_outlasted(self, fault: str) -> None:
        """Twice in a row, and the reply is the same as without it; it alone is kept."""
        with FaultServer() as server:
            (right, faulty), cache, tries = self._asked(server, [[], [fault, fault]])
        assert isinstance(right, Reply)
        assert isinstance(faulty, Reply), faulty
        assert _reading(faulty) == _reading(right)
        assert tries == [1, 3]
        assert len(cache.replies) == 2

    @pytest.mark.parametrize("fault", faults_of("request"))
    def test_a_fault_of_the_very_first_request_is_outlasted(self, fault: str) -> None:
        """Also where the first request is one that learns what the endpoint takes."""
        with FaultServer() as server:
            (reply,), _, _ = self._asked(server, [[fault]], warm=False)
        if fault == "another model":  # the first reply decides which model it is: the right one is then another
            assert isinstance(reply, (Reply, ModelError))
        else:
            assert isinstance(reply, Reply), reply
            assert _reading(reply)["yes"] == pytest.approx(0.9)

    @pytest.mark.parametrize("fault", faults_of("request"))
    def test_a_fault_that_is_not_outlasted_is_an_error(self, fault: str) -> None:
        """It is worth asking again, has words and is not kept; the next request is answered."""
        with FaultServer() as server:
            (right, failed, later), cache, tries = self._asked(server, [[], [fault], []], patience=0.0)
        assert isinstance(failed, TransientError), failed
        assert str(failed)
        assert _reading(later) == _reading(right)
        assert tries == [1, 1, 1]
        assert len(cache.replies) == 2

    @pytest.mark.parametrize(("fault", "kind"), [("too long", TooLongError), ("content filter", FilteredError)])
    def test_a_fault_of_a_prompt_is_not_asked_again(self, fault: str, kind: type[ModelError]) -> None:
        """And has its kind; the next request is answered."""
        with FaultServer() as server:
            (_, refused, later), cache, tries = self._asked(server, [[], [fault], []])
        assert isinstance(refused, kind), refused
        assert isinstance(later, Reply)
        assert tries == [1, 1, 1]
        assert len(cache.replies) == 2

    @pytest.mark.parametrize("fault", faults_of("account"))
    def test_a_fault_of_the_account_ends_everything_at_once(self, fault: str) -> None:
        """No second try, and an error that ends a run."""
        with FaultServer() as server:
            (_, refused), _, tries = self._asked(server, [[], [fault]])
        assert isinstance(refused, UnavailableError), refused
        assert tries == [1, 1]

    def _asked(
        self, server: FaultServer, faults: Sequence[Sequence[str]], *, warm: bool = True, patience: float = 30.0
    ) -> tuple[list[Reply | ModelError], MemoryCache, list[int]]:
        """Return the outcomes of different requests, each met with faults, the cache, and the tries at each."""
        cache = MemoryCache()
        outcomes: list[Reply | ModelError] = []
        tries: list[int] = []

        async def ask(model: ChatModel) -> None:
            await model.prepare()
            if warm:
                await model.chat([_judge(_GOOD)])
            async with Calls(model, cache, patience=patience) as calls:
                for i, planned in enumerate(faults):
                    server.next_faults = list(planned)
                    before = len(server.prompts)
                    try:
                        outcomes.append(await calls.ask(_judge(f"{_GOOD} {i}")))
                    except ModelError as error:
                        outcomes.append(error)
                    tries.append(len(server.prompts) - before)

        async def go() -> None:
            model = self.make_at(server.url)
            try:
                await ask(model)
            finally:
                await model.aclose()

        asyncio.run(go())
        return outcomes, cache, tries


async def _identity(model: ChatModel) -> tuple[str, str]:
    return model.name, model.fingerprint


async def _window(model: ChatModel) -> int | None:
    return model.window


def _judge(response: str) -> Request:
    text = (
        f"user: Where is my parcel?\nassistant: {response}\n\n"
        'Is the assistant helpful here? Answer with JSON only, {"label": "yes"} or {"label": "no"}.'
    )
    labels = ("yes", "no")
    schema = label_schema(labels)
    return Request((Message("user", text),), labels=labels, opening=OPENING, schema=schema, max_tokens=24)


def _reading(outcome: Reply | ModelError) -> dict[str, float]:
    """Return the labels' probabilities, or 1 for the label in words."""
    assert isinstance(outcome, Reply), outcome
    if outcome.labels is not None:
        return {name: math.exp(logprob) for name, logprob in outcome.labels.logprobs.items()}
    return {parse_label(outcome.text, OPENING, ("yes", "no")) or "": 1.0}
