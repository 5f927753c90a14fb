"""A log of background failures and remarks that does not grow without bound."""

import logging
import threading
import time

_EVERY = 60.0  # seconds


class FailureLog:
    """Warnings of failures: each kind once, then at most once a minute, with the number of failures since then.

    Args:
        logger: receives the warnings.
        every: seconds between two warnings of one kind.
    """

    def __init__(self, logger: logging.Logger, every: float = _EVERY) -> None:
        self._logger = logger
        self._every = every
        self._lock = threading.Lock()
        self._kinds: dict[str, tuple[float, int]] = {}
        self._remarks: set[str] = set()

    def remark(self, text: str) -> None:
        """Warn of something that is no failure, once."""
        with self._lock:
            if text in self._remarks:
                return
            self._remarks.add(text)
        self._logger.warning("%s", text)

    def warn(self, action: str, error: BaseException) -> None:
        """Warn that an action failed; the kind is the action with the error's type."""
        kind = f"{action}: {type(error).__name__}"
        now = time.monotonic()
        with self._lock:
            last_warning, suppressed = self._kinds.get(kind, (float("-inf"), 0))
            if now - last_warning < self._every:
                self._kinds[kind] = (last_warning, suppressed + 1)
                return
            self._kinds[kind] = (now, 0)
        again = f" ({suppressed} more since the last time)" if suppressed else ""
        self._logger.warning("%s failed%s: %s: %s", action, again, type(error).__name__, error)
        self._logger.debug("%s", action, exc_info=error)
