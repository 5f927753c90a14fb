"""Logs into the store, once, to be judged many times."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from convexplain.errors import Problem
from convexplain.store import ImportCounts, RunStore, keep_conversations
from convexplain.types import Conversation

from .progress import Progress
from .runs import Source

Change = Callable[[Conversation], Conversation]
"""What is done to a conversation before it is kept (personal data taken out, for one)."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of an import.

    Attributes:
        kept: what went into the store.
        left_out: how many records, members or files could not be read.
        remarks: how many other things a person should know of.
        roles: how many turns of each role there are.
    """

    kept: ImportCounts
    left_out: int
    remarks: int
    roles: Counter[str]


def import_logs(source: Source, store: RunStore, progress: Progress, change: Change = lambda it: it) -> Imported:
    """Keeps the conversations of the source; those that are there already are not kept again.

    Args:
        source: what is read.
        store: where to.
        progress: is told how far it is.
        change: is applied to each conversation before it is kept.

    Raises:
        StoreError: the store cannot be written; what was kept until then stays.
    """
    counts: Counter[bool] = Counter()
    roles: Counter[str] = Counter()

    def on_problem(problem: Problem) -> None:
        counts[problem.kept] += 1
        progress.problem(problem)

    def changed() -> Iterator[Conversation]:
        for conversation in source.read(store, on_problem):
            roles.update(turn.role for turn in conversation.turns)
            yield change(conversation)

    began = time.monotonic()

    def on_batch(kept: ImportCounts) -> None:
        rate = kept.turns / max(time.monotonic() - began, 1e-9)
        counts = f"{kept.conversations:,} conversations, {kept.turns:,} turns, {kept.added:,} new"
        progress.doing(f"{counts}, {rate:,.0f} turns/s")

    progress.begin("reading")
    try:
        kept = keep_conversations(store, changed(), on_batch=on_batch)
    finally:
        progress.end()
    return Imported(kept, counts[False], counts[True], roles)
