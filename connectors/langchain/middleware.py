"""Middleware for LangChain's agents that judges finished conversations, and holds back answers on request."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Unpack
from uuid import uuid4

from convexplain.connectors.message_objects import ORIGIN, is_answer, turns_of
from convexplain.errors import MissingExtraError, UsageError
from convexplain.rubrics import HEADLINE
from convexplain.store import RunStore
from convexplain.types import Judgement
from convexplain.workspace import JudgeLike, JudgeOptions

from .arguments import Rubrics, check_share
from .history_queue import Counts, History
from .runs import THREAD_KEYS, configurable, thread_of
from .scorer import Scorer
from .threads import Redaction
from .worker import OnFlag

try:
    from langchain.agents.middleware import AgentMiddleware, AgentState, hook_config
    from langchain.agents.middleware.types import PrivateStateAttr
    from langchain_core.messages import AIMessage, RemoveMessage
    from langgraph.channels.untracked_value import UntrackedValue
except ImportError as error:
    raise MissingExtraError("Middleware for agents", "langchain") from error

REPLACEMENT = "I am sorry, I cannot give you a good answer to that."


class HeldState(AgentState[Any]):
    """An agent's state, with the number of answers of this call that were held back."""

    convexplain_held: NotRequired[Annotated[int, UntrackedValue, PrivateStateAttr]]


