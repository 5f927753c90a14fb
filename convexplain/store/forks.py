"""No database connection goes through a fork.

An SQLite connection that parent and child both have may damage the file: SQLite remembers its locks in memory, which
the child inherits without the locks themselves (sqlite.org, "How To Corrupt An SQLite Database File", 2.6). And a
server's connection would carry the words of both. So all connections are closed before a process forks, and opened anew
by whoever needs one.
"""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

import sqlalchemy as sa

_PATIENCE = 10.0  # seconds that a fork waits for what other threads do with their connections


class _Gate:
    """Connections are used inside; a fork waits until nobody else is there, and nobody comes in meanwhile."""

    def __init__(self) -> None:
        self._engines: WeakSet[sa.Engine] = WeakSet()
        self._open()

    def _open(self) -> None:
        self._changed = threading.Condition()
        self._inside: Counter[int] = Counter()  # thread to how many connections it uses
        self._forking = 0  # threads that fork at the moment

    def remember(self, engine: sa.Engine) -> None:
        with self._changed:
            self._engines.add(engine)

    @contextmanager
    def inside(self) -> Iterator[None]:
        thread = threading.get_ident()
        with self._changed:
            # Who is inside already is waited for, and must not wait.
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
        own = self._inside[threading.get_ident()]
        self._open()  # other threads are not here
        self._inside[threading.get_ident()] = own
        for engine in list(self._engines):
            engine.dispose(close=False)


_gate = _Gate()

connected = _gate.inside
"""Around the use of a connection: a fork in another thread waits for its end."""


def remember(engine: sa.Engine) -> None:
    """Sees to it that the engine's connections are closed before a fork."""
    if engine.dialect.name != "sqlite" or engine.url.database not in (None, "", ":memory:"):  # these live by them
        _gate.remember(engine)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_gate.before, after_in_parent=_gate.after_in_parent, after_in_child=_gate.after_in_child)
