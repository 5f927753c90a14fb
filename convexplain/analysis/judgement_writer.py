"""Storing of judgements, many in one transaction."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from convexplain.errors import Problem, StoreError
from convexplain.models.shared_replies import MOST_ROWS, WRITE_SECONDS
from convexplain.store.store import JudgementRecord


class JudgementStore(Protocol):
    """A store of judgements, as far as judging needs one."""

    def scored_judgements(self, run: int, conversations: Collection[int]) -> Mapping[int, set[tuple[int, str]]]:
        """Return (turn, SHA of the rubric) of each score that the run has for conversations, by their numbers."""

    def keep_judgements(self, run: int, records: Sequence[JudgementRecord]) -> None:
        """Store judgements."""

    def keep_problem(self, run: int, problem: Problem) -> None:
        """Store a problem."""


class JudgementWriter:
    """Stores the judgements of a run: 64 together, or what there is 50 ms after the first of them, and all at the end.

    A context manager, to be used in one event loop.

    Args:
        store: the store.
        run: the run's number.
    """

    def __init__(self, store: JudgementStore, run: int) -> None:
        self._store, self._run = store, run
        self._unwritten: list[JudgementRecord] = []
        self._timer: asyncio.TimerHandle | None = None
        self._failure: StoreError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Store what waits for it.

        Raises:
            StoreError: the store cannot be written, and no other error ended the block.
        """
        self._write()
        if error is None:
            self._raise_failure()

    def keep(self, record: JudgementRecord) -> None:
        """Store a judgement, in a moment.

        Raises:
            StoreError: the store cannot be written.
        """
        self._unwritten.append(record)
        if len(self._unwritten) >= MOST_ROWS:
            self._write()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITE_SECONDS, self._write)
        self._raise_failure()

    def _write(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        records, self._unwritten = self._unwritten, []
        try:
            self._store.keep_judgements(self._run, records)
        except StoreError as error:
            self._failure = error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
