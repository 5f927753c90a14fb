"""Callback handlers for LangChain and LangGraph that judge conversations in the background."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, Unpack

from convexplain.errors import MissingExtraError
from convexplain.rubrics import HEADLINE
from convexplain.store import RunStore
from convexplain.workspace import JudgeLike, JudgeOptions

from .arguments import Rubrics
from .history_queue import Counts, History
from .runs import THREAD_KEYS, Collector
from .scorer import Scorer
from .threads import Redaction
from .worker import OnFlag

try:
    from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
except ImportError as error:
    raise MissingExtraError("A callback handler", "langchain") from error

_EVENTS = tuple(name for name in vars(Collector) if name.startswith("on_"))


class _ScoringHandler:
    """The common part of both handlers: a collector and a scorer."""

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
        thread_keys: Sequence[str] = THREAD_KEYS,
        *,
        redact: Redaction | None = None,
        scorer: Scorer | None = None,
        **options: Unpack[JudgeOptions],
    ) -> None:
        super().__init__()
        self.scorer = scorer or Scorer(
            judge, rubrics, store, thresholds, on_flag, sample, queue, full, redact=redact, **options
        )
        self._shared = scorer is not None
        self._collector = Collector(thread_keys)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the scorer when all is judged; after Ctrl-C at once."""
        if not self._shared:
            self.scorer.__exit__(kind, error, trace)

    @property
    def counts(self) -> Counts:
        """Return the counts of turns and histories by outcome, up to now."""
        return self.scorer.counts

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all conversations so far are judged, `timeout` seconds at most, and return whether they are."""
        return self.scorer.flush(timeout)

    def close(self, timeout: float | None = 10.0) -> None:
        """Wait so long for pending histories (None: for all), store the remaining ones unjudged, and end the run."""
        if not self._shared:
            self.scorer.close(timeout)

    def _history(self, event: str, args: Sequence[Any], details: Mapping[str, Any]) -> History | None:
        history: History | None = getattr(self._collector, event)(*args, **details)
        return history


class ConvexplainCallbackHandler(_ScoringHandler, BaseCallbackHandler):
    """A callback handler that judges an application's answers in the background.

    Pass one handler to the calls whose conversations you want to judge, in their `config={"callbacks": [handler]}`, or
    to the whole application. It follows chat models, chains, agents and graphs, streamed or not, and other models;
    `Scorer` describes how their conversations are judged and stored.

    Args:
        judge, rubrics, store, thresholds, on_flag, sample, queue, full, redact, options: as of `Scorer`.
        thread_keys: which entries of a call's metadata or configuration name its thread, the first that is there.
            Without one, each outermost run is a conversation, in which only its new turns are judged.
        scorer: a scorer to share, in place of all arguments but `thread_keys`; it is not closed.

    Raises:
        UsageError, RubricError, StoreError: as of `Scorer`.
    """

    run_inline = True  # too fast to be worth a thread


class AsyncConvexplainCallbackHandler(_ScoringHandler, AsyncCallbackHandler):
    """A `ConvexplainCallbackHandler` for async applications: `full="block"` does not block the event loop."""


def _hook(event: str) -> Callable[..., None]:
    def hook(self: ConvexplainCallbackHandler, *args: Any, **details: Any) -> None:
        try:
            if (history := self._history(event, args, details)) is not None:
                self.scorer.submit(history)
        except Exception as error:  # noqa: BLE001 - no failure may reach the application
            self.scorer.failures.warn(event, error)

    return hook


def _async_hook(event: str) -> Callable[..., Any]:
    async def hook(self: AsyncConvexplainCallbackHandler, *args: Any, **details: Any) -> None:
        try:
            if (history := self._history(event, args, details)) is not None:
                await self.scorer.asubmit(history)
        except Exception as error:  # noqa: BLE001 - no failure may reach the application
            self.scorer.failures.warn(event, error)

    return hook


for _event in _EVENTS:
    setattr(ConvexplainCallbackHandler, _event, _hook(_event))
    setattr(AsyncConvexplainCallbackHandler, _event, _async_hook(_event))
