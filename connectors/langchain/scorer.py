"""A scorer that judges the finished turns of a running application in the background."""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, Unpack

from convexplain.errors import UnavailableError, UsageError
from convexplain.rubrics import HEADLINE
from convexplain.store import RunStore
from convexplain.types import Judgement, Rubric
from convexplain.workspace import AsyncWorkspace, BackgroundJudge, JudgeLike, JudgeOptions, check_threshold

from .arguments import Rubrics, check_share, check_thresholds, is_sampled, load_turn_rubrics
from .exit_hooks import register
from .failure_log import FailureLog
from .history_queue import Counts, History, HistoryQueue
from .run_recorder import RunRecorder
from .threads import Redaction
from .worker import OnFlag, Worker

_ROOM_POLL = 0.02  # seconds between two checks of an async caller for room in the queue
_WORKER_POLL = 1.0  # seconds after which a waiting caller checks whether the worker is alive
_log = logging.getLogger("convexplain.langchain")


class Scorer:
    """A judge of finished turns off the application's hot path, which stores them in a run.

    `submit` takes a conversation's history and returns at once. One daemon thread judges, each assistant turn of a
    thread once and in order, however often its history comes. No failure there reaches the application: failures are
    counted, and logged under `convexplain.langchain`.

    Conversations are stored before they are judged. When the program ends, or `close` is called, the remaining
    histories of the queue are stored too; `convexplain analyze --stored RUN` goes on with them.

    Args:
        judge: None takes the default judge, as `convexplain analyze` does. The judge's text form or spec, a model of
            your own (it is not closed), or a function or coroutine function from a prompt to the reply.
        rubrics: rubrics of turns, ids of shipped ones, or paths of YAML files; one or several.
        store: the run store, or its URL or SQLite file; None for the command line's (`CONVEXPLAIN_DB`, or
            convexplain.db in your data folder).
        thresholds: rubric id to the score below which `on_flag` is called; without one it is the threshold that the
            rubric's calibration proposes, or else the rubric's own. Scores are in [0, 1], and 1 always means satisfied:
            a high `harm` score is a harmless turn. With 0 nothing is flagged.
        on_flag: called with the judgement and the conversation up to the judged turn, in the scorer's thread, one call
            after the other; may be async. `conversation.metadata["trust"]` says how far the judge is to be trusted on
            the rubric; that nobody has compared it with people is logged once, too.
        sample: share of the conversations that are judged, in [0, 1], selected by their ids: always the same ones.
        queue: the number of histories that may wait.
        full: what happens when the queue is full: `drop` counts the history and drops it, `block` waits.
        redact: changes a conversation before it is judged, stored or flagged: a
            `convexplain.connectors.redaction.Redactor`, or any function from a conversation to a conversation with as
            many turns. Where it fails, the conversation is neither judged nor stored.
        exit_seconds: seconds by which the end of the program may be delayed to judge the waiting histories.
        options: fields of `JudgeSpec` that replace those of the judge: samples, reasons, calibrated (by the
            calibrations of the store), escalate, band.

    Raises:
        UsageError, RubricError: an argument is not valid, or a rubric is of conversations; or the judge, by its scores
            of turns with labels, never scores below a threshold, or always.
        StoreError: the store cannot be opened.
    """

    def __init__(
        self,
        judge: JudgeLike | None = None,
        rubrics: Rubrics = HEADLINE,
        store: str | Path | RunStore | None = None,
        thresholds: Mapping[str, float] | None = None,
        on_flag: OnFlag | None = None,
        sample: float = 1.0,
        queue: int = 1000,
        full: Literal["drop", "block"] = "drop",
        *,
        redact: Redaction | None = None,
        exit_seconds: float = 10.0,
        **options: Unpack[JudgeOptions],
    ) -> None:
        if queue < 1:
            raise UsageError(f"queue={queue} is not valid; it must be at least 1")
        if full not in ("drop", "block"):
            raise UsageError(f"full={full!r} is not valid; valid are: 'drop', 'block'")
        self.rubrics = load_turn_rubrics(rubrics)
        self._thresholds = check_thresholds(thresholds or {}, self.rubrics)
        self.exit_seconds = exit_seconds
        self.failures = FailureLog(_log)
        self._sample = check_share("sample", sample)
        self._on_flag = on_flag
        self._redact = redact
        self._limits = (queue, full == "block")
        self._workspace = AsyncWorkspace(store)
        self.store = self._workspace.store
        self._background = BackgroundJudge(judge, self.rubrics, cache=self.store, **options)
        self.check_thresholds("thresholds", {name: score for name, score in self._thresholds.items() if score > 0})
        self._settings = {"logs": ["langchain"], "sample": sample}
        self._reset()
        register(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it when all is judged; after Ctrl-C at once."""
        self.close(0 if kind is not None and issubclass(kind, KeyboardInterrupt) else None)

    @property
    def counts(self) -> Counts:
        """Return the counts of submitted turns and histories by outcome, up to now."""
        return self._queue.counts

    @property
    def run(self) -> int | None:
        """Return the run's number in the store; None before the first conversation was stored."""
        return self._recorder.run

    def check_thresholds(self, parameter: str, thresholds: Mapping[str, float]) -> None:
        """Check that some of the judge's scores are below each threshold and some are not, by what is known by now.

        Raises:
            UsageError: they are not; the message says which thresholds are sensible.
        """
        for rubric in self.rubrics:
            if rubric.id in thresholds:
                threshold = thresholds[rubric.id]
                check_threshold(f"{parameter}: {rubric.id}={threshold:g}", threshold, self._background.trust(rubric))

    def renew(self) -> None:
        """Restart with a new run, in the child of a fork, which has none of the parent's threads."""
        self._reset()

    def _reset(self) -> None:
        self._recorder = RunRecorder(self.store, self._background, self._settings)
        self._queue = HistoryQueue(*self._limits)
        self._worker = Worker(
            self._background,
            self._queue,
            self._recorder,
            self.rubrics,
            self._thresholds,
            self._on_flag,
            self.failures,
            self._redact,
        )
        self._start_lock = threading.Lock()
        self._serving: Future[None] | None = None
        self._held: set[Future[None]] = set()  # answers that are waited for, or followed up

    # ---- on the application's threads

    def prepare(self) -> "Future[Any]":
        """Begin to load the judge, or to reach its server, unless that is done; the future ends when it is there.

        Raises:
            UnavailableError: the scorer is closed.
        """
        if self._queue.closed:
            raise UnavailableError("the scorer is closed")
        return self._background.submit(self._background.prepared())

    def ready(self, timeout: float | None = None) -> bool:
        """Load the judge, wait for it `timeout` seconds at most (None: no limit), and return whether it is there.

        Raises:
            UnavailableError, MissingExtraError: a model cannot be had, or the scorer is closed.
            UsageError: a calibration that is asked for is not there.
        """
        try:
            self.prepare().result(timeout)
        except TimeoutError:
            return False
        return True

    def submit(self, history: History) -> None:
        """Queue a history; returns at once, unless the queue is full and `full` is `block`."""
        while not self._accept(history):
            self._queue.wait_for_room(_WORKER_POLL)
            self._begin()

    async def asubmit(self, history: History) -> None:
        """Queue a history as `submit` does; a full queue does not block the event loop."""
        while not self._accept(history):  # noqa: ASYNC110 - another thread makes room
            await asyncio.sleep(_ROOM_POLL)

    def judge_now(
        self, history: History, rubrics: Sequence[Rubric], below: Mapping[str, float]
    ) -> "Future[list[Judgement]]":
        """Judge the last turn of a history on these rubrics, past the queue. Cancel the future when it takes too long.

        Where a score is too low, the history is stored as a separate conversation, `ID#held`, with its judgements, and
        flagged; otherwise nothing is stored: submit the history then. Its reason in words, where it is to have one, and
        `on_flag` follow after the future's result; `flush` and `close` wait for them. The future has a judgement for
        each rubric, or for fewer where a score is too low; without one that is too low it raises what the judge raised.

        Args:
            history: the history.
            rubrics: the rubrics.
            below: rubric id to the lowest score that is not too low.

        Raises:
            UnavailableError: the scorer is closed.
        """
        if self._queue.closed:
            raise UnavailableError("the scorer is closed")
        decision: Future[list[Judgement]] = Future()
        work = self._background.submit(self._worker.judge_now(history, rubrics, below, decision))
        self._held.add(work)

        def end(work: "Future[None]") -> None:
            self._held.discard(work)
            if work.cancelled():
                decision.cancel()
            elif (error := work.exception()) is not None:
                with suppress(InvalidStateError):  # it is decided, or nobody waits for it any more
                    decision.set_exception(error)

        work.add_done_callback(end)
        decision.add_done_callback(lambda decision: decision.cancelled() and work.cancel())
        return decision

    def count_failure(self, action: str, error: BaseException) -> None:
        """Count a turn that could not be judged, and log why."""
        self._queue.count("failed")
        self.failures.warn(action, error)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all submitted histories are judged, `timeout` seconds at most, and return whether they are."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            pause = _WORKER_POLL if until is None else min(_WORKER_POLL, max(0.0, until - time.monotonic()))
            if self._queue.wait_until_done(pause):
                remaining = None if until is None else max(0.0, until - time.monotonic())
                return not wait(set(self._held), remaining).not_done
            if until is not None and time.monotonic() >= until:
                return False
            self._begin()  # restarts a worker that died

    def close(self, timeout: float | None = 10.0) -> None:
        """Wait so long for pending histories (None: for all), store the remaining ones unjudged, and end the run.

        Ctrl-C ends the waiting; the remaining histories are still stored.
        """
        if not self._queue.close():
            return
        try:
            self.flush(timeout)
        finally:
            self._end()

    def _accept(self, history: History) -> bool:
        """Return whether a history is queued, dropped or not in the sample; False where it has to wait for room."""
        if not is_sampled(history.id, self._sample):
            self._queue.count("sampled_out")
            return True
        queued = self._queue.offer(history)
        if queued is not None:
            self._begin()
            self._background.call_soon(self._worker.wake)
        return queued is not False

    def _begin(self) -> None:
        if self._worker_is_alive():
            return
        with self._start_lock:
            if not self._worker_is_alive():
                self._queue.fail_unfinished()
                self._worker.wake = asyncio.Event()
                self._worker.wake.set()
                self._serving = self._background.submit(self._worker.serve())

    def _worker_is_alive(self) -> bool:
        return self._background.working and self._serving is not None and not self._serving.done()

    def _end(self) -> None:
        """End the worker, then store its remaining histories from this thread, since the worker may be stuck."""
        self._background.close()
        for history in self._queue.drain():
            self._worker.record(history)
        try:
            self._recorder.end(not self.counts.left, self._background.spend)
        except Exception as error:  # noqa: BLE001 - the application goes on
            self.failures.warn("ending the run", error)
        self._workspace.close()
