"""The bounded queue between an application and what judges it, with the counts of what became of everything."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Finished:
    """A conversation after something was said in it.

    Attributes:
        id: the thread's id, or the run's where there is no thread.
        messages: the messages so far, in whatever form the application has them.
        given: None in a thread. Elsewhere how many of the messages were there before: they are not judged.
    """

    id: str
    messages: Sequence[Any]
    given: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of what was handed to a scorer.

    Attributes:
        judged: turns that have a score on every rubric.
        failed: turns that could not be judged or kept, or have no score on one of the rubrics at least.
        dropped: histories that found the queue full. What they added is judged when their thread goes on.
        sampled_out: histories of conversations that were not chosen.
        pending: histories that wait or are being judged.
        left: histories that were kept unjudged when the scorer was closed.
    """

    judged: int = 0
    failed: int = 0
    dropped: int = 0
    sampled_out: int = 0
    pending: int = 0
    left: int = 0


Name = Literal["judged", "failed", "dropped", "sampled_out", "pending", "left"]


class Waiting:
    """Histories that wait to be judged, first in, first out.

    Args:
        size: how many may wait.
        block: whether a history that finds no room waits for it; otherwise it is dropped.
    """

    def __init__(self, size: int, block: bool) -> None:
        self._size = size
        self._block = block
        self._items: deque[Finished] = deque()
        self._changed = threading.Condition()
        self._counts = Counts()
        self._closed = False

    @property
    def counts(self) -> Counts:
        """The counts up to now."""
        with self._changed:
            return self._counts

    @property
    def closed(self) -> bool:
        """Whether nothing is taken any more."""
        return self._closed

    def offer(self, finished: Finished) -> bool | None:
        """True: it waits. None: it was dropped. False: it has to wait for room first, and is offered again."""
        with self._changed:
            if not self._closed and len(self._items) < self._size:
                self._items.append(finished)
                self._add("pending", 1)
                return True
            if self._block and not self._closed:
                return False
            self._add("dropped", 1)
            return None

    def wait_for_room(self, timeout: float) -> None:
        """Returns when there is room, or `timeout` seconds have passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._size, timeout)

    def next(self) -> Finished | None:
        """The history that waits longest; it stays pending."""
        with self._changed:
            if not self._items:
                return None
            self._changed.notify_all()
            return self._items.popleft()

    def count(self, name: Name, by: int = 1) -> None:
        """Adds to a count."""
        with self._changed:
            self._add(name, by)

    def wait_until_done(self, timeout: float | None) -> bool:
        """Waits until nothing is pending, `timeout` seconds at most (None: without end). Returns whether it is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._counts.pending, timeout)

    def give_up_open(self) -> int:
        """What was taken out and never came to its end, as its thread did not live, is counted as failed."""
        with self._changed:
            lost = self._counts.pending - len(self._items)
            self._add("failed", lost)
            self._add("pending", -lost)
            return lost

    def close(self) -> bool:
        """Takes nothing more. Returns whether it did until now."""
        with self._changed:
            was_open, self._closed = not self._closed, True
            self._changed.notify_all()
            return was_open

    def rest(self) -> list[Finished]:
        """What still waits, taken out; all that is pending counts as left."""
        with self._changed:
            found = list(self._items)
            self._items.clear()
            self._add("left", self._counts.pending)
            self._add("pending", -self._counts.pending)
            return found

    def _add(self, name: Name, by: int) -> None:
        self._counts = replace(self._counts, **{name: getattr(self._counts, name) + by})
        if name == "pending" and by < 0:
            self._changed.notify_all()
