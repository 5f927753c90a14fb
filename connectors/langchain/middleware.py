"""Middleware for LangChain's agents that judges finished conversations, and holds back answers on request."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Unpack
from uuid import uuid4

from convexplain.connectors.message_objects import ORIGIN, is_answer, turns_of
from convexplain.errors import MissingExtraError, ModelError, UsageError
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

OnFailure = Literal["hold", "pass"]
"""What becomes of an answer that could not be judged in time: it is replaced, or goes out."""

REPLACEMENT = "I am sorry, I cannot give you a good answer to that."


class HeldState(AgentState[Any]):
    """An agent's state, with the number of answers of this call that were held back."""

    convexplain_held: NotRequired[Annotated[int, UntrackedValue, PrivateStateAttr]]


class ConvexplainMiddleware(AgentMiddleware[HeldState, Any]):
    """A middleware that judges an agent's answers, in the background, or before they go out.

    Without `hold_back` it hands the conversation to a `Scorer` when the agent is done, and changes nothing.

    With `hold_back` it is on the hot path, by your choice: each answer is judged on these rubrics before the agent is
    done, and the caller waits for the judge. An answer that scores too low is regenerated, `retries` times, and then
    replaced. With an answer that cannot be judged, for whatever reason (the judge fails, is late or gives no score, the
    scorer is closed, the messages cannot be read), `on_failure` says what to do; it counts as failed, and is logged.
    Tokens that your application streams out while the model writes them cannot be held back. Answers that were held
    back are stored in the run, too.

    The answer of an agent with a response format is its structured response: that is judged, and where it is held back,
    the agent's `structured_response` is None and its last message is the replacement.

    With `hold_back` the judge begins to load at the agent's first call, while the agent works on its answer. `ready`
    loads it earlier, for instance when a server's worker starts.

    Args:
        judge, rubrics, store, thresholds, on_flag, sample, queue, full, redact, options: as of `Scorer`.
        hold_back: rubric id to the score below which an answer does not go out, e.g. `{"harm": 0.5}`. Scores are in
            [0, 1], and 1 always means satisfied: a harmful answer has a low `harm` score. `on_flag` is called for it.
        on_failure: what becomes of an answer that could not be judged within `patience`; required with `hold_back`.
            `"hold"` replaces it: nothing goes out unjudged, and while the judge is away every answer is replaced.
            `"pass"` lets it go out: the agent goes on answering, and while the judge is away nothing is held back.
        replacement: the text that goes out in its place.
        retries: how often the model is asked again before that.
        patience: seconds that the judge has for one answer.
        thread_keys: which entries of a call's metadata or configuration name its thread, the first that is there.
        scorer: a scorer to share, in place of all arguments of `Scorer`; it is not closed.

    Raises:
        UsageError, RubricError: an argument is not valid; or the judge, by its scores of turns with labels, never
            scores below a threshold of `hold_back` or `thresholds`, or always. The message says which are sensible.
        StoreError: the store cannot be opened.
    """

    state_schema = HeldState

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
        hold_back: Mapping[str, float] | None = None,
        on_failure: OnFailure | None = None,
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
        if on_failure not in ("hold", "pass") and (hold_back or on_failure is not None):
            raise UsageError(
                f"on_failure={on_failure!r} is not valid; with hold_back it must be 'hold' (an answer that could not "
                "be judged in time is replaced) or 'pass' (it goes out)"
            )
        self._hold_back = {name: check_share(f"hold_back: {name}", score) for name, score in (hold_back or {}).items()}
        self.scorer = scorer or Scorer(
            judge, rubrics, store, thresholds, on_flag, sample, queue, full, redact=redact, **options
        )
        by_id = {rubric.id: rubric for rubric in self.scorer.rubrics}
        if missing := self._hold_back.keys() - by_id:
            raise UsageError(
                f"hold_back: {', '.join(sorted(missing))} is none of the rubrics, which are: {', '.join(by_id)}"
            )
        self.scorer.check_thresholds("hold_back", self._hold_back)
        self._rubrics = [by_id[name] for name in self._hold_back]
        self._hold_failures = on_failure == "hold"
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

    def ready(self, timeout: float | None = None) -> bool:
        """Load the judge, wait for it `timeout` seconds at most (None: no limit), and return whether it is there.

        Raises:
            UnavailableError, MissingExtraError, UsageError: as of `Scorer.ready`.
        """
        return self.scorer.ready(timeout)

    def before_agent(self, state: HeldState, runtime: Any) -> None:
        """Begin to load the judge, with `hold_back`."""
        if self._rubrics:
            try:
                self.scorer.prepare().add_done_callback(lambda done: done.cancelled() or done.exception())
            except Exception as error:  # noqa: BLE001 - no failure may reach the application
                self.scorer.failures.warn("before_agent", error)

    async def abefore_agent(self, state: HeldState, runtime: Any) -> None:
        """Do the same as `before_agent`."""
        self.before_agent(state, runtime)

    @hook_config(can_jump_to=["model"])
    def after_agent(self, state: HeldState, runtime: Any) -> dict[str, Any] | None:
        """Submit the conversation; with `hold_back`, judge the answer first."""
        try:
            history = self._history(state)
            judgements = self._judgements(history) if self._holds_back(history) else ()
            update, outgoing = self._decision(state, history, judgements)
        except Exception as error:  # noqa: BLE001 - no failure may reach the application
            return self._failed_hook(state, error)
        try:
            for submitted in outgoing:
                self.scorer.submit(submitted)
        except Exception as error:  # noqa: BLE001 - as above
            self.scorer.failures.warn("after_agent", error)
        return update

    @hook_config(can_jump_to=["model"])
    async def aafter_agent(self, state: HeldState, runtime: Any) -> dict[str, Any] | None:
        """Do the same as `after_agent`, without blocking the event loop."""
        try:
            history = self._history(state)
            judgements = await self._ajudgements(history) if self._holds_back(history) else ()
            update, outgoing = self._decision(state, history, judgements)
        except Exception as error:  # noqa: BLE001 - no failure may reach the application
            return self._failed_hook(state, error)
        try:
            for submitted in outgoing:
                await self.scorer.asubmit(submitted)
        except Exception as error:  # noqa: BLE001 - as above
            self.scorer.failures.warn("after_agent", error)
        return update

    def _history(self, state: HeldState) -> History:
        from langgraph.config import get_config

        messages, structured = list(state["messages"]), state.get("structured_response")
        metadata: Mapping[str, Any] = get_config().get("metadata") or {}
        thread = thread_of(metadata, self._keys) or thread_of(configurable(), self._keys)
        if thread is not None:
            return History(thread, messages, structured=structured)
        question = max((index for index, message in enumerate(messages) if message.type == "human"), default=-1)
        return History(str(uuid4()), messages, question + 1, structured)

    def _holds_back(self, history: History) -> bool:
        """Return whether the history ends with an answer that may have to be held back."""
        if not self._rubrics:
            return False
        if history.structured is not None or any(map(is_answer, turns_of(history.messages[-1:]))):
            return True
        last: Any = history.messages[-1] if history.messages else None
        return getattr(last, "type", "") == "ai" and bool(last.content) and not last.tool_calls  # no text to judge

    def _judgements(self, history: History) -> list[Judgement] | None:
        """Return the judgements of the answer; None where they are not ready in time."""
        try:
            work = self.scorer.judge_now(history, self._rubrics, self._hold_back)
        except Exception as error:  # noqa: BLE001 - `on_failure` decides after any failure
            self._count_failure(error)
            return None
        return self._outcome(work, self._patience)

    async def _ajudgements(self, history: History) -> list[Judgement] | None:
        """Return the same as `_judgements`, without a waiting thread: an event loop has few of them."""
        try:
            work = self.scorer.judge_now(history, self._rubrics, self._hold_back)
        except Exception as error:  # noqa: BLE001 - `on_failure` decides after any failure
            self._count_failure(error)
            return None
        future = asyncio.wrap_future(work)
        future.add_done_callback(lambda done: done.cancelled() or done.exception())  # an error is read from `work`
        try:
            await asyncio.wait([future], timeout=self._patience)
        except asyncio.CancelledError:  # the application no longer waits for the answer
            work.cancel()
            raise
        return self._outcome(work, 0)

    def _outcome(self, work: "Future[list[Judgement]]", patience: float) -> list[Judgement] | None:
        try:
            judgements = work.result(patience)
        except Exception as error:  # noqa: BLE001 - `on_failure` decides after any failure
            work.cancel()
            self._count_failure(error)
            return None
        if self._is_low(judgements):
            return judgements
        unscored = next((judgement for judgement in judgements if judgement.score is None), None)
        if unscored is not None:
            self._count_failure(ModelError(f"no score on {unscored.rubric}: {unscored.reason}"))
            return None
        return judgements

    def _count_failure(self, error: BaseException) -> None:
        self.scorer.count_failure("judging an answer that was waited for", error)

    def _is_low(self, judgements: Sequence[Judgement]) -> bool:
        return any(
            judgement.score is not None and judgement.score < self._hold_back[judgement.rubric]
            for judgement in judgements
        )

    def _decision(
        self, state: HeldState, history: History, judgements: Sequence[Judgement] | None
    ) -> tuple[dict[str, Any] | None, list[History]]:
        """Return the update of the state, if there is one, and the histories to submit.

        Args:
            state: the agent's state.
            history: the conversation with the answer.
            judgements: those of the answer; None where it could not be judged.
        """
        if judgements is None:
            if not self._hold_failures:
                return None, [history]
            held = replace(history, id=f"{history.id}#held", first_new=len(history.messages))
            update, outgoing = self._replaced(history)
            return update, [held, outgoing]  # what was held is judged when the judge is back
        if not self._is_low(judgements):
            return None, [history]
        held_count = state.get("convexplain_held") or 0
        if held_count < self._retries:
            answer = history.messages[_answer_start(history) :]
            retry = {"messages": [RemoveMessage(message.id) for message in answer], "jump_to": "model"}
            return {**retry, **_cleared(history), "convexplain_held": held_count + 1}, []
        update, outgoing = self._replaced(history)
        return update, [outgoing]

    def _replaced(self, history: History) -> tuple[dict[str, Any], History]:
        """Return the update that replaces the answer, and the history with the replacement."""
        start = _answer_start(history)
        answer, *results = history.messages[start:]
        replacement = self._replacement_message(answer.id)
        update = {"messages": [replacement, *(RemoveMessage(message.id) for message in results)], **_cleared(history)}
        return update, replace(history, messages=[*history.messages[:start], replacement], structured=None)

    def _replacement_message(self, id: str | None) -> AIMessage:
        origin = {ORIGIN: "in place of an answer that was held back"}
        return AIMessage(self._replacement, id=id, additional_kwargs=origin)

    def _failed_hook(self, state: HeldState, error: Exception) -> dict[str, Any] | None:
        """Count a failure of this middleware itself; return an update that replaces the answer where failures hold."""
        self.scorer.count_failure("after_agent", error)
        if not self._rubrics or not self._hold_failures:
            return None
        messages = state.get("messages") or []
        last = messages[-1] if isinstance(messages, list) and messages else None
        id = getattr(last, "id", None) if getattr(last, "type", "") == "ai" else None
        cleared = {"structured_response": None} if state.get("structured_response") is not None else {}
        return {"messages": [self._replacement_message(id)], **cleared}


def _answer_start(history: History) -> int:
    """Return the index of the answer: the last message, or that which calls the tool of the structured response."""
    messages = history.messages
    start = len(messages) - 1
    while history.structured is not None and start > 0 and messages[start].type == "tool":
        start -= 1
    return start


def _cleared(history: History) -> dict[str, Any]:
    return {} if history.structured is None else {"structured_response": None}
