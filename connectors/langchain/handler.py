"""Callback handlers for LangChain and LangGraph: what is said is judged in the background."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, Unpack

from convexplain.errors import MissingExtraError
from convexplain.rubrics import HEADLINE
from convexplain.store import RunStore
from convexplain.workspace import JudgeLike, JudgeOptions

from .asked import Rubrics
from .runs import THREAD_KEYS, Collector
from .scorer import Scorer
from .threads import Change
from .waiting import Counts, Finished
from .worker import OnFlag

try:
    from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
except ImportError as error:
    raise MissingExtraError("A callback handler", "langchain") from error

_EVENTS = tuple(name for name in vars(Collector) if name.startswith("on_"))


class _Hearing:
    """What both handlers have: a collector and a scorer."""

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
        thread_keys: Sequence[str] = THREAD_KEYS,
        *,
        redact: Change | None = None,
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
        """Closes the scorer when all is judged; after Ctrl-C at once."""
        if not self._shared:
            self.scorer.__exit__(kind, error, trace)

    @property
    def counts(self) -> Counts:
        """What became of what was heard, up to now."""
        return self.scorer.counts

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until all that was heard is judged, `timeout` seconds at most. Returns whether it is."""
        return self.scorer.flush(timeout)

    def close(self, timeout: float | None = 10.0) -> None:
        """Waits so long for what is pending (None: for all), keeps the rest unjudged, and ends the run."""
        if not self._shared:
            self.scorer.close(timeout)

    def _hear(self, event: str, args: Sequence[Any], told: Mapping[str, Any]) -> Finished | None:
        found: Finished | None = getattr(self._collector, event)(*args, **told)
        return found


class ConvexplainCallbackHandler(_Hearing, BaseCallbackHandler):
    """Judges what an application says, in the background.

    Give one handler to the calls whose conversations are to be judged, in their `config={"callbacks": [handler]}`, or
    to the application as a whole. It hears chat models, chains, agents and graphs, streamed or not, and other models;
    `Scorer` says what becomes of what it hears.

    Args:
        judge, rubrics, store, thresholds, on_flag, sample, queue, full, redact, options: as of `Scorer`.
        thread_keys: which entries of a call's metadata or configuration name its thread, the first that is there.
            Without one, each outermost run is a conversation, of which the turns that it made are judged.
        scorer: a scorer to share, instead of all but `thread_keys`; it is not closed.

    Raises:
        UsageError, RubricError, StoreError: as of `Scorer`.
    """

    run_inline = True  # too fast to be worth a thread


class AsyncConvexplainCallbackHandler(_Hearing, AsyncCallbackHandler):
    """As `ConvexplainCallbackHandler`, for async applications: with `full="block"` the event loop is not held up."""


def _hook(event: str) -> Callable[..., None]:
    def hook(self: ConvexplainCallbackHandler, *args: Any, **told: Any) -> None:
        try:
            if (finished := self._hear(event, args, told)) is not None:
                self.scorer.submit(finished)
        except Exception as error:  # noqa: BLE001 - nothing of this may reach the application
            self.scorer.complaints.say(event, error)

    return hook


def _async_hook(event: str) -> Callable[..., Any]:
    async def hook(self: AsyncConvexplainCallbackHandler, *args: Any, **told: Any) -> None:
        try:
            if (finished := self._hear(event, args, told)) is not None:
                await self.scorer.asubmit(finished)
        except Exception as error:  # noqa: BLE001 - nothing of this may reach the application
            self.scorer.complaints.say(event, error)

    return hook


for _event in _EVENTS:
    setattr(ConvexplainCallbackHandler, _event, _hook(_event))
    setattr(AsyncConvexplainCallbackHandler, _event, _async_hook(_event))
