"""The worker of a cluster: one process that judges shards, by the pipeline of one machine."""

import asyncio
import getpass
import json
import os
import socket
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from convexplain.agreement.calibration import Calibration
from convexplain.analysis.pipeline import judge_into
from convexplain.analysis.progress import Progress
from convexplain.analysis.shard_files import ShardFolder
from convexplain.analysis.shards import Assignment, ShardJudgement
from convexplain.errors import ConvexplainError, Problem, UsageError
from convexplain.judges.cascade import Cascade
from convexplain.judges.heads import scoring_fingerprint
from convexplain.judges.spec import JudgeSpec
from convexplain.models.chat import Spend
from convexplain.store import RunStore
from convexplain.store.store import JudgementRecord
from convexplain.types import Conversation, Rubric

from .build import BuiltJudge, open_judge
from .judge_arguments import JudgeLike

_NO_RUN = 0  # the number of the run is the driver's affair


@dataclass(frozen=True, slots=True)
class ShardWork:
    """The facts by which a worker judges any shard of a run. It travels to the worker.

    Attributes:
        judge: the judge; a model or function of one's own travels as a copy.
        spec: all that describes the judge.
        rubrics: the rubrics, with their thresholds.
        calibrations: of each of its models, the strongest last, rubric id to what its scores are mapped by.
        fingerprints: what identifies the scores of each of its models.
        folder: the folder of shards.
        store: URL of the store, where workers reach it, so that its replies serve them; None takes a file of replies
            in the temporary folder of the worker's machine.
        mark: names that file.
    """

    judge: JudgeLike
    spec: JudgeSpec
    rubrics: Sequence[Rubric]
    calibrations: Sequence[Mapping[str, Calibration]]
    fingerprints: Sequence[str]
    folder: str
    store: str | None
    mark: str


@dataclass(frozen=True, slots=True)
class ShardReport:
    """A worker's report of a shard that it has judged, or of why it could not.

    Attributes:
        shard: its name.
        worker: the worker's host and process.
        spends: what each model has cost since the worker's last report.
        escalations: of each cascade, the strongest last, how many judgements there were and how many were escalated.
        limit: how many calls the endpoint lets the worker make at once now.
        failure: the error's sentence where the model or the store is gone; else empty.
        error: the error's class.
    """

    shard: str
    worker: str
    spends: Sequence[Spend] = ()
    escalations: Sequence[Sequence[int]] = ()
    limit: int = 0
    failure: str = ""
    error: str = ""

    @property
    def row(self) -> dict[str, str]:
        """Return the report as a row of a data set."""
        return {"report": json.dumps(asdict(self))}


def shard_report(row: Mapping[str, Any]) -> ShardReport:
    """Return the report of a row."""
    fields = json.loads(row["report"])
    return ShardReport(**{**fields, "spends": [Spend(**spend) for spend in fields["spends"]]})


class ShardJudge:
    """Judges shards, several at once: an actor of Ray Data, one in each of its processes.

    The judge is opened at the first shard, and stays open as long as the process lives.

    Args:
        work: what to judge by.
    """

    def __init__(self, work: ShardWork) -> None:
        self._work = work
        self._folder = ShardFolder(work.folder)
        self._opening = asyncio.Lock()
        self._judge: BuiltJudge | None = None
        self._models = AsyncExitStack()
        self._reported: list[Spend] = []
        self._escalations: list[list[int]] = []

    async def __call__(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Judge the shard that a row names, and return the row of its report."""
        shard, worker = str(row["shard"]), f"{socket.gethostname()}:{os.getpid()}"
        try:
            async with self._opening:
                built = self._judge = self._judge or await self._open()
            if not self._folder.is_judged(shard):  # as when a worker ended between writing and reporting it
                self._folder.keep_judgements(shard, await _judge(built, self._folder.conversations(shard)))
        except ConvexplainError as error:
            return ShardReport(shard, worker, failure=str(error), error=type(error).__name__).row
        return self._report(built, shard, worker).row

    async def _open(self) -> BuiltJudge:
        work = self._work
        opened = await self._models.enter_async_context(
            open_judge(
                work.judge,
                work.rubrics,
                cache=RunStore(work.store or _replies(work.mark)),
                samples=work.spec.samples,
                escalate=work.spec.escalate,
            )
        )
        if [scoring_fingerprint(calls.model) for calls in opened.all_calls] != list(work.fingerprints):
            raise UsageError(
                f"judge {work.spec.public!r}: on {socket.gethostname()} another model answers than where the analysis "
                "was begun; scores of two judges are not mixed in one run"
            )
        first, *stronger = work.calibrations
        built = replace(
            opened,
            spec=work.spec,
            rubrics=list(work.rubrics),
            calibrations=first,
            stronger_calibrations=tuple(stronger),
        )
        self._reported = [Spend() for _ in built.spends]
        self._escalations = [[0, 0] for _ in cascades(built)]
        return built

    def _report(self, built: BuiltJudge, shard: str, worker: str) -> ShardReport:
        spends = [now - before for now, before in zip(built.spends, self._reported, strict=True)]
        self._reported = [replace(spend) for spend in built.spends]
        counts = [[cascade.judged, cascade.escalated] for cascade in cascades(built)]
        added = [
            [now - before for now, before in zip(*pair, strict=True)]
            for pair in zip(counts, self._escalations, strict=True)
        ]
        self._escalations = counts
        return ShardReport(shard, worker, spends, added, built.calls.limit)


class _Recorder:
    """Takes judgements of the pipeline in place of a store."""

    def __init__(self, assignments: Sequence[Assignment]) -> None:
        self._assignments = assignments
        self.judgements: list[ShardJudgement] = []

    def scored_judgements(self, run: int, conversations: Collection[int]) -> dict[int, set[tuple[int, str]]]:
        return {number: set() for number in conversations}

    def keep_judgements(self, run: int, records: Sequence[JudgementRecord]) -> None:
        for record in records:
            assignment = self._assignments[record.conversation]
            source = assignment.conversation.source
            self.judgements.append(ShardJudgement(assignment.digest, record.rubric.sha, source, record.judgement))

    def keep_problem(self, run: int, problem: Problem) -> None:
        raise problem  # conversations without an assistant turn are in no shard


async def _judge(built: BuiltJudge, assignments: Sequence[Assignment]) -> list[ShardJudgement]:
    """Return the judgements of a shard.

    Raises:
        UnavailableError: the model is gone.
    """
    recorder = _Recorder(assignments)
    numbered = [(number, assignment.conversation) for number, assignment in enumerate(assignments)]
    turns = {id(assignment.conversation): assignment.turns for assignment in assignments}

    def chosen(conversation: Conversation, rubric: Rubric) -> Sequence[int]:
        return turns[id(conversation)][rubric.id]

    await judge_into(recorder, _NO_RUN, numbered, built.rubrics, built.judge, built.calls, Progress(), chosen)
    order = {assignment.digest: number for number, assignment in enumerate(assignments)}
    rubrics = {rubric.sha: number for number, rubric in enumerate(built.rubrics)}
    return sorted(
        recorder.judgements, key=lambda record: (order[record.digest], record.judgement.turn, rubrics[record.rubric])
    )


def cascades(built: BuiltJudge) -> list[Cascade]:
    """Return the cascades of a judge, the one of its first model first."""
    levels, judge = [], built.judge
    while isinstance(judge, Cascade):
        levels.append(judge)
        judge = judge.strong
    return levels


def _replies(mark: str) -> str:
    """Return the file of replies on this machine that workers of one run share."""
    folder = Path(tempfile.gettempdir()) / f"convexplain-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return str(folder / f"replies-{mark}.db")
