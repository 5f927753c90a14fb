"""The worker that judges an application's conversations, in the background thread of a scorer."""

import asyncio
import contextlib
import inspect
import json
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextvars import ContextVar
from dataclasses import replace

from convexplain.connectors.message_objects import answer_tool, is_answer, turns_of, with_structured_answers
from convexplain.errors import UsageError
from convexplain.types import Conversation, Judgement, Rubric, Turn
from convexplain.workspace import BackgroundJudge, check_threshold, threshold_remark

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
        on_flag: is called with flagged judgements and their conversations, which have the trust in their metadata.
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
        self._structured_tools: set[str] = set()  # by whose call agents give their structured responses
        self._store_lock = threading.Lock()

    async def serve(self) -> None:
        """Work until it is cancelled; read the queue whenever `wake` is set."""
        JUDGING.set(True)
        model = self._background.model
        open_at_once = asyncio.Semaphore(max(4, model.in_flight * model.batch))
        with contextlib.suppress(Exception):  # each turn records why it could not be judged
            await self._background.prepared()
            self._check_thresholds()
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
                turns, first_new = self._turns(history)
                if not turns:
                    return None
                if first_new is None:
                    talk = self._threads.add_history(history.id, turns)
                else:
                    talk = self._threads.standalone(history.id, turns, first_new)
            except Exception as error:  # noqa: BLE001 - messages may be anything
                self._count_failure("reading a conversation", error)
                return None
            try:
                self._recorder.record_conversation(talk)
            except Exception as error:  # noqa: BLE001 - a store that is away must not end the judging
                self._failures.warn("keeping a conversation", error)
            return talk

    def _turns(self, history: History) -> tuple[tuple[Turn, ...], int | None]:
        """Return a history's turns, with structured responses as answers, and the index of its first new one."""
        messages, first_new = list(history.messages), history.first_new
        if history.structured is not None and (tool := answer_tool(messages)) is not None:
            self._structured_tools.add(tool)
        if self._structured_tools:
            before = with_structured_answers(messages[: first_new or 0], self._structured_tools)
            after = with_structured_answers(messages[first_new or 0 :], self._structured_tools)
            messages, first_new = before + after, None if first_new is None else len(before)
        turns = turns_of(messages)
        if history.structured is not None and answer_tool(history.messages) is None and not _is_json(turns):
            reason = "it is in no message" if not turns or not is_answer(turns[-1]) else "the last message is judged"
            self._failures.warn("judging a structured response", UsageError(reason))
        return turns, first_new

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
        self,
        history: History,
        rubrics: Sequence[Rubric],
        below: Mapping[str, float],
        decision: "Future[list[Judgement]]",
    ) -> None:
        """Judge as `Scorer.judge_now`; raises what the judge raises, unless a score of another rubric is too low.

        Args:
            history, rubrics, below: as of `Scorer.judge_now`.
            decision: gets the judgements as soon as the scores are there: who waits for it waits neither for reasons in
                words nor for `on_flag`.
        """
        JUDGING.set(True)
        await self._background.prepared()
        for rubric in rubrics:
            self._check_threshold("hold_back", rubric, below[rubric.id])
        turns, _ = self._turns(history)
        if not turns or not is_answer(turns[-1]):
            raise UsageError("the last message has no text that could be judged")
        talk = self._threads.standalone(f"{history.id}#held", turns, len(turns))
        judge, last = self._background.judge_turn, len(turns) - 1
        outcomes = await asyncio.gather(
            *(judge(talk.visible, last, rubric, reasons=False) for rubric in rubrics), return_exceptions=True
        )
        pairs = zip(rubrics, outcomes, strict=True)
        judged = [(rubric, outcome) for rubric, outcome in pairs if isinstance(outcome, Judgement)]
        if any(judgement.score is not None and judgement.score < below[rubric.id] for rubric, judgement in judged):
            records = [self._record_judgement(talk, rubric, judgement) for rubric, judgement in judged]
            self._queue.count("judged" if all(records) and len(records) == len(rubrics) else "failed")
            _decide(decision, judged)
            for rubric, judgement in judged:
                explained = await self._explained(talk, rubric, judgement)
                await self._flag(rubric, explained, talk.visible, below)
            return
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        _decide(decision, judged)

    async def _explained(self, talk: ThreadConversation, rubric: Rubric, judgement: Judgement) -> Judgement:
        """Return the judgement of a held answer with its reason in words, where it is to have one; store that."""
        try:
            explained = await self._background.judge_turn(talk.visible, judgement.turn, rubric)
        except Exception as error:  # noqa: BLE001 - it is held whether a reason can be had or not
            self._failures.warn("explaining a held answer", error)
            return judgement
        if explained.score != judgement.score or explained == judgement:
            return judgement
        self._record_judgement(talk, rubric, explained)
        return explained

    async def _judge(self, talk: ThreadConversation, turn: int, rubrics: Sequence[Rubric]) -> None:
        """Judge one turn on these rubrics, store the judgements and flag the low ones."""
        judge = self._background.judge_turn
        conversation = talk.visible
        outcomes = await asyncio.gather(
            *(judge(conversation, turn, rubric) for rubric in rubrics), return_exceptions=True
        )
        judgements: list[tuple[Rubric, Judgement]] = []
        complete = True
        below = {rubric.id: self._background.as_judged(rubric).threshold for rubric in rubrics}
        below.update(self._thresholds)
        for rubric, outcome in zip(rubrics, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                complete = False
                self._failures.warn("judging a turn", outcome)
                continue
            judgements.append((rubric, outcome))
            talk.judged.add((turn, rubric.sha))
            complete = self._record_judgement(talk, rubric, outcome) and complete and outcome.score is not None
        self._queue.count("judged" if complete else "failed")
        for rubric, judgement in judgements:
            await self._flag(rubric, judgement, conversation, below)

    def _record_judgement(self, talk: ThreadConversation, rubric: Rubric, judgement: Judgement) -> bool:
        with self._store_lock:
            try:
                self._recorder.record_judgement(talk, rubric, judgement)
            except Exception as error:  # noqa: BLE001 - a store that is away must not end the judging
                self._failures.warn("keeping a judgement", error)
                return False
            return True

    async def _flag(
        self, rubric: Rubric, judgement: Judgement, conversation: Conversation, below: Mapping[str, float]
    ) -> None:
        if self._on_flag is None or judgement.score is None or judgement.score >= below[judgement.rubric]:
            return
        try:
            flagged = conversation.until(judgement.turn)
            trust = self._background.trust(rubric).to_dict()
            result = self._on_flag(judgement, replace(flagged, metadata={**flagged.metadata, "trust": trust}))
            if inspect.isawaitable(result):
                await result
        except Exception as error:  # noqa: BLE001 - the user's own code
            self._failures.warn("on_flag", error)

    def _check_thresholds(self) -> None:
        """Log which of the thresholds below which `on_flag` is called mean little, now that the judge is known."""
        for rubric in self._rubrics if self._on_flag is not None else ():
            threshold = self._thresholds.get(rubric.id, self._background.as_judged(rubric).threshold)
            try:
                if threshold > 0:  # with 0 nothing is flagged
                    self._check_threshold("thresholds", rubric, threshold)
            except UsageError as error:
                self._failures.remark(str(error))

    def _check_threshold(self, parameter: str, rubric: Rubric, threshold: float) -> None:
        """Log once what speaks against acting on the judge's scores; UsageError where it cannot reach the threshold."""
        trust = self._background.trust(rubric)
        check_threshold(f"{parameter}: {rubric.id}={threshold:g}", threshold, trust)
        if remark := threshold_remark(trust):
            self._failures.remark(f"{parameter}: {rubric.id}={threshold:g}: {remark}")

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            with contextlib.suppress(Exception):  # storing the judgements fails too, and is logged
                self._recorder.record_heartbeat(self._background.spend)

    def _count_failure(self, action: str, error: BaseException) -> None:
        self._queue.count("failed")
        self._failures.warn(action, error)


def _decide(decision: "Future[list[Judgement]]", judged: Sequence[tuple[Rubric, Judgement]]) -> None:
    with contextlib.suppress(InvalidStateError):  # nobody waits for it any more
        decision.set_result([judgement for _, judgement in judged])


def _is_json(turns: Sequence[Turn]) -> bool:
    """Return whether the last turn is an answer in JSON."""
    if not turns or not is_answer(turns[-1]):
        return False
    try:
        json.loads(turns[-1].content)
    except ValueError:
        return False
    return True
