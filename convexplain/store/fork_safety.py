"""Fork safety: no database connection is used on both sides of a fork.

An SQLite connection that parent and child share may damage the file: SQLite keeps its locks in memory, which the child
inherits without the locks themselves (sqlite.org, "How To Corrupt An SQLite Database File", 2.6). A connection to a
server would mix the messages of both processes. So all connections are closed before a process forks, and each process
opens new ones when it needs them.
"""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

import sqlalchemy as sa

_PATIENCE = 10.0  # seconds that a fork waits for other threads to finish with their connections


class _Gate:
    """A gate around the use of connections: a fork waits until no other thread is inside, and none enters meanwhile."""

    def __init__(self) -> None:
        self._engines: WeakSet[sa.Engine] = WeakSet()
        self._open()

    def _open(self) -> None:
        self._changed = threading.Condition()
        self._inside: Counter[int] = Counter()  # thread to how many connections it uses
        self._forking = 0  # threads that fork at the moment

    def add(self, engine: sa.Engine) -> None:
        with self._changed:
            self._engines.add(engine)

    @contextmanager
    def inside(self) -> Iterator[None]:
        thread = threading.get_ident()
        with self._changed:
            # A thread that is inside already must not wait: the fork waits for it.
            self._changed.wait_for(lambda: self._inside[thread] or not self._forking)
            self._inside[thread] += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside[thread] -= 1
                self._changed.notify_all()

    def before(self) -> None:
        with self._changed:
            self._forking += 1
            thread = threading.get_ident()
            self._changed.wait_for(lambda: self._inside.total() == self._inside[thread], _PATIENCE)
            engines = list(self._engines)
        for engine in engines:
            engine.dispose()

    def after_in_parent(self) -> None:
        with self._changed:
            self._forking -= 1
            self._changed.notify_all()

    def after_in_child(self) -> None:
        uses = self._inside[threading.get_ident()]
        self._open()  # the child has no other threads
        self._inside[threading.get_ident()] = uses
        for engine in list(self._engines):
            engine.dispose(close=False)


_gate = _Gate()

hold_off_forks = _gate.inside
"""Make a fork in another thread wait until this block is over, in which a connection is used."""


def close_before_fork(engine: sa.Engine) -> None:
    """Close the engine's connections before each fork. A database in memory is left alone: it would be lost."""
    if engine.dialect.name != "sqlite" or engine.url.database not in (None, "", ":memory:"):
        _gate.add(engine)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_gate.before, after_in_parent=_gate.after_in_parent, after_in_child=_gate.after_in_child)
