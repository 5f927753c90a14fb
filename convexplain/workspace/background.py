"""A judge that works in a thread of its own, for callers that have no event loop, or another one."""

import asyncio
import contextvars
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from convexplain.errors import ConvexplainError, UnavailableError, UsageError
from convexplain.judges.spec import JudgeOptions
from convexplain.models.chat import Cache, ChatModel, Spend
from convexplain.store import RunStore
from convexplain.types import Conversation, Judgement, Rubric

from .build import BuiltJudge, PendingJudge
from .judge_arguments import JudgeLike, judge_spec
from .judge_defaults import judge_or_default
from .methods.base import default_database
from .runs import run_description
from .trust import Trust, scale_calibration, trust, trust_keys

T = TypeVar("T")

_PAUSE = 30.0  # seconds
_PATIENCE = 2.0  # seconds in which the thread is expected to end what it is at


class BackgroundJudge:
    """One judge, with its calibrations and its second judge, in a daemon thread with an event loop of its own.

    The thread begins, and the models are prepared, when they are first needed. A model that is gone is not asked again
    for a while: until then everything fails at once, with the error that it failed with.

    Args:
        judge: the judge's text form or spec, a model of your own (it is not closed), or a function or coroutine
            function from a prompt to the reply; None takes the default judge, as `convexplain analyze` does.
        rubrics: what it is to judge. It judges others too: their calibrations are looked for when they come.
        cache: where replies are kept, and, if it is a `RunStore`, calibrations; unless given, in memory, and for a
            calibrated judge the workspace's store (`CONVEXPLAIN_DB`, or convexplain.db in your data folder).
        pause: seconds in which a model that is gone is not asked again.
        options: fields of `JudgeSpec` that count instead of the judge's own: samples, reasons, calibrated, escalate,
            band.

    Attributes:
        built: the judge as it was prepared last, also when its model is gone or its thread has ended; None before.

    Raises:
        UsageError: there is no such model, or an option is not valid.
        StoreError: the workspace's store is needed, and cannot be opened.
    """

    def __init__(
        self,
        judge: JudgeLike | None = None,
        rubrics: Sequence[Rubric] = (),
        *,
        cache: Cache | None = None,
        pause: float = _PAUSE,
        **options: Unpack[JudgeOptions],
    ) -> None:
        self.built: BuiltJudge | None = None
        judge = judge_or_default(judge)
        self._pending = PendingJudge(judge, judge_spec(judge, **options), rubrics)
        self._store = RunStore(default_database()) if cache is None and self._pending.spec.calibrated else None
        self._cache = cache if self._store is None else self._store
        self._pause = pause
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._preparing = asyncio.Lock()
        self._fingerprints: list[str] = []
        self._spends = [Spend() for _ in self._pending.spec.chain]
        self._ready = False
        self._by_rubric: dict[str, tuple[BuiltJudge, Rubric]] = {}  # by the rubric's SHA
        self._trusts: dict[str, Trust] = {}  # by the rubric's SHA
        self._gone: UnavailableError | UsageError | None = None
        self._gone_until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def model(self) -> ChatModel:
        """The judge's model; of two, the one that judges every turn."""
        return self._pending.model

    @property
    def spend(self) -> Spend:
        """Return what all its models have cost together."""
        return sum(self._spends, Spend())

    @property
    def working(self) -> bool:
        """Return whether its thread is there: in a child of a fork it is not."""
        return self._thread is not None and self._thread.is_alive()

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run a coroutine in the thread, in an empty context: it is no part of what the caller is at."""
        return contextvars.Context().run(asyncio.run_coroutine_threadsafe, work, self._running())

    def call_soon(self, event: asyncio.Event) -> None:
        """Set an event of the thread's loop, from any other thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(event.set)

    def judge(self, conversation: Conversation, turn: int, rubric: Rubric) -> Judgement:
        """Judge a turn, and wait for it.

        Raises:
            UnavailableError, MissingExtraError: a model cannot be had.
            UsageError: the judge is calibrated, and there is no calibration on this rubric.
        """
        return self.submit(self.judge_turn(conversation, turn, rubric)).result()

    async def judge_turn(
        self, conversation: Conversation, turn: int, rubric: Rubric, *, reasons: bool = True
    ) -> Judgement:
        """Judge a turn; to be run in the thread, by `submit`.

        Args:
            conversation: the conversation.
            turn: index of the judged turn.
            rubric: the rubric.
            reasons: False: without a reason in words, which may take another call.

        Raises:
            UnavailableError, MissingExtraError, UsageError: as of `judge`.
        """
        prepared = await self.prepared()
        built, rubric = self._for(prepared, rubric)
        try:
            return await (built.judge if reasons else built.scorer).judge_turn(conversation, turn, rubric)
        except UnavailableError as error:
            if self._ready and prepared is self.built:  # of several calls that fail together, the first one says so
                self._away(error)
            raise

    async def prepared(self) -> BuiltJudge:
        """Return the judge, its models prepared; to be run in the thread, by `submit`.

        Raises:
            UnavailableError, MissingExtraError: a model cannot be had.
            UsageError: the judge is calibrated, and a calibration on one of its rubrics is missing.
        """
        async with self._preparing:
            if self._ready and self.built is not None:
                return self.built
            if self._gone is not None and time.monotonic() < self._gone_until:
                kind = UsageError if isinstance(self._gone, UsageError) else UnavailableError
                raise kind(str(self._gone)) from self._gone
            try:
                await self._pending.prepare()
                self.built = self._opened()
            except (UnavailableError, UsageError) as error:
                self._away(error)
                raise
            pairs = zip(self._pending.rubrics, self.built.rubrics, strict=True)
            self._by_rubric = {rubric.sha: (self.built, judged) for rubric, judged in pairs}
            self._ready = True
            return self.built

    def as_judged(self, rubric: Rubric) -> Rubric:
        """Return a rubric with the threshold that its calibration proposes, where that is known by now."""
        return self._by_rubric.get(rubric.sha, (None, rubric))[1]

    def trust(self, rubric: Rubric) -> Trust:
        """Return how far the judge is to be trusted on a maxim, and the scores that it gave to turns with labels.

        Labels of people and results on the reference set are those of the cache where that is a `RunStore`, else of the
        workspace's store if there is one already, and those that ship with convexplain. Before the models are prepared
        a judge may be unvalidated because its model is not known yet.
        """
        if (cached := self._trusts.get(rubric.sha)) is not None:
            return cached
        level = self._trust(rubric)
        if self._ready:
            self._trusts[rubric.sha] = level
        return level

    def run_description(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `RunStore.begin_run` is told of a run by this judge: what is known of it by now.

        Before the models were prepared, name and settings are those of the spec, without calibrations.

        Args:
            settings: what else tells the run from others, as JSON values.
        """
        return run_description(self.built or self._pending, settings)

    def close(self) -> None:
        """End the thread; what is under way in it is cancelled. What is submitted later begins a new one."""
        with self._starting:
            thread, loop = self._thread, self._loop
            self._thread = self._loop = None
        if loop is not None and thread is not None and thread.is_alive() and not loop.is_closed():
            loop.call_soon_threadsafe(loop.stop)
            if thread is not threading.current_thread():  # as when the garbage collector closes it from there
                thread.join(_PATIENCE)
        if self._store is not None:
            self._store.close()

    def _trust(self, rubric: Rubric) -> Trust:
        name = self._pending.model.name
        store = self._cache if isinstance(self._cache, RunStore) else _existing_store()
        try:
            fingerprint, *stronger = self._pending.fingerprints
            built = self._by_rubric.get(rubric.sha, (self.built, rubric))[0]
            settings = dict(self._pending.settings if built is None else built.settings)
            if stronger:
                settings["escalate"] = [*stronger, self._pending.spec.band]
            keys = trust_keys(fingerprint, settings)
            calibration = scale_calibration(keys, settings, rubric.id)
            level = trust(store, keys, name, rubric, calibration=calibration)
            unscaled = self._pending.spec.calibrated and calibration is None
            return replace(level, scores={}) if unscaled else level
        except ConvexplainError:  # the model is not there, which judging reports
            return Trust(rubric.id, name)
        finally:
            if store is not None and store is not self._cache:
                store.close()

    def _opened(self) -> BuiltJudge:
        """The judge with new calls; on the scale that it had before, unless a model is another one by now."""
        fingerprints = self._pending.fingerprints
        if self.built is not None and fingerprints == self._fingerprints:
            built = self.built.renewed()
        else:
            built = self._pending.build(self._cache)
        for calls, spend in zip(built.all_calls, self._spends, strict=True):
            calls.spend = spend
        self._fingerprints = fingerprints
        self._trusts = {}
        return built

    def _for(self, built: BuiltJudge, rubric: Rubric) -> tuple[BuiltJudge, Rubric]:
        """The judge for a rubric, and the rubric as it is judged."""
        sha = rubric.sha
        if sha not in self._by_rubric and built.spec.calibrated:
            built = built.for_rubrics([rubric], self._cache)
            self._by_rubric[sha] = built, built.rubrics[0]
        return self._by_rubric.get(sha, (built, rubric))

    def _away(self, error: UnavailableError | UsageError) -> None:
        # The calls are let go of, not closed: what others still wait for in them fails by itself, and is not cancelled.
        self._gone, self._gone_until = error, time.monotonic() + self._pause
        self._ready = False

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None or not self.working:
                # A judge belongs to its thread's loop: a new thread begins anew.
                self._preparing, self._ready, self._gone = asyncio.Lock(), False, None
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
        await self._pending.aclose()


def _existing_store() -> RunStore | None:
    """Return the workspace's store; None where it was not made yet, or cannot be opened."""
    place = default_database()
    if "://" not in place and not Path(place).is_file():
        return None
    try:
        return RunStore(place)
    except ConvexplainError:
        return None
