"""A brake on guesses of the password, for all browsers together."""

import threading
import time
from collections.abc import Callable

SHORTEST = 1.0
"""Seconds between two tries, in any case."""
LONGEST = 30.0
"""Seconds that the pause grows to; longer ones would shut out the people who know the password."""
CALM = 600.0
"""Seconds without a wrong password after which the pause is the shortest again."""


class Throttle:
    """Admits one try at a time; the pause after it doubles with each wrong password.

    Args:
        clock: gives the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._next = float("-inf")
        self._failed_at = float("-inf")
        self._failures = 0

    def admit(self) -> float:
        """Admit a try; return 0, or the seconds to wait where it is not admitted.

        An admitted try takes its time slot before the password is looked at, so that a hundred tries at once are one.
        """
        with self._lock:
            now = self._clock()
            if now < self._next:
                return self._next - now
            if now - self._failed_at > CALM:
                self._failures = 0
            self._next = now + SHORTEST
            return 0.0

    def failed(self) -> None:
        """Count a wrong password; the next try has to wait longer."""
        with self._lock:
            self._failed_at = self._clock()
            self._next = max(self._next, self._failed_at + min(LONGEST, SHORTEST * 2.0**self._failures))
            self._failures = min(self._failures + 1, 30)
