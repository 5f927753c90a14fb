"""The worker that judges an application's conversations, in the background thread of a scorer."""

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar

from convexplain.connectors.message_objects import turns_of
from convexplain.types import Conversation, Judgement, Rubric
from convexplain.workspace import BackgroundJudge

from .failure_log import FailureLog
from .history_queue import History, HistoryQueue
from .run_recorder import RunRecorder
from .threads import Redaction, ThreadConversation, Threads

OnFlag = Callable[[Judgement, Conversation], Awaitable[None] | None]

JUDGING: ContextVar[bool] = ContextVar("convexplain_judging", default=False)
"""True where a worker runs: its judge's calls to a LangChain model are no conversations of the application."""

_HEARTBEAT = 20.0  # seconds


class Worker:
    """A worker that takes histories out of the queue, stores them and judges their new turns; it never raises.

    Args:
        background: the judge; the worker runs in its thread.
        queue: the queue of histories.
        recorder: stores conversations and judgements.
        rubrics: the rubrics.
        thresholds: rubric id to the score below which a judgement is flagged; without one it is the threshold that the
            rubric's calibration proposes, or else the rubric's own.
        on_flag: is called with flagged judgements.
        failures: the log of failures.
        redact: changes conversations before they are judged, stored or flagged.
    """

    def __init__(
        self,
        background: BackgroundJudge,
        queue: HistoryQueue,
        recorder: RunRecorder,
        rubrics: Sequence[Rubric],
        thresholds: Mapping[str, float],
        on_flag: OnFlag | None,
        failures: FailureLog,
        redact: Redaction | None = None,
    ) -> None:
        self.wake = asyncio.Event()
        self._background = background
        self._queue = queue
        self._recorder = recorder
        self._rubrics = rubrics
        self._thresholds = thresholds
        self._on_flag = on_flag
        self._failures = failures
        self._threads = Threads("langchain", redact=redact)
        self._store_lock = threading.Lock()

    async def serve(self) -> None:
        """Work until it is cancelled; read the queue whenever `wake` is set."""
        JUDGING.set(True)
        model = self._background.model
        open_at_once = asyncio.Semaphore(max(4, model.in_flight * model.batch))
        with contextlib.suppress(Exception):  # each turn records why it could not be judged
            await self._background.prepared()
        heartbeat = asyncio.create_task(self._heartbeat())
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                await self.wake.wait()
                self.wake.clear()
                while True:
                    await open_at_once.acquire()
                    if (history := self._queue.next()) is None:
                        open_at_once.release()
                        break
                    # Histories are stored in their order of arrival, and before they are judged.
                    talk = self.record(history)
                    until = 0 if talk is None else len(talk.conversation.turns)
                    task = asyncio.create_task(self._judge_all(talk, until))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                    task.add_done_callback(lambda _: open_at_once.release())
        finally:
            heartbeat.cancel()

    def record(self, history: History) -> ThreadConversation | None:
        """Add a history to its conversation and store that; return it, or None where the history cannot be read."""
        with self._store_lock:
            try:
                turns = turns_of(history.messages)
                if not turns:
                    return None
                if history.first_new is None:
                    talk = self._threads.add_history(history.id, turns)
                else:
                    talk = self._threads.standalone(history.id, turns, history.first_new)
            except Exception as error:  # noqa: BLE001 - messages may be anything
                self._count_failure("reading a conversation", error)
                return None
            try:
                self._recorder.record_conversation(talk)
            except Exception as error:  # noqa: BLE001 - a store that is away must not end the judging
                self._failures.warn("keeping a conversation", error)
            return talk

    async def _judge_all(self, talk: ThreadConversation | None, until: int) -> None:
        """Judge a conversation's new turns before `until`. If cancelled, it stays pending, and counts as left."""
        try:
            if talk is not None:
                async with talk.order:
                    for turn, rubrics in talk.to_judge(self._rubrics, until):
                        await self._judge(talk, turn, rubrics)
        except Exception as error:  # noqa: BLE001 - callers of flush wait for pending histories
            self._count_failure("judging a conversation", error)
        self._queue.count("pending", -1)

    async def judge_now(
        self, history: History, rubrics: Sequence[Rubric], below: Mapping[str, float]
    ) -> list[Judgement]:
        """Judge as `Scorer.judge_now`; raises what the judge raises."""
        JUDGING.set(True)
        turns = turns_of(history.messages)
        talk = self._threads.standalone(f"{history.id}#held", turns, len(turns))
        judge, last = self._background.judge_turn, len(turns) - 1
        judgements = await asyncio.gather(*(judge(talk.visible, last, rubric) for rubric in rubrics))
        if any(judgement.score is not None and judgement.score < below[judgement.rubric] for judgement in judgements):
            pairs = zip(rubrics, judgements, strict=True)
            records = [self._record_judgement(talk, rubric, judgement) for rubric, judgement in pairs]
            self._queue.count("judged" if all(records) else "failed")
            for judgement in judgements:
                await self._flag(judgement, talk.visible, below)
        return judgements

    async def _judge(self, talk: ThreadConversation, turn: int, rubrics: Sequence[Rubric]) -> None:
        """Judge one turn on these rubrics, store the judgements and flag the low ones."""
        judge = self._background.judge_turn
        conversation = talk.visible
        outcomes = await asyncio.gather(
            *(judge(conversation, turn, rubric) for rubric in rubrics), return_exceptions=True
        )
        judgements: list[Judgement] = []
        complete = True
        below = {rubric.id: self._background.as_judged(rubric).threshold for rubric in rubrics}
        below.update(self._thresholds)
        for rubric, outcome in zip(rubrics, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                complete = False
                self._failures.warn("judging a turn", outcome)
                continue
            judgements.append(outcome)
            talk.judged.add((turn, rubric.sha))
            complete = self._record_judgement(talk, rubric, outcome) and complete and outcome.score is not None
        self._queue.count("judged" if complete else "failed")
        for judgement in judgements:
            await self._flag(judgement, conversation, below)

    def _record_judgement(self, talk: ThreadConversation, rubric: Rubric, judgement: Judgement) -> bool:
        with self._store_lock:
            try:
                self._recorder.record_judgement(talk, rubric, judgement)
            except Exception as error:  # noqa: BLE001 - a store that is away must not end the judging
                self._failures.warn("keeping a judgement", error)
                return False
            return True

    async def _flag(self, judgement: Judgement, conversation: Conversation, below: Mapping[str, float]) -> None:
        if self._on_flag is None or judgement.score is None or judgement.score >= below[judgement.rubric]:
            return
        try:
            result = self._on_flag(judgement, conversation.until(judgement.turn))
            if inspect.isawaitable(result):
                await result
        except Exception as error:  # noqa: BLE001 - the user's own code
            self._failures.warn("on_flag", error)

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            with contextlib.suppress(Exception):  # storing the judgements fails too, and is logged
                self._recorder.record_heartbeat(self._background.spend)

    def _count_failure(self, action: str, error: BaseException) -> None:
        self._queue.count("failed")
        self._failures.warn(action, error)
