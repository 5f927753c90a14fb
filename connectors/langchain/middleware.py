"""Middleware for LangChain's agents: hands finished conversations on, and holds back answers where that is wanted."""

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

from .asked import Rubrics, share
from .runs import THREAD_KEYS, configurable, thread_of
from .scorer import Scorer
from .threads import Change
from .waiting import Counts, Finished
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
    """An agent's state, with how often an answer of this call was held back."""

    convexplain_held: NotRequired[Annotated[int, UntrackedValue, PrivateStateAttr]]


class ConvexplainMiddleware(AgentMiddleware[HeldState, Any]):
    """Judges an agent's answers, in the background, or before they go out.

    Without `hold_back` it hands the conversation to a `Scorer` when the agent is done, and changes nothing.

    With `hold_back` it is on the hot path, by your choice: each answer is judged on these rubrics before the agent is
    done, and the caller waits for the judge. An answer that scores too low is made anew, `retries` times, and then
    replaced. One that cannot be judged in time goes out, and is counted as failed. Tokens that your application
    streams out while the model writes them cannot be held back. What was held back is kept in the run, too.

    Args:
        judge, rubrics, store, thresholds, on_flag, sample, queue, full, redact, options: as of `Scorer`.
        hold_back: rubric id to the score below which an answer does not go out, e.g. `{"harm": 0.5}`. Scores are in
            [0, 1], and 1 always means satisfied: a harmful answer has a low `harm` score. `on_flag` hears of it.
        replacement: what goes out in its place.
        retries: how often the model is asked again before that.
        patience: seconds that the judge has for one answer.
        thread_keys: which entries of a call's metadata or configuration name its thread, the first that is there.
        scorer: a scorer to share, instead of all that `Scorer` takes; it is not closed.

    Raises:
        UsageError, RubricError, StoreError: an argument cannot be meant, or the store cannot be opened.
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
        redact: Change | None = None,
        scorer: Scorer | None = None,
        **options: Unpack[JudgeOptions],
    ) -> None:
        super().__init__()
        if retries < 0:
            raise UsageError(f"retries={retries} is not valid; it must be at least 0")
        if patience <= 0:
            raise UsageError(f"patience={patience} is not valid; it must be above 0")
        self._hold_back = {name: share(f"hold_back: {name}", value) for name, value in (hold_back or {}).items()}
        self.scorer = scorer or Scorer(
            judge, rubrics, store, thresholds, on_flag, sample, queue, full, redact=redact, **options
        )
        known = {rubric.id: rubric for rubric in self.scorer.rubrics}
        if missing := self._hold_back.keys() - known:
            raise UsageError(
                f"hold_back: {', '.join(sorted(missing))} is none of the rubrics, which are: {', '.join(known)}"
            )
        self._rubrics = [known[name] for name in self._hold_back]
        self._shared = scorer is not None
        self._replacement = replacement
        self._retries = retries
        self._patience = patience
        self._keys = tuple(thread_keys)

    @property
    def counts(self) -> Counts:
        """What became of what was handed on, up to now."""
        return self.scorer.counts

    def close(self, timeout: float | None = 10.0) -> None:
        """Closes the scorer, unless it is shared."""
        if not self._shared:
            self.scorer.close(timeout)

    @hook_config(can_jump_to=["model"])
    def after_agent(self, state: HeldState, runtime: Any) -> dict[str, Any] | None:
        """Hands the conversation on; with `hold_back`, judges the answer first."""
        update: dict[str, Any] | None = None
        try:
            finished = self._finished(state)
            said: Finished | None = finished
            if self._holds(finished):
                update, said = self._decided(state, finished, self._scores(finished))
            if said is not None:
                self.scorer.submit(said)
        except Exception as error:  # noqa: BLE001 - nothing of this may reach the application
            self.scorer.complaints.say("after_agent", error)
        return update

    @hook_config(can_jump_to=["model"])
    async def aafter_agent(self, state: HeldState, runtime: Any) -> dict[str, Any] | None:
        """As `after_agent`."""
        update: dict[str, Any] | None = None
        try:
            finished = self._finished(state)
            said: Finished | None = finished
            if self._holds(finished):
                update, said = self._decided(state, finished, await self._ascores(finished))
            if said is not None:
                await self.scorer.asubmit(said)
        except Exception as error:  # noqa: BLE001 - nothing of this may reach the application
            self.scorer.complaints.say("after_agent", error)
        return update

    def _finished(self, state: HeldState) -> Finished:
        from langgraph.config import get_config

        messages = list(state["messages"])
        metadata: Mapping[str, Any] = get_config().get("metadata") or {}
        thread = thread_of(metadata, self._keys) or thread_of(configurable(), self._keys)
        if thread is not None:
            return Finished(thread, messages)
        asked = max((place for place, message in enumerate(messages) if message.type == "human"), default=-1)
        return Finished(str(uuid4()), messages, asked + 1)

    def _holds(self, finished: Finished) -> bool:
        """Whether there is an answer that may have to be held back."""
        return bool(self._rubrics) and any(map(is_answer, turns_of(finished.messages[-1:])))

    def _scores(self, finished: Finished) -> list[Judgement]:
        """The judgements of the answer; fewer than asked for, or none, where they cannot be had in time."""
        work = self.scorer.judge_now(finished, self._rubrics, self._hold_back)
        return self._outcome(work, self._patience)

    async def _ascores(self, finished: Finished) -> list[Judgement]:
        """As `_scores`, without a thread that waits: an event loop has few of them to lend."""
        work = self.scorer.judge_now(finished, self._rubrics, self._hold_back)
        waited = asyncio.wrap_future(work)
        waited.add_done_callback(lambda done: done.cancelled() or done.exception())  # an error is read from `work`
        try:
            await asyncio.wait([waited], timeout=self._patience)
        except asyncio.CancelledError:  # the application does not want the answer any more
            work.cancel()
            raise
        return self._outcome(work, 0)

    def _outcome(self, work: "Future[list[Judgement]]", patience: float) -> list[Judgement]:
        try:
            return work.result(patience)
        except Exception as error:  # noqa: BLE001 - whatever it was, the answer passes
            work.cancel()
            self.scorer.count_failure("judging an answer that was waited for", error)
            return []

    def _decided(
        self, state: HeldState, finished: Finished, judgements: Sequence[Judgement]
    ) -> tuple[dict[str, Any] | None, Finished | None]:
        """What changes in the state, and the conversation that has gone out by that; None for none."""
        low = [found for found in judgements if found.score is not None and found.score < self._hold_back[found.rubric]]
        if not low:
            return None, finished
        answer = finished.messages[-1]
        held = state.get("convexplain_held") or 0
        if held < self._retries:
            again = {"messages": [RemoveMessage(answer.id)], "jump_to": "model", "convexplain_held": held + 1}
            return again, None
        marked = {ORIGIN: "in place of an answer that was held back"}
        other = AIMessage(self._replacement, id=answer.id, additional_kwargs=marked)
        return {"messages": [other]}, replace(finished, messages=[*finished.messages[:-1], other])
