"""The bounded queue between an application and its judge, with counts of judged, failed and dropped histories."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class History:
    """A conversation's messages after a new one.

    Attributes:
        id: the thread's id, or the run's where there is no thread.
        messages: the messages so far, in any form that `turns_of` takes.
        first_new: None in a thread. Elsewhere the index of the first message that this run added: only messages from
            there on are judged.
        structured: the object that an agent with a response format answered with; None elsewhere.
    """

    id: str
    messages: Sequence[Any]
    first_new: int | None = None
    structured: Any = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of a scorer's turns and histories, by outcome.

    Attributes:
        judged: turns that have a score on every rubric.
        failed: turns that could not be judged or stored, or that have no score on at least one rubric.
        dropped: histories that found the queue full. Their new turns are judged when their thread goes on.
        sampled_out: histories of conversations that are not in the sample.
        pending: histories that wait or are being judged.
        left: histories that were stored unjudged when the scorer was closed.
    """

    judged: int = 0
    failed: int = 0
    dropped: int = 0
    sampled_out: int = 0
    pending: int = 0
    left: int = 0


Name = Literal["judged", "failed", "dropped", "sampled_out", "pending", "left"]


class HistoryQueue:
    """A queue of histories to judge, first in, first out.

    Args:
        size: the number of histories that may wait.
        block: True: a history that finds no room has to wait; False: it is dropped.
    """

    def __init__(self, size: int, block: bool) -> None:
        self._size = size
        self._block = block
        self._histories: deque[History] = deque()
        self._changed = threading.Condition()
        self._counts = Counts()
        self._closed = False

    @property
    def counts(self) -> Counts:
        """Return the counts up to now."""
        with self._changed:
            return self._counts

    def offer(self, history: History) -> bool | None:
        """Add a history.

        Returns:
            True: it was added. None: it was dropped. False: there is no room yet; offer it again.
        """
        with self._changed:
            if not self._closed and len(self._histories) < self._size:
                self._histories.append(history)
                self._add("pending", 1)
                return True
            if self._block and not self._closed:
                return False
            self._add("dropped", 1)
            return None

    def wait_for_room(self, timeout: float) -> None:
        """Wait until there is room, or `timeout` seconds have passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._histories) < self._size, timeout)

    def next(self) -> History | None:
        """Take out the oldest history, which stays pending; None where the queue is empty."""
        with self._changed:
            if not self._histories:
                return None
            self._changed.notify_all()
            return self._histories.popleft()

    def count(self, name: Name, by: int = 1) -> None:
        """Add to a count."""
        with self._changed:
            self._add(name, by)

    def wait_until_done(self, timeout: float | None) -> bool:
        """Wait until nothing is pending, `timeout` seconds at most (None: no limit), and return whether nothing is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._counts.pending, timeout)

    def fail_unfinished(self) -> int:
        """Count as failed the histories that were taken out and not finished, because the worker died."""
        with self._changed:
            unfinished = self._counts.pending - len(self._histories)
            self._add("failed", unfinished)
            self._add("pending", -unfinished)
            return unfinished

    def close(self) -> bool:
        """Close the queue for new histories, and return whether it was open."""
        with self._changed:
            was_open, self._closed = not self._closed, True
            self._changed.notify_all()
            return was_open

    @property
    def closed(self) -> bool:
        """Return whether the queue is closed for new histories."""
        return self._closed

    def drain(self) -> list[History]:
        """Take out and return all waiting histories; all that are pending count as left."""
        with self._changed:
            histories = list(self._histories)
            self._histories.clear()
            self._add("left", self._counts.pending)
            self._add("pending", -self._counts.pending)
            return histories

    def _add(self, name: Name, by: int) -> None:
        self._counts = replace(self._counts, **{name: getattr(self._counts, name) + by})
        if name == "pending" and by < 0:
            self._changed.notify_all()
