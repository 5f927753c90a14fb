"""A judge that works in a thread of its own, for callers that have no event loop, or another one."""

import asyncio
import contextvars
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from convexplain.connectors.models import open_model
from convexplain.errors import UnavailableError, UsageError
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.models.chat import Cache, ChatModel, Spend
from convexplain.types import Conversation, Judgement, Rubric

T = TypeVar("T")

_PAUSE = 30.0  # seconds
_PATIENCE = 2.0  # seconds in which the thread is expected to end what it is at


class BackgroundJudge:
    """One model and its judge, in a daemon thread with an event loop of its own.

    The thread begins, and the model is prepared, when they are first needed. A model that is gone is not asked again
    for a while: until then everything fails at once, with the error that it failed with.

    Args:
        model: what `--judge` takes on the command line, or a model of your own (it is not closed).
        cache: where replies are kept; in memory unless told.
        samples: average that many sampled replies; None reads label probabilities where the model gives them.
        explain: ask for a reason in words (one more call a judgement).
        pause: seconds in which a model that is gone is not asked again.

    Raises:
        UsageError: no model is named like that, or `samples` is below 1.
    """

    def __init__(
        self,
        model: str | ChatModel = "embedded",
        *,
        cache: Cache | None = None,
        samples: int | None = None,
        explain: bool = False,
        pause: float = _PAUSE,
    ) -> None:
        if samples is not None and samples < 1:
            raise UsageError(f"samples={samples} is not valid; it must be at least 1")
        self.model = open_model(model) if isinstance(model, str) else model
        self.spend = Spend()
        self._opened_here = isinstance(model, str)
        self._cache = cache
        self._samples = samples
        self._explain = explain
        self._pause = pause
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._preparing = asyncio.Lock()
        self._judge: Judge | None = None
        self._gone: UnavailableError | None = None
        self._gone_until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def working(self) -> bool:
        """Whether its thread is there: after a fork it is not, in the child."""
        return self._thread is not None and self._thread.is_alive()

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Runs a coroutine in the thread, in an empty context: it is no part of what the caller is at."""
        return contextvars.Context().run(asyncio.run_coroutine_threadsafe, work, self._running())

    def call_soon(self, event: asyncio.Event) -> None:
        """Sets an event of the thread's loop, from any other thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(event.set)

    def judge(self, conversation: Conversation, turn: int, rubric: Rubric) -> Judgement:
        """The judgement of a turn, waited for.

        Raises:
            UnavailableError, MissingExtraError: the model cannot be had.
        """
        return self.submit(self.judge_turn(conversation, turn, rubric)).result()

    async def judge_turn(self, conversation: Conversation, turn: int, rubric: Rubric) -> Judgement:
        """The judgement of a turn; to be run in the thread, by `submit`.

        Raises:
            UnavailableError, MissingExtraError: the model cannot be had.
        """
        judge = await self.prepared()
        try:
            return await judge.judge_turn(conversation, turn, rubric)
        except UnavailableError as error:
            if judge is self._judge:  # of several calls that fail together, the first one says so
                self._away(error)
            raise

    async def prepared(self) -> Judge:
        """The judge, its model prepared; to be run in the thread, by `submit`.

        Raises:
            UnavailableError, MissingExtraError: the model cannot be had.
        """
        async with self._preparing:
            if self._judge is not None:
                return self._judge
            if self._gone is not None and time.monotonic() < self._gone_until:
                raise UnavailableError(str(self._gone)) from self._gone
            try:
                await self.model.prepare()
            except UnavailableError as error:
                self._away(error)
                raise
            calls = Calls(self.model, self._cache)
            calls.spend = self.spend
            self._judge = Judge(calls, samples=self._samples, explain=self._explain)
            return self._judge

    def close(self) -> None:
        """Ends the thread; what is under way in it is cancelled. What is submitted later begins a new one."""
        with self._starting:
            thread, loop = self._thread, self._loop
            self._thread = self._loop = None
        if loop is None or thread is None or not thread.is_alive() or loop.is_closed():
            return
        loop.call_soon_threadsafe(loop.stop)
        if thread is not threading.current_thread():  # as when the garbage collector closes it from there
            thread.join(_PATIENCE)

    def _away(self, error: UnavailableError) -> None:
        # The calls are let go of, not closed: what others still wait for in them fails by itself, and is not cancelled.
        self._gone, self._gone_until = error, time.monotonic() + self._pause
        self._judge = None

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None or not self.working:
                # A judge belongs to its thread's loop: a new thread begins anew.
                self._preparing, self._judge, self._gone = asyncio.Lock(), None, None
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._work, args=(self._loop,), name="convexplain-judge", daemon=True
                )
                self._thread.start()
            return self._loop

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            loop.run_until_complete(self._end())
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    async def _end(self) -> None:
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._opened_here:
            await self.model.aclose()
