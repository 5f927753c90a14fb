"""Retries of failed model calls: how long they wait, when they stop, and how many calls may be open meanwhile."""

from collections.abc import Callable

import tenacity

from convexplain.errors import FaultyReplyError, TransientError

BACKOFF = tenacity.wait_random_exponential(multiplier=1, max=20)
TIMEOUTS = 3
"""Attempts at a call that hangs: each costs its whole time-out, so these are fewer than for a quick refusal."""
FAULTY = 6
"""Attempts at a call whose answers are damaged: some servers damage each answer to the same prompt."""

_GAIN = 1.2
"""By how much twice as many open calls must raise the answers a second, for that to have paid."""


def retrying(patience: float, before_sleep: Callable[[tenacity.RetryCallState], None]) -> tenacity.AsyncRetrying:
    """Return the policy by which a call is repeated after transient failures.

    It waits with growing pauses, or as the endpoint's Retry-After says. Calls that hang (`TIMEOUTS`) and answers that
    are damaged (`FAULTY`) are counted apart from other failures. Each call needs a policy of its own.

    Args:
        patience: seconds of waiting between attempts at one call, after which it has failed.
        before_sleep: is called before each pause.
    """

    hung = faulty = 0

    def stop(state: tenacity.RetryCallState) -> bool:
        nonlocal hung, faulty
        error = state.outcome.exception() if state.outcome else None
        hung += isinstance(error, TransientError) and error.timed_out
        faulty += isinstance(error, FaultyReplyError)
        return state.idle_for >= patience or hung >= TIMEOUTS or faulty >= FAULTY

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(TransientError),
        wait=_wait,
        stop=stop,
        before_sleep=before_sleep,
        reraise=True,
    )


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, FaultyReplyError):
        return min(1.0, BACKOFF(state))  # it is not busy
    if isinstance(error, TransientError) and error.retry_after is not None:
        return max(error.retry_after, BACKOFF(state))  # an endpoint may say 0 for ever
    return BACKOFF(state)


class Limit:
    """The number of calls that may be open: grows by one a round of successes, shrinks by a quarter at trouble.

    Where it begins below its end, it doubles as long as that brings clearly more answers a second.

    Args:
        end: the calls that may ever be open.
        start: those that may be open at first; the end unless given.

    Attributes:
        most: the calls that may be open while all goes well, as far as it is known by now.
    """

    def __init__(self, end: int, start: int | None = None) -> None:
        self.most = min(start or end, end)
        self._end = end
        self._now = float(self.most)
        self._last_cut = float("-inf")
        self._rate = 0.0  # answers a second with half as many calls
        self._answers = 0  # since the last step
        self._began = 0.0

    @property
    def now(self) -> int:
        """Calls that may be open at this moment, at least 1."""
        return int(self._now)

    def grow(self, clock: float, *, waiting: bool) -> None:
        """Raise the limit after a call that went well.

        Args:
            clock: the time, in seconds.
            waiting: further requests wait, so that the limit is what holds them up.
        """
        self._now = min(self.most, self._now + 1 / self._now)
        if self.most == self._end:
            return
        if not waiting or self._now < self.most:  # there is nothing to learn
            self._answers = 0
            return
        self._answers += 1
        if self._answers == self.most:  # those of the step before have come
            self._began = clock
        elif self._answers == 3 * self.most:
            self._step(2 * self.most / max(clock - self._began, 1e-6))

    def _step(self, rate: float) -> None:
        """Double the limit where the last doubling has paid, else take that back and stay there."""
        self._answers = 0
        if rate >= _GAIN * self._rate:
            self._rate = rate
            self.most = min(2 * self.most, self._end)
        else:
            self._end = self.most = max(1, self.most // 2)
        self._now = float(self.most)

    def cut(self, clock: float) -> None:
        """Lower the limit: the endpoint is in trouble. Calls that were open together fail together, and count once.

        A quarter, not half: random failures, one in ten, would otherwise keep it at half of what the endpoint bears,
        and at one that really pushes back it falls to a twentieth in ten seconds all the same.
        """
        if clock - self._last_cut >= 1:
            self._now = max(1.0, self._now * 0.75)
            self._last_cut = clock
