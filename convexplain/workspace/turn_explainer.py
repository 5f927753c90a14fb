"""The worker of a cluster that explains: one process that explains judged turns as one machine does, into the store."""

import asyncio
import json
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any

from convexplain.analysis.progress import Progress
from convexplain.errors import ConvexplainError, UsageError
from convexplain.explain.explanations import Explainer
from convexplain.models.chat import Spend
from convexplain.store import RunStore, ScoredTurn, scored_turns
from convexplain.store.scored_turns import judged_places
from convexplain.types import Rubric

from .explainers import Explainers
from .explanations import ExplanationModels, Scope, open_scope
from .judge_arguments import JudgeLike
from .tasks import Task


@dataclass(frozen=True, slots=True)
class ExplanationWork:
    """The facts by which a worker explains turns of a run. It travels to the worker.

    Attributes:
        store: URL of the store, which has the turns and takes the explanations.
        run: the run's number.
        rubrics, maxims, judge: as of `Scope`.
        task: how turns are explained.
        models: the models besides the judge.
        fingerprint: what identifies the judge's scores.
    """

    store: str
    run: int
    rubrics: list[Rubric]
    maxims: list[Rubric]
    judge: JudgeLike
    task: Task[Any]
    models: ExplanationModels
    fingerprint: str


@dataclass(frozen=True, slots=True)
class TurnReport:
    """A worker's report of a turn that it has explained, or of why it could not.

    Attributes:
        place: the turn, in words.
        spends: what each model has cost since the worker's last report.
        failure: the error's sentence where a model or the store is gone; else empty.
        error: the error's class.
    """

    place: str
    spends: tuple[Spend, ...] = ()
    failure: str = ""
    error: str = ""

    @property
    def row(self) -> dict[str, str]:
        """Return the report as a row of a data set."""
        return {"report": json.dumps(asdict(self))}


def turn_report(row: Mapping[str, Any]) -> TurnReport:
    """Return the report of a row."""
    fields = json.loads(row["report"])
    return TurnReport(**{**fields, "spends": tuple(Spend(**spend) for spend in fields["spends"])})


def turn_row(turn: ScoredTurn) -> dict[str, Any]:
    """Return the row of a data set that names a turn to a worker."""
    return {"conversation": turn.number, "turn": turn.turn, "rubric": turn.rubric.sha}


class TurnExplainer:
    """Explains turns, several at once: an actor of Ray Data, one in each of its processes.

    The models are opened at the first turn, and stay open as long as the process lives.

    Args:
        work: what to explain by.
    """

    def __init__(self, work: ExplanationWork) -> None:
        self._work = work
        self._opening = asyncio.Lock()
        self._opened: tuple[RunStore, Explainers, Explainer[Any]] | None = None
        self._resources = AsyncExitStack()
        self._reported: list[Spend] = []

    async def __call__(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Explain the turn that a row names, keep the explanation, and return the row of its report."""
        number, index, sha = int(row["conversation"]), int(row["turn"]), str(row["rubric"])
        rubric = next(rubric for rubric in self._work.rubrics if rubric.sha == sha)
        place = f"turn {index} of conversation {number}"
        try:
            async with self._opening:
                store, models, explainer = self._opened = self._opened or await self._open()
            places = judged_places(store, self._work.run, rubric, [(number, index)])
            for turn in scored_turns(store, rubric, places):
                place = f"{turn.conversation.id}:{index} {rubric.id}"
                if explainer.stored(turn) is None:  # as when a worker ended between keeping and reporting it
                    await explainer.find(turn)
        except ConvexplainError as error:
            return TurnReport(place, failure=str(error), error=type(error).__name__).row
        spends = tuple(now - before for now, before in zip(models.spends, self._reported, strict=True))
        self._reported = [replace(spend) for spend in models.spends]
        return TurnReport(place, spends).row

    async def _open(self) -> tuple[RunStore, Explainers, Explainer[Any]]:
        work, store = self._work, RunStore(self._work.store)
        scope = Scope(store, store.run(work.run), work.rubrics, [], [], [], work.judge, work.maxims)
        opening = open_scope(scope, work.task, work.models, Progress())
        models, explainer = await self._resources.enter_async_context(opening)
        if models.judge.fingerprint != work.fingerprint:
            raise UsageError(
                f"judge {models.judge.spec.public!r}: on {socket.gethostname()} another model answers than where the "
                "explanations were begun; scores of two judges are not mixed in one explanation"
            )
        self._reported = [Spend() for _ in models.spends]
        return store, models, explainer
