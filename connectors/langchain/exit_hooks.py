"""Hooks for scorers at the end of the program and after a fork."""

import atexit
import contextlib
import os
import threading
import time
from typing import Protocol
from weakref import WeakSet


class BackgroundWork(Protocol):
    """Work in the background that has to be finished."""

    exit_seconds: float

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all is done, `timeout` seconds at most."""

    def close(self, timeout: float | None = 10.0) -> None:
        """Wait so long, then store the remaining work and end."""

    def renew(self) -> None:
        """Restart in the child of a fork, where only one thread still runs."""


_registered: "WeakSet[BackgroundWork]" = WeakSet()


def register(work: BackgroundWork) -> None:
    """Close the work at the program's end, and restart it in the child of a fork."""
    _registered.add(work)


def _finish() -> None:
    """Wait for pending work, in total for the longest of all `exit_seconds`; Ctrl-C ends the waiting."""
    registered = list(_registered)
    until = time.monotonic() + max((work.exit_seconds for work in registered), default=0)
    with contextlib.suppress(KeyboardInterrupt):
        for work in registered:
            work.flush(max(0.0, min(work.exit_seconds, until - time.monotonic())))


def _close() -> None:
    for work in list(_registered):
        work.close(0)


def _renew() -> None:
    for work in list(_registered):
        work.renew()


atexit.register(_close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
# The waiting has to come before the interpreter ends its thread pools, which models and HTTP clients need, and `atexit`
# comes after that. Python has no public hook for it; where this one is missing, waiting histories are stored unjudged.
with contextlib.suppress(AttributeError, RuntimeError):
    import concurrent.futures.thread  # noqa: F401 - its own hook is registered first, and so called after this one

    threading._register_atexit(_finish)  # type: ignore[attr-defined]
