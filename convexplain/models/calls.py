"""Calls to any chat model: batches, concurrency, time-outs, cache and accounting; tried again as `retries` says."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

import tenacity

from convexplain.errors import (
    FaultyReplyError,
    FilteredError,
    ModelError,
    StoreError,
    TooLongError,
    TransientError,
    UnavailableError,
    UnsupportedRequestError,
    UsageError,
)

from .chat import (
    Cache,
    ChatModel,
    GrowsInFlight,
    MemoryCache,
    Reply,
    ReplyRecord,
    Request,
    SharedCache,
    Spend,
    no_features,
    no_reply_logprob,
)
from .retries import TIMEOUTS, Limit, retrying
from .shared_replies import SharedReplies

_FAILURES = 20  # requests in a row that fail for good, after which an endpoint is not asked any more, at least


class Calls:
    """Asks one model, each distinct request once.

    Requests are gathered into batches of at most `model.batch`. At most `model.in_flight` batches are open, fewer while
    the endpoint pushes back, and at first where the model says so (`GrowsInFlight`). A request that is already under
    way or in the cache is not asked again; nor is one that another process asks, where they share the cache. Transient
    failures are retried with growing pauses (or as the endpoint's Retry-After says) until `patience` seconds were spent
    waiting. Once a request was answered with an `UnavailableError` (no credit, a refused key), or many in a row have
    failed for good, all further ones fail at once. A failure that is about one prompt alone (too long, filtered) does
    not count.

    Args:
        model: the model; the caller prepares and closes it.
        cache: the store of replies; in memory unless given.
        patience: seconds of waiting between attempts at one request, after which it has failed.
        on_change: called after each reply or final failure.
    """

    def __init__(
        self,
        model: ChatModel,
        cache: Cache | None = None,
        *,
        patience: float = 300.0,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        if model.batch < 1 or model.in_flight < 1:
            raise UsageError(
                f"{model.name}: batch={model.batch} and in_flight={model.in_flight}; both must be at least 1"
            )
        self.model = model
        self.spend = Spend()
        self._cache = cache if cache is not None else MemoryCache()
        self._shared = SharedReplies(self._cache, self._is_busy) if isinstance(self._cache, SharedCache) else None
        self._limit = Limit(model.in_flight, model.first_in_flight if isinstance(model, GrowsInFlight) else None)
        self._patience = patience
        self._on_change = on_change or (lambda: None)
        self._under_way: dict[str, asyncio.Task[tuple[Reply, bool]]] = {}
        self._queue: deque[tuple[Request, asyncio.Future[Reply]]] = deque()
        self._open: set[asyncio.Task[None]] = set()
        self._not_before = 0.0
        self._failures_in_a_row = 0  # requests that failed for good, after retries
        self._refusals_in_a_row = 0  # requests that failed for good at once
        self._hung_in_a_row = 0  # single tries that hung until their time-out
        self._answered = False
        self._last_failure = ""
        self._unavailable: UnavailableError | None = None

    @property
    def limit(self) -> int:
        """Return how many calls may be open at once now: fewer than the model's `in_flight` at trouble."""
        return self._limit.now

    async def __aenter__(self) -> Self:
        """Let replies wait a moment, to be stored together: what waits at the end is stored then."""
        if self._shared is not None:
            self._shared.batched = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel the calls that are still under way, and store the replies that wait for it."""
        tasks = [*self._under_way.values(), *self._open]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._shared is not None:
            with contextlib.suppress(*([StoreError] if error is not None else [])):  # the first error counts
                self._shared.close()

    async def ask(self, request: Request) -> Reply:
        """Return the model's reply, from the cache where it is there.

        Raises:
            ModelError: the model refused, or transient failures outlasted the patience.
            UnavailableError: so many requests failed in a row that the endpoint counts as gone.
        """
        key = request.key(self.model.fingerprint)
        if self._shared is None and (stored := self._cache.get(key)) is not None:
            return self._count_cached(stored)
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._claimed(key, request))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        reply, is_cached = await asyncio.shield(task)  # an impatient caller does not cancel it for the others
        return self._count_cached(reply) if is_cached else reply

    def _count_cached(self, reply: Reply) -> Reply:
        self.spend.cached += 1
        self._on_change()
        return reply

    def renewed(self) -> "Calls":
        """Return calls to the same model without its earlier failures, whose counts begin at 0."""
        return Calls(self.model, self._cache, patience=self._patience, on_change=self._on_change)

    def is_cached(self, request: Request) -> bool:
        """Return True where the reply is in the cache, so that asking costs nothing."""
        key = request.key(self.model.fingerprint)
        return (self._cache.get(key) if self._shared is None else self._shared.stored(key)) is not None

    def _forget(self, key: str, done: asyncio.Task[tuple[Reply, bool]]) -> None:
        self._under_way.pop(key, None)
        if not done.cancelled():
            done.exception()  # read, so that a caller that went away leaves no "never retrieved" warning

    async def _claimed(self, key: str, request: Request) -> tuple[Reply, bool]:
        """Return the reply, and whether it was stored already; only one asker of a shared cache asks the model."""
        if self._shared is None:
            return await self._ask(key, request), False
        if (reply := await self._shared.claim(key)) is not None:
            return reply, True
        try:
            return await self._ask(key, request), False
        finally:
            self._shared.release(key)

    async def _ask(self, key: str, request: Request) -> Reply:
        try:
            reply = await self._answer(request)
        except UnavailableError:
            raise
        except ModelError as error:
            self._count_failure(error)
            raise
        self._failures_in_a_row = self._refusals_in_a_row = 0
        self.spend.add(reply)
        if _is_lasting(request, reply):
            self._keep(ReplyRecord(key, self.model.name, reply))
        self._on_change()
        return reply

    async def _answer(self, request: Request) -> Reply:
        """Return the reply after as many attempts as it takes; most calls need one, and no policy of retries."""
        failure: TransientError | None = None
        try:
            return await self._send(request)
        except TransientError as error:
            failure = error

        async def attempt() -> Reply:
            nonlocal failure
            if failure is not None:  # the first attempt was made
                error, failure = failure, None
                raise error
            return await self._send(request)

        reply: Reply = await retrying(self._patience, self._count_retry)(attempt)
        return reply

    def _keep(self, record: ReplyRecord) -> None:
        if self._shared is None:
            self._cache.put(record.key, record.model, record.reply)
        else:
            self._shared.keep(record)

    def _is_busy(self) -> bool:
        """Return whether enough requests wait for the model, so that a look-up may wait for others."""
        return 4 * len(self._queue) >= self._limit.now * self.model.batch

    def _count_failure(self, error: ModelError) -> None:
        self.spend.failures += 1
        if isinstance(error, TransientError) and not isinstance(error, FaultyReplyError):
            self._failures_in_a_row += 1
        elif not isinstance(error, (TooLongError, FilteredError, UnsupportedRequestError)):
            self._refusals_in_a_row += 1
            self._last_failure = str(error)
        self._on_change()

    def _count_retry(self, state: tenacity.RetryCallState) -> None:
        self.spend.retries += 1
        self._on_change()

    async def _send(self, request: Request) -> Reply:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply] = loop.create_future()
        self._queue.append((request, future))
        loop.call_soon(self._pump)  # later in this tick, so that requests made together leave together
        return await future

    def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        gone = self._gone()
        pause = self._not_before - time.monotonic()
        if self._queue and pause > 0 and not gone:
            loop.call_later(pause, self._pump)
            return
        while self._queue and (gone or len(self._open) < self._limit.now):
            batch: list[tuple[Request, asyncio.Future[Reply]]] = []
            while self._queue and len(batch) < self.model.batch:
                item = self._queue.popleft()
                if gone and not item[1].done():
                    item[1].set_exception(gone)
                elif not item[1].done():
                    batch.append(item)
            if batch:
                task = loop.create_task(self._run(batch))
                self._open.add(task)
                task.add_done_callback(self._closed)
        if self._shared is not None and not self._is_busy():
            self._shared.look_up()

    def _gone(self) -> UnavailableError | None:
        """The error of all further requests, once the model cannot be had or too many have failed; None before."""
        if self._unavailable is not None:
            return self._unavailable
        most = self._limit.most + 4
        hung = most if self._answered else TIMEOUTS - 1  # what never answered is not waited for as long
        failures = self._failures_in_a_row + self._refusals_in_a_row
        if self._failures_in_a_row > most or self._hung_in_a_row > hung:
            reason = f"seems to be gone: {failures} requests in a row failed for good"
            reason += f", the last {self._hung_in_a_row} calls hung" if self._hung_in_a_row else ""
        elif failures > max(most, _FAILURES):
            reason = f"only fails: {failures} requests in a row failed for good"
        else:
            return None
        return UnavailableError(
            f"{self.model.name} {reason}. The last failure: {self._last_failure}. The same command goes on once it is "
            "back"
        )

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        self._pump()

    async def _run(self, batch: list[tuple[Request, asyncio.Future[Reply]]]) -> None:
        try:
            outcomes = await self._chat([request for request, _ in batch])
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        self._unavailable = next(
            (error for error in outcomes if isinstance(error, UnavailableError)), self._unavailable
        )
        pushed_back = [error for error in outcomes if isinstance(error, TransientError)]
        if pushed_back:
            clock = time.monotonic()
            self._limit.cut(clock)
            self._last_failure = str(pushed_back[-1])
            self._not_before = max(self._not_before, *(clock + (error.retry_after or 0) for error in pushed_back))
        else:
            self._limit.grow(time.monotonic(), waiting=bool(self._queue))
        if all(error.timed_out for error in pushed_back):
            self._hung_in_a_row = self._hung_in_a_row + len(pushed_back) if pushed_back else 0
        for (request, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, Reply) and request.features and outcome.features is None:
                future.set_exception(no_features(self.model.name))
            elif isinstance(outcome, Reply) and request.reply and not request.features and outcome.logprob is None:
                future.set_exception(no_reply_logprob(self.model.name))
            elif isinstance(outcome, Reply):
                self._answered = True
                future.set_result(outcome)
            elif isinstance(outcome, ModelError):
                future.set_exception(outcome)
            else:
                wrong = f"{self.model.name}: its reply is a {type(outcome).__name__}, not a Reply or a ModelError"
                future.set_exception(ModelError(wrong))

    async def _chat(self, requests: list[Request]) -> list[object]:
        try:
            async with asyncio.timeout(self.model.timeout):
                outcomes: list[object] = list(await self.model.chat(requests))
        except TimeoutError:
            waited = "in time" if self.model.timeout is None else f"within {self.model.timeout:g} s"
            hung = TransientError(f"{self.model.name}: no reply {waited}", timed_out=True)
            return [hung for _ in requests]
        except ModelError as error:
            return [error for _ in requests]
        except Exception as error:  # noqa: BLE001 - a model from outside may raise anything; its callers must not hang
            return [ModelError(f"{self.model.name}: {type(error).__name__}: {error}") for _ in requests]
        if len(outcomes) != len(requests):
            wrong = ModelError(f"{self.model.name}: {len(outcomes)} replies to {len(requests)} requests")
            return [wrong for _ in requests]
        return outcomes


def _is_lasting(request: Request, reply: Reply) -> bool:
    """Return whether a reply may be kept; what could not be read, or was stopped, may be asked again one day."""
    if request.labels:
        return reply.labels is not None
    if request.reply:
        return True
    return bool(reply.text.strip()) and reply.no_answer in (None, "refusal")
