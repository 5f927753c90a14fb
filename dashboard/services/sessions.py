"""The sessions of people who signed in: in the server's memory, so that one can be ended at any moment."""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .people import Person

IDLE = 2 * 3600.0
"""Seconds without a request after which a session ends."""
LONGEST = 12 * 3600.0
"""Seconds after which a session ends in any case."""


@dataclass(slots=True)
class _Session:
    person: Person
    started: float
    seen: float


class Sessions:
    """The people who are signed in, by a random token that the browser holds; only its digest is here.

    Args:
        clock: gives the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    def open(self, person: Person) -> str:
        """Begin a session, and return its token."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            for key in [key for key, session in self._sessions.items() if self._ended(session, now)]:
                del self._sessions[key]
            self._sessions[_digest(token)] = _Session(person, now, now)
        return token

    def find(self, token: str | None) -> Person | None:
        """Return whose session this is, and count this as a request; None where there is none, or it has ended."""
        return self._find(token, self._clock())

    def peek(self, token: str | None) -> Person | None:
        """Return whose session this is; None where there is none, or it has ended."""
        return self._find(token, None)

    def end(self, token: str | None) -> Person | None:
        """End a session, and return whose it was."""
        with self._lock:
            session = self._sessions.pop(_digest(token or ""), None)
        return None if session is None else session.person

    def _find(self, token: str | None, request_at: float | None) -> Person | None:
        with self._lock:
            session = self._sessions.get(_digest(token or ""))
            if session is None or self._ended(session, self._clock()):
                return None
            if request_at is not None:
                session.seen = request_at
            return session.person

    @staticmethod
    def _ended(session: _Session, now: float) -> bool:
        return now - session.seen > IDLE or now - session.started > LONGEST


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


SESSIONS = Sessions()
"""The sessions of this server."""
