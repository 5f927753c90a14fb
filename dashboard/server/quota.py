"""The quota of uploads: how many bytes one person may send in a day."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable

DAY = 24 * 3600.0


class UploadQuota:
    """Counts the bytes that each account has uploaded in the last 24 hours.

    Args:
        limit: bytes for an account.
        clock: gives the time in seconds.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._uploads: dict[str, deque[tuple[float, int]]] = defaultdict(deque)

    def take(self, account: str, size: int) -> bool:
        """Take bytes from an account's quota; return False, and take none, where too few remain."""
        with self._lock:
            uploads, now = self._uploads[account], self._clock()
            while uploads and now - uploads[0][0] > DAY:
                uploads.popleft()
            if sum(taken for _, taken in uploads) + size > self.limit:
                return False
            uploads.append((now, size))
            return True
