"""The names that people typed where nobody signs in, by their browsers: in the server's memory, kept over a reload."""

import threading
from collections import OrderedDict

BROWSER = "convexplain_browser"
"""The cookie with the random token of a browser."""
_MOST = 1000  # browsers; the oldest is forgotten first


class ReviewerNames:
    """The last name that was typed in each browser."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, browser: str | None) -> str:
        """Return the name of a browser, by its token; empty where none is known."""
        with self._lock:
            return self._names.get(browser or "", "")

    def keep(self, browser: str | None, name: str) -> None:
        """Keep the name of a browser; a browser without a token has none."""
        if not browser:
            return
        with self._lock:
            self._names[browser] = name
            self._names.move_to_end(browser)
            if len(self._names) > _MOST:
                self._names.popitem(last=False)


REVIEWER_NAMES = ReviewerNames()
"""The names of this server."""
