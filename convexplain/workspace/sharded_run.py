"""A run that is judged in shards: its conversations go to their folder, and judgements from there to the store."""

from collections.abc import Iterable
from threading import Event

from convexplain import errors
from convexplain.analysis.pipeline import Choice
from convexplain.analysis.progress import Progress
from convexplain.analysis.shard_files import ShardFolder
from convexplain.analysis.shards import Shard, partition
from convexplain.analysis.sources import OnProblem
from convexplain.errors import UnavailableError
from convexplain.store import Run, RunStore
from convexplain.store.store import JudgementRecord
from convexplain.types import Conversation

from .build import BuiltJudge
from .shard_judge import ShardReport, cascades

_RAISED = {"StoreError": errors.StoreError, "UsageError": errors.UsageError}


def worker_error(kind: str, sentence: str) -> errors.ConvexplainError:
    """Return a worker's error, by the name of its class, for the driver to raise."""
    return _RAISED.get(kind, UnavailableError)(sentence)


class ShardedRun:
    """The driver's side of a run in shards: what is to be judged, what came back, and what it has cost.

    Args:
        store: the store.
        run: the run.
        built: its judge, which takes what the workers spend.
        folder: the shards' folder.
        progress: receives how far it is.
    """

    def __init__(self, store: RunStore, run: Run, built: BuiltJudge, folder: ShardFolder, progress: Progress) -> None:
        self._store, self._run, self._built, self._folder, self._progress = store, run, built, folder, progress
        self._numbers: dict[str, dict[str, int]] = {}  # of the shards that are to be judged
        self._judged = 0
        self._limits: dict[str, int] = {}  # of each worker's calls

    def prepare(
        self, conversations: Iterable[tuple[int, Conversation]], turns: Choice, on_problem: OnProblem, cancelled: Event
    ) -> list[str]:
        """Write the shards that are to be judged, take in those that were judged before, and return the former's names.

        Args:
            conversations: with their numbers in the store.
            turns: which turns are judged.
            on_problem: receives conversations in which there is nothing to judge.
            cancelled: ends it early.
        """
        judged = self._folder.judged()
        for shard in partition(conversations, self._built.rubrics, turns, on_problem):
            if cancelled.is_set():
                break
            scored = self._store.scored_judgements(self._run.id, shard.numbers.values())
            remaining = shard.without(scored, self._built.rubrics)
            self._progress.skipped(shard.judgements - remaining.judgements)
            if not remaining.assignments:
                continue
            self._numbers[shard.name] = dict(shard.numbers)
            if shard.name in judged:
                self._take_in(shard.name, remaining)
            else:
                self._folder.keep_conversations(remaining)
        return list(self._numbers)

    def take(self, report: ShardReport) -> None:
        """Take a shard that was judged into the store.

        Raises:
            UnavailableError: the worker could not reach the model.
        """
        if report.failure:
            raise worker_error(report.error, report.failure)
        for calls, spend in zip(self._built.all_calls, report.spends, strict=True):
            calls.spend += spend
        for cascade, (judged, escalated) in zip(cascades(self._built), report.escalations, strict=True):
            cascade.judged += judged
            cascade.escalated += escalated
        self._take_in(report.shard)
        self._judged += 1
        self._limits[report.worker] = report.limit
        self._progress.spent(*self._built.spends)
        self._progress.doing(self._state())

    def _take_in(self, name: str, remaining: Shard | None = None) -> None:
        """Store the judgements of a shard; of a shard that was judged before only the remaining ones."""
        numbers = self._numbers.pop(name)
        records = self._folder.judgements(name)
        if remaining is not None:
            missing = {
                (member.digest, rubric, turn)
                for member in remaining.assignments
                for rubric, turns in member.turns.items()
                for turn in turns
            }
            records = [
                record
                for record in records
                if (record.digest, record.judgement.rubric, record.judgement.turn) in missing
            ]
        rubrics = {rubric.sha: rubric for rubric in self._built.rubrics}
        rows = [JudgementRecord(numbers[record.digest], rubrics[record.rubric], record.judgement) for record in records]
        self._store.keep_judgements(self._run.id, rows)
        for record in records:
            self._progress.judged(record.judgement)

    def _state(self) -> str:
        """Return in words how many shards there still are, and how many calls the endpoint takes at once."""
        shards = self._judged + len(self._numbers)
        workers = "1 worker" if len(self._limits) == 1 else f"{len(self._limits)} workers"
        calls, most = sum(self._limits.values()), len(self._limits) * self._built.model.in_flight
        slowed = f", slowed down to {calls} of {most} calls at once" if calls < most else ""
        return f"shard {self._judged:,} of {shards:,} on {workers}{slowed}"
