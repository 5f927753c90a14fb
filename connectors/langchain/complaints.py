"""Says what goes wrong in the background without filling the log."""

import logging
import threading
import time

_EVERY = 60.0  # seconds


class Complaints:
    """Warns of each kind of trouble once, then at most once a minute, with how often it happened meanwhile.

    Args:
        logger: where it is said.
        every: seconds between two warnings of one kind.
    """

    def __init__(self, logger: logging.Logger, every: float = _EVERY) -> None:
        self._logger = logger
        self._every = every
        self._lock = threading.Lock()
        self._kinds: dict[str, tuple[float, int]] = {}

    def say(self, what: str, error: BaseException) -> None:
        """Something failed; the kind is made up of what it was and the error's type."""
        kind = f"{what}: {type(error).__name__}"
        now = time.monotonic()
        with self._lock:
            said, more = self._kinds.get(kind, (float("-inf"), 0))
            if now - said < self._every:
                self._kinds[kind] = (said, more + 1)
                return
            self._kinds[kind] = (now, 0)
        again = f" ({more} more since the last time)" if more else ""
        self._logger.warning("%s failed%s: %s: %s", what, again, type(error).__name__, error)
        self._logger.debug("%s", what, exc_info=error)
