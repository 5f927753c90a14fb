"""Blocking work in a thread of its own, which Ctrl-C does not wait for."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PATIENCE = 2.0  # seconds that a cancelled thread may take to end


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """Return the result of blocking work that a thread of its own does.

    The work may wait for a pipe: when it is cancelled, it gets two seconds to end, and is left alone then.

    Args:
        work: is given an event, and ends soon after that is set.
    """
    loop, cancelled = asyncio.get_running_loop(), threading.Event()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(action: Callable[[], None]) -> None:
        if not outcome.done():
            action()

    def run() -> None:
        try:
            result = work(cancelled)
        except BaseException as error:  # noqa: BLE001 - it is raised below
            failure = error
            action: Callable[[], None] = lambda: outcome.set_exception(failure)  # noqa: E731
        else:
            action = lambda: outcome.set_result(result)  # noqa: E731
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, action)

    thread = threading.Thread(target=run, name="convexplain-reading", daemon=True)
    thread.start()
    try:
        return await outcome
    except BaseException:
        cancelled.set()
        thread.join(_PATIENCE)
        raise
