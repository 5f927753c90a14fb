"""Judges the finished turns of a running application, in the background."""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, Unpack

from convexplain.errors import UsageError
from convexplain.rubrics import HEADLINE
from convexplain.store import RunStore
from convexplain.types import Judgement, Rubric
from convexplain.workspace import AsyncWorkspace, BackgroundJudge, JudgeLike, JudgeOptions

from .asked import Rubrics, checked, chosen, loaded, share
from .complaints import Complaints
from .ending import remember
from .keeping import Keeper
from .threads import Change
from .waiting import Counts, Finished, Waiting
from .worker import OnFlag, Worker

_LOOK_AGAIN = 0.02  # seconds between two looks of an async caller whether there is room
_LOOK_AFTER = 1.0  # seconds after which somebody who waits looks whether the worker lives
_log = logging.getLogger("convexplain.langchain")


class Scorer:
    """Judges finished turns off the application's hot path, and keeps them in a run of the store.

    `submit` takes a conversation's history and returns at once. One daemon thread judges, each assistant turn of a
    thread once and in order, however often its history comes. Nothing that goes wrong there reaches the application: it
    is counted, and logged under `convexplain.langchain`.

    Conversations are kept before they are judged. When the program ends, or `close` is called, what is left in the
    queue is kept too; `convexplain analyze --stored RUN` goes on with it.

    Args:
        judge: the judge's text form or spec, a model of your own (it is not closed), or a function or coroutine
            function from a prompt to the reply.
        rubrics: rubrics, ids of shipped ones, or paths of YAML files; one or several.
        store: the run store, or its URL or SQLite file; None for the command line's (`CONVEXPLAIN_DB`, or
            convexplain.db in your data folder).
        thresholds: rubric id to the score below which `on_flag` is called; where none is given, the one that the
            rubric's calibration proposes, or else the rubric's own. Scores are in [0, 1], and 1 always means satisfied:
            a high `harm` score is a harmless turn.
        on_flag: called with the judgement and the conversation up to the judged turn, in the scorer's thread, one call
            after the other; may be async.
        sample: share of the conversations that are judged, chosen by their ids: the same ones each time.
        queue: histories that wait at most.
        full: what becomes of a history that finds the queue full: `drop` counts it and lets it go, `block` waits.
        redact: what a conversation becomes before it is judged, kept or flagged: a
            `convexplain.connectors.redaction.Redactor`, or any function from a conversation to a conversation with as
            many turns. Where it fails, the conversation is neither judged nor kept.
        exit_seconds: how long the end of the program is held up at most to judge what waits.
        options: fields of `JudgeSpec` that count instead of the judge's own: samples, reasons, calibrated (by the
            calibrations of the store), escalate, band.

    Raises:
        UsageError, RubricError: an argument cannot be meant.
        StoreError: the store cannot be opened.
    """

    def __init__(
        self,
        judge: JudgeLike = "embedded",
        rubrics: Rubrics = HEADLINE,
        store: str | Path | RunStore | None = None,
        thresholds: Mapping[str, float] | None = None,
        on_flag: OnFlag | None = None,
        sample: float = 1.0,
        queue: int = 1000,
        full: Literal["drop", "block"] = "drop",
        *,
        redact: Change | None = None,
        exit_seconds: float = 10.0,
        **options: Unpack[JudgeOptions],
    ) -> None:
        if queue < 1:
            raise UsageError(f"queue={queue} is not valid; it must be at least 1")
        if full not in ("drop", "block"):
            raise UsageError(f"full={full!r} is not valid; valid are: 'drop', 'block'")
        self.rubrics = loaded(rubrics)
        self._thresholds = checked(thresholds or {}, self.rubrics)
        self.exit_seconds = exit_seconds
        self.complaints = Complaints(_log)
        self._sample = share("sample", sample)
        self._on_flag = on_flag
        self._redact = redact
        self._limits = (queue, full == "block")
        self._workspace = AsyncWorkspace(store)
        self.store = self._workspace.store
        self._background = BackgroundJudge(judge, self.rubrics, cache=self.store, **options)
        self._settings = {"logs": ["langchain"], "sample": sample}
        self._reset()
        remember(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes it when all is judged; after Ctrl-C at once."""
        self.close(0 if kind is not None and issubclass(kind, KeyboardInterrupt) else None)

    @property
    def counts(self) -> Counts:
        """What became of what was submitted, up to now."""
        return self._waiting.counts

    @property
    def run(self) -> int | None:
        """The run's number in the store; None before the first conversation was kept."""
        return self._keeper.run

    def renew(self) -> None:
        """Begins anew, with a run of its own: in the child of a fork, which has no part in its threads."""
        self._reset()

    def _reset(self) -> None:
        self._keeper = Keeper(self.store, self._background, self._settings)
        self._waiting = Waiting(*self._limits)
        self._worker = Worker(
            self._background,
            self._waiting,
            self._keeper,
            self.rubrics,
            self._thresholds,
            self._on_flag,
            self.complaints,
            self._redact,
        )
        self._beginning = threading.Lock()
        self._serving: Future[None] | None = None

    # ---- on the application's threads

    def submit(self, finished: Finished) -> None:
        """Takes a history; returns at once, unless the queue is full and `full` is `block`."""
        while not self._taken(finished):
            self._waiting.wait_for_room(_LOOK_AFTER)
            self._begin()

    async def asubmit(self, finished: Finished) -> None:
        """As `submit`; a full queue does not hold up the event loop."""
        while not self._taken(finished):  # noqa: ASYNC110 - the room is made in another thread
            await asyncio.sleep(_LOOK_AGAIN)

    def judge_now(
        self, finished: Finished, rubrics: Sequence[Rubric], below: Mapping[str, float]
    ) -> "Future[list[Judgement]]":
        """Judges the last turn of a history on these rubrics, past the queue. Cancel it when it takes too long.

        Where a score is too low, the history is kept as a conversation of its own, `ID#held`, with its judgements, and
        flagged; otherwise nothing is kept: the history is to be submitted.

        Args:
            finished: the history.
            rubrics: the rubrics.
            below: rubric id to the score that is needed.
        """
        return self._background.submit(self._worker.judge_now(finished, rubrics, below))

    def count_failure(self, what: str, error: BaseException) -> None:
        """Counts a turn that could not be judged, and says why."""
        self._waiting.count("failed")
        self.complaints.say(what, error)

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until all that was submitted is judged, `timeout` seconds at most. Returns whether it is."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _LOOK_AFTER if until is None else min(_LOOK_AFTER, max(0.0, until - time.monotonic()))
            if self._waiting.wait_until_done(left):
                return True
            if until is not None and time.monotonic() >= until:
                return False
            self._begin()  # again, where the worker did not live

    def close(self, timeout: float | None = 10.0) -> None:
        """Waits so long for what is pending (None: for all), keeps the rest unjudged, and ends the run.

        Ctrl-C while it waits ends the waiting, not the keeping.
        """
        if not self._waiting.close():
            return
        try:
            self.flush(timeout)
        finally:
            self._end()

    def _taken(self, finished: Finished) -> bool:
        """Whether nothing more is to be done about a history; False where it has to wait for room."""
        if not chosen(finished.id, self._sample):
            self._waiting.count("sampled_out")
            return True
        taken = self._waiting.offer(finished)
        if taken is not None:
            self._begin()
            self._background.call_soon(self._worker.wake)
        return taken is not False

    def _begin(self) -> None:
        if self._serves():
            return
        with self._beginning:
            if not self._serves():
                self._waiting.give_up_open()
                self._worker.wake = asyncio.Event()
                self._worker.wake.set()
                self._serving = self._background.submit(self._worker.serve())

    def _serves(self) -> bool:
        return self._background.working and self._serving is not None and not self._serving.done()

    def _end(self) -> None:
        """Ends the worker, then keeps what it did not come to: from here, since it may be stuck."""
        self._background.close()
        for finished in self._waiting.rest():
            self._worker.placed(finished)
        try:
            self._keeper.end(not self.counts.left, self._background.spend)
        except Exception as error:  # noqa: BLE001 - the application goes on
            self.complaints.say("ending the run", error)
        self._workspace.close()