class ConvexplainMiddleware(AgentMiddleware[HeldState, Any]):
    """A middleware that judges an agent's answers, in the background, or before they go out.

    Without `hold_back` it hands the conversation to a `Scorer` when the agent is done, and changes nothing.

    With `hold_back` it is on the hot path, by your choice: each answer is judged on these rubrics before the agent is
    done, and the caller waits for the judge. An answer that scores too low is regenerated, `retries` times, and then
    replaced. One that cannot be judged in time goes out, and counts as failed. Tokens that your application streams
    out while the model writes them cannot be held back. Answers that were held back are stored in the run, too.

    Args:
        judge, rubrics, store, thresholds, on_flag, sample, queue, full, redact, options: as of `Scorer`.
        hold_back: rubric id to the score below which an answer does not go out, e.g. `{"harm": 0.5}`. Scores are in
            [0, 1], and 1 always means satisfied: a harmful answer has a low `harm` score. `on_flag` is called for it.
        replacement: the text that goes out in its place.
        retries: how often the model is asked again before that.
        patience: seconds that the judge has for one answer.
        thread_keys: which entries of a call's metadata or configuration name its thread, the first that is there.
        scorer: a scorer to share, in place of all arguments of `Scorer`; it is not closed.

    Raises:
        UsageError, RubricError, StoreError: an argument is not valid, or the store cannot be opened.
    """

    state_schema = HeldState

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
        hold_back: Mapping[str, float] | None = None,
        replacement: str = REPLACEMENT,
        retries: int = 0,
        patience: float = 20.0,
        thread_keys: Sequence[str] = THREAD_KEYS,
        redact: Redaction | None = None,
        scorer: Scorer | None = None,
        **options: Unpack[JudgeOptions],
    ) -> None:
        super().__init__()
        if retries < 0:
            raise UsageError(f"retries={retries} is not valid; it must be at least 0")
        if patience <= 0:
            raise UsageError(f"patience={patience} is not valid; it must be above 0")
        self._hold_back = {name: check_share(f"hold_back: {name}", score) for name, score in (hold_back or {}).items()}
        self.scorer = scorer or Scorer(
            judge, rubrics, store, thresholds, on_flag, sample, queue, full, redact=redact, **options
        )
        by_id = {rubric.id: rubric for rubric in self.scorer.rubrics}
        if missing := self._hold_back.keys() - by_id:
            raise UsageError(
                f"hold_back: {', '.join(sorted(missing))} is none of the rubrics, which are: {', '.join(by_id)}"
            )
        self._rubrics = [by_id[name] for name in self._hold_back]
        self._shared = scorer is not None
        self._replacement = replacement
        self._retries = retries
        self._patience = patience
        self._keys = tuple(thread_keys)

    @property
    def counts(self) -> Counts:
        """Return the counts of turns and histories by outcome, up to now."""
        return self.scorer.counts

    def close(self, timeout: float | None = 10.0) -> None:
        """Close the scorer, unless it is shared."""
        if not self._shared:
            self.scorer.close(timeout)

    @hook_config(can_jump_to=["model"])
    def after_agent(self, state: HeldState, runtime: Any) -> dict[str, Any] | None:
        """Submit the conversation; with `hold_back`, judge the answer first."""
        update: dict[str, Any] | None = None
        try:
            history = self._history(state)
            outgoing: History | None = history
            if self._holds_back(history):
                update, outgoing = self._decision(state, history, self._judgements(history))
            if outgoing is not None:
                self.scorer.submit(outgoing)
        except Exception as error:  # noqa: BLE001 - no failure may reach the application
            self.scorer.failures.warn("after_agent", error)
        return update

    @hook_config(can_jump_to=["model"])
    async def aafter_agent(self, state: HeldState, runtime: Any) -> dict[str, Any] | None:
        """Do the same as `after_agent`, without blocking the event loop."""
        update: dict[str, Any] | None = None
        try:
            history = self._history(state)
            outgoing: History | None = history
            if self._holds_back(history):
                update, outgoing = self._decision(state, history, await self._ajudgements(history))
            if outgoing is not None:
                await self.scorer.asubmit(outgoing)
        except Exception as error:  # noqa: BLE001 - no failure may reach the application
            self.scorer.failures.warn("after_agent", error)
        return update

    def _history(self, state: HeldState) -> History:
        from langgraph.config import get_config

        messages = list(state["messages"])
        metadata: Mapping[str, Any] = get_config().get("metadata") or {}
        thread = thread_of(metadata, self._keys) or thread_of(configurable(), self._keys)
        if thread is not None:
            return History(thread, messages)
        question = max((index for index, message in enumerate(messages) if message.type == "human"), default=-1)
        return History(str(uuid4()), messages, question + 1)

    def _holds_back(self, history: History) -> bool:
        """Return whether the history ends with an answer that may have to be held back."""
        return bool(self._rubrics) and any(map(is_answer, turns_of(history.messages[-1:])))

    def _judgements(self, history: History) -> list[Judgement]:
        """Return the judgements of the answer; an empty list where they are not ready in time."""
        work = self.scorer.judge_now(history, self._rubrics, self._hold_back)
        return self._outcome(work, self._patience)

    async def _ajudgements(self, history: History) -> list[Judgement]:
        """Return the same as `_judgements`, without a waiting thread: an event loop has few of them."""
        work = self.scorer.judge_now(history, self._rubrics, self._hold_back)
        future = asyncio.wrap_future(work)
        future.add_done_callback(lambda done: done.cancelled() or done.exception())  # an error is read from `work`
        try:
            await asyncio.wait([future], timeout=self._patience)
        except asyncio.CancelledError:  # the application no longer waits for the answer
            work.cancel()
            raise
        return self._outcome(work, 0)

    def _outcome(self, work: "Future[list[Judgement]]", patience: float) -> list[Judgement]:
        try:
            return work.result(patience)
        except Exception as error:  # noqa: BLE001 - after any failure the answer goes out
            work.cancel()
            self.scorer.count_failure("judging an answer that was waited for", error)
            return []

    def _decision(
        self, state: HeldState, history: History, judgements: Sequence[Judgement]
    ) -> tuple[dict[str, Any] | None, History | None]:
        """Return the update of the state, and the history that goes out; either may be None."""
        limits = self._hold_back
        if not any(
            judgement.score is not None and judgement.score < limits[judgement.rubric] for judgement in judgements
        ):
            return None, history
        answer = history.messages[-1]
        held_count = state.get("convexplain_held") or 0
        if held_count < self._retries:
            retry = {"messages": [RemoveMessage(answer.id)], "jump_to": "model", "convexplain_held": held_count + 1}
            return retry, None
        origin = {ORIGIN: "in place of an answer that was held back"}
        replacement = AIMessage(self._replacement, id=answer.id, additional_kwargs=origin)
        return {"messages": [replacement]}, replace(history, messages=[*history.messages[:-1], replacement])
