"""The end of the program, and forks: what scorers do then."""

import atexit
import contextlib
import os
import threading
import time
from typing import Protocol
from weakref import WeakSet


class Ends(Protocol):
    """What has something to finish."""

    exit_seconds: float

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until all is done, `timeout` seconds at most."""

    def close(self, timeout: float | None = 10.0) -> None:
        """Waits so long, then keeps what is not done and ends."""

    def renew(self) -> None:
        """Begins anew in the child of a fork, where no thread but one lives on."""


_open: "WeakSet[Ends]" = WeakSet()


def remember(item: Ends) -> None:
    """Sees to it that it is closed at the program's end, and begun anew in the child of a fork."""
    _open.add(item)


def _finish() -> None:
    """Waits for what is pending, in all the longest of the times that the scorers give; Ctrl-C ends the waiting."""
    items = list(_open)
    until = time.monotonic() + max((item.exit_seconds for item in items), default=0)
    with contextlib.suppress(KeyboardInterrupt):
        for item in items:
            item.flush(max(0.0, min(item.exit_seconds, until - time.monotonic())))


def _close() -> None:
    for item in list(_open):
        item.close(0)


def _renew() -> None:
    for item in list(_open):
        item.renew()


atexit.register(_close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
# The waiting has to come before the interpreter ends its thread pools, which models and HTTP clients need, and `atexit`
# comes after that. Python has no public hook for it; where this one is gone, what waits is kept unjudged.
with contextlib.suppress(AttributeError, RuntimeError):
    import concurrent.futures.thread  # noqa: F401 - its own hook is registered first, and so called after this one

    threading._register_atexit(_finish)  # type: ignore[attr-defined]
