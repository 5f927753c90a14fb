"""Termination by SIGTERM, which ends a command or a job as Ctrl-C does: what was judged is kept and the run stopped."""

import signal
import sys
from types import FrameType

_received: list[int] = []


def hear_termination() -> None:
    """End this process in order at SIGTERM; to be called in the main thread."""
    if sys.platform != "win32":
        signal.signal(signal.SIGTERM, _stop)


def stopped_by() -> tuple[str, int]:
    """Return what has stopped this process, for people, and the exit code that says so: Ctrl-C unless SIGTERM came."""
    return ("SIGTERM", 128 + signal.SIGTERM) if _received else ("Ctrl-C", 128 + signal.SIGINT)


def _stop(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, signal.SIG_DFL, None):  # as of a shell's background job
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)  # an event loop hears it and cancels what runs
