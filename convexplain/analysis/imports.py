"""Logs into the store, read once, to be judged many times."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from convexplain.errors import Problem
from convexplain.store import ImportCounts, RunStore, keep_conversations
from convexplain.types import Conversation

from .progress import Progress
from .sources import LogSource, OnProblem
from .threads import in_thread

Change = Callable[[Conversation], Conversation]
"""Changes a conversation before it is kept (takes personal data out, for one)."""

_TICK = 0.2  # seconds between two reports of progress


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """The outcome of an import.

    Attributes:
        counts: conversations and turns.
        left_out: the number of records, members or files that could not be read, and of places of answers in no turn.
        remarks: how many further things a person should know of.
        roles: how many turns of each role there are.
    """

    counts: ImportCounts
    left_out: int
    remarks: int
    roles: Counter[str]


async def import_logs(
    source: LogSource,
    store: RunStore,
    progress: Progress,
    change: Change = lambda conversation: conversation,
) -> ImportSummary:
    """Keep the conversations of the source; those that the store has already are not kept again.

    Args:
        source: the logs.
        store: where they are kept.
        progress: receives how far it is.
        change: is applied to each conversation before it is kept.

    Raises:
        StoreError: the store cannot be written; what was kept until then stays.
    """
    problems: Counter[bool] = Counter()
    roles: Counter[str] = Counter()

    def on_problem(problem: Problem) -> None:
        problems[problem.kept] += 1
        progress.problem(problem)

    def changed(conversation: Conversation) -> Conversation:
        roles.update(turn.role for turn in conversation.turns)
        return change(conversation)

    counts = await keep_source(source, store, progress, on_problem, changed)
    return ImportSummary(counts, problems[False], problems[True], roles)


async def keep_source(
    source: LogSource,
    store: RunStore,
    progress: Progress,
    on_problem: OnProblem,
    change: Change,
    run: int | None = None,
) -> ImportCounts:
    """Read logs once, into the store, in a thread: they may be pipes that have to be waited for.

    Args:
        source: the logs.
        store: where their conversations are kept.
        progress: receives how far it is, in bytes; it is called from the thread.
        on_problem: receives what cannot be read, from the thread too.
        change: is applied to each conversation before it is kept.
        run: makes them part of this run; None imports them.

    Raises:
        StoreError: the store cannot be written; what was kept until then stays.
    """
    report = _ReadingProgress(progress)

    def work(cancelled: threading.Event) -> ImportCounts:
        def conversations() -> Iterator[Conversation]:
            for conversation in source.read(store, on_problem, report.on_bytes):
                if cancelled.is_set():
                    return
                yield change(conversation)

        return keep_conversations(store, conversations(), run, report.on_batch)

    progress.begin("reading", source.size)
    try:
        return await in_thread(work)
    finally:
        progress.end()


class _ReadingProgress:
    """Reports bytes and counts, a few times a second."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._began = self._last = time.monotonic()
        self._bytes = 0
        self._counts = ""

    def on_bytes(self, count: int) -> None:
        self._bytes += count
        if time.monotonic() - self._last >= _TICK:
            self._report()

    def on_batch(self, counts: ImportCounts) -> None:
        rate = counts.turns / max(time.monotonic() - self._began, 1e-9)
        self._counts = (
            f"{counts.conversations:,} conversations, {counts.turns:,} turns, {counts.added:,} new, {rate:,.0f} turns/s"
        )
        self._report()

    def _report(self) -> None:
        self._last = time.monotonic()
        count, self._bytes = self._bytes, 0
        self._progress.advance(count)
        self._progress.doing(self._counts)
