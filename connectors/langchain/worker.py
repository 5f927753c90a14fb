"""What judges an application's conversations, in the thread of its own that a scorer has."""

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar

from convexplain.connectors.message_objects import turns_of
from convexplain.types import Conversation, Judgement, Rubric
from convexplain.workspace import BackgroundJudge

from .complaints import Complaints
from .keeping import Keeper
from .threads import Change, Talk, Threads
from .waiting import Finished, Waiting

OnFlag = Callable[[Judgement, Conversation], Awaitable[None] | None]

JUDGING: ContextVar[bool] = ContextVar("convexplain_judging", default=False)
"""Set where a worker is at work: what its own judge asks of a LangChain model is no conversation of the application."""

_SIGN_OF_LIFE = 20.0  # seconds


class Worker:
    """Takes histories out of the queue, keeps them and judges what is new in them; nothing of it raises.

    Args:
        background: the judge, in whose thread it works.
        waiting: the queue.
        keeper: where conversations and judgements are kept.
        rubrics: what is judged.
        thresholds: rubric id to the score below which a judgement is flagged; the rubric's own, or the one that its
            calibration proposes, where none is given.
        on_flag: is told of flagged judgements.
        complaints: where trouble is told.
        redact: what conversations become before they are judged, kept or flagged.
    """

    def __init__(
        self,
        background: BackgroundJudge,
        waiting: Waiting,
        keeper: Keeper,
        rubrics: Sequence[Rubric],
        thresholds: Mapping[str, float],
        on_flag: OnFlag | None,
        complaints: Complaints,
        redact: Change | None = None,
    ) -> None:
        self.wake = asyncio.Event()
        self._background = background
        self._waiting = waiting
        self._keeper = keeper
        self._rubrics = rubrics
        self._thresholds = thresholds
        self._on_flag = on_flag
        self._complaints = complaints
        self._threads = Threads("langchain", redact=redact)
        self._placing = threading.Lock()

    async def serve(self) -> None:
        """Works until it is cancelled; looks into the queue whenever `wake` is set."""
        JUDGING.set(True)
        model = self._background.model
        open_at_once = asyncio.Semaphore(max(4, model.in_flight * model.batch))
        with contextlib.suppress(Exception):  # each turn says why it could not be judged
            await self._background.prepared()
        signs = asyncio.create_task(self._signs_of_life())
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                await self.wake.wait()
                self.wake.clear()
                while True:
                    await open_at_once.acquire()
                    if (finished := self._waiting.next()) is None:
                        open_at_once.release()
                        break
                    # Kept in the order in which they came, and before they are judged.
                    talk = self.placed(finished)
                    until = 0 if talk is None else len(talk.conversation.turns)
                    task = asyncio.create_task(self._judge_all(talk, until))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                    task.add_done_callback(lambda _: open_at_once.release())
        finally:
            signs.cancel()

    def placed(self, finished: Finished) -> Talk | None:
        """The conversation that a history belongs to, with what it adds kept in the store."""
        with self._placing:
            try:
                turns = turns_of(finished.messages)
                if not turns:
                    return None
                if finished.given is None:
                    talk = self._threads.place(finished.id, turns)
                else:
                    talk = self._threads.alone(finished.id, turns, finished.given)
            except Exception as error:  # noqa: BLE001 - messages may be anything
                self._failed("reading a conversation", error)
                return None
            try:
                self._keeper.keep(talk)
            except Exception as error:  # noqa: BLE001 - a store that is away must not end the judging
                self._complaints.say("keeping a conversation", error)
            return talk

    async def _judge_all(self, talk: Talk | None, until: int) -> None:
        """Judges what is new in a conversation before that turn. Cancelled, it stays pending, and counts as left."""
        try:
            if talk is not None:
                async with talk.order:
                    for turn, rubrics in talk.to_judge(self._rubrics, until):
                        await self._judge(talk, turn, rubrics)
        except Exception as error:  # noqa: BLE001 - others wait for what is pending
            self._failed("judging a conversation", error)
        self._waiting.count("pending", -1)

    async def judge_now(
        self, finished: Finished, rubrics: Sequence[Rubric], below: Mapping[str, float]
    ) -> list[Judgement]:
        """As `Scorer.judge_now`; raises what the judge raises."""
        JUDGING.set(True)
        turns = turns_of(finished.messages)
        held = self._threads.alone(f"{finished.id}#held", turns, len(turns))
        judge, last = self._background.judge_turn, len(turns) - 1
        judgements = await asyncio.gather(*(judge(held.shown, last, rubric) for rubric in rubrics))
        if any(item.score is not None and item.score < below[item.rubric] for item in judgements):
            pairs = zip(rubrics, judgements, strict=True)
            outcomes = [self._kept(held, rubric, judgement) for rubric, judgement in pairs]
            self._waiting.count("judged" if all(outcomes) else "failed")
            for judgement in judgements:
                await self._flag(judgement, held.shown, below)
        return judgements

    async def _judge(self, talk: Talk, turn: int, rubrics: Sequence[Rubric]) -> None:
        """Judges one turn on these rubrics, keeps the judgements and flags the low ones."""
        judge = self._background.judge_turn
        conversation = talk.shown
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
                self._complaints.say("judging a turn", outcome)
                continue
            judgements.append(outcome)
            talk.done.add((turn, rubric.sha))
            complete = self._kept(talk, rubric, outcome) and complete and outcome.score is not None
        self._waiting.count("judged" if complete else "failed")
        for judgement in judgements:
            await self._flag(judgement, conversation, below)

    def _kept(self, talk: Talk, rubric: Rubric, judgement: Judgement) -> bool:
        with self._placing:
            try:
                self._keeper.keep_judgement(talk, rubric, judgement)
            except Exception as error:  # noqa: BLE001 - a store that is away must not end the judging
                self._complaints.say("keeping a judgement", error)
                return False
            return True

    async def _flag(self, judgement: Judgement, conversation: Conversation, below: Mapping[str, float]) -> None:
        if self._on_flag is None or judgement.score is None or judgement.score >= below[judgement.rubric]:
            return
        try:
            waited = self._on_flag(judgement, conversation.until(judgement.turn))
            if inspect.isawaitable(waited):
                await waited
        except Exception as error:  # noqa: BLE001 - the user's own code
            self._complaints.say("on_flag", error)

    async def _signs_of_life(self) -> None:
        while True:
            await asyncio.sleep(_SIGN_OF_LIFE)
            with contextlib.suppress(Exception):  # the judgements meet it too, and say so
                self._keeper.alive(self._background.spend)

    def _failed(self, what: str, error: BaseException) -> None:
        self._waiting.count("failed")
        self._complaints.say(what, error)
