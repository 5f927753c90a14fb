"""Look-ups, leases and storing of replies in a cache that several processes share, many in one statement."""

import asyncio
import contextlib
import uuid
from collections.abc import Callable

from convexplain.errors import StoreError

from .chat import Reply, ReplyRecord, SharedCache

MOST_ROWS = 64
"""Rows that wait to be written at most."""
WRITE_SECONDS = 0.05
"""Seconds that a row waits to be written at most."""

_LOOK_UP_SECONDS = 0.25  # that a look-up waits for others where the model is busy anyway
_POLL_SECONDS = 0.1  # between looks at what somebody else asks
_RENEWAL_SECONDS = 8.0  # between renewals of leases, which hold half a minute


_holding: "dict[str, SharedReplies]" = {}  # askers of this process that hold leases, by their holder's name


class SharedReplies:
    """Replies of a shared cache, for one asker in this process.

    Look-ups of one moment go together; where the model has enough to do they wait a little for further ones. Replies
    are stored together too: 64, or what there is 50 ms after the first of them.

    Args:
        cache: the cache.
        busy: returns whether the model has enough to do, so that a look-up may wait.

    Attributes:
        batched: whether replies may wait to be stored together; where not, each is stored at once.
    """

    def __init__(self, cache: SharedCache, busy: Callable[[], bool]) -> None:
        self.batched = False
        self._cache = cache
        self._busy = busy
        self._holder = uuid.uuid4().hex[:12]
        self._waiting: dict[str, asyncio.Future[Reply | None]] = {}  # look-ups that have no answer yet
        self._new: list[str] = []  # of these, what was not looked up yet
        self._held: set[str] = set()  # requests that are leased to this asker
        self._unwritten: dict[str, ReplyRecord] = {}
        self._released: set[str] = set()
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}
        self._failure: StoreError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def claim(self, key: str) -> Reply | None:
        """Return the stored reply; None where there is none, and the request is leased to this asker now.

        While somebody else asks, this waits for the reply, or for the end of that lease. Each key is claimed once at a
        time; who got None stores the reply or releases the lease.

        Raises:
            StoreError: the cache cannot be read or written.
        """
        self._raise_failure()
        if (record := self._unwritten.get(key)) is not None:
            return record.reply
        self._released.discard(key)
        if key in self._held:  # it was released, but that is not written yet
            return None
        loop = self._enter_loop()
        future: asyncio.Future[Reply | None] = loop.create_future()
        self._waiting[key] = future
        self._new.append(key)
        if len(self._new) >= MOST_ROWS:
            self.look_up()
        else:
            self._set_timer(self.look_up, _LOOK_UP_SECONDS if self._busy() else 0.0)
        try:
            return await future
        finally:
            self._waiting.pop(key, None)

    def stored(self, key: str) -> Reply | None:
        """Return the stored reply, without a lease; None where there is none."""
        record = self._unwritten.get(key)
        return record.reply if record is not None else self._cache.get(key)

    def keep(self, record: ReplyRecord) -> None:
        """Store a reply.

        Raises:
            StoreError: the cache cannot be written.
        """
        self._raise_failure()
        self._unwritten[record.key] = record
        if not self.batched or len(self._unwritten) >= MOST_ROWS:
            self.write()
            self._raise_failure()
        else:
            self._set_timer(self.write, WRITE_SECONDS)

    def release(self, key: str) -> None:
        """End the lease of a request that has no reply to be stored."""
        if key in self._held and key not in self._unwritten:
            self._released.add(key)
            if self.batched:
                self._set_timer(self.write, WRITE_SECONDS)
            else:
                self.write()

    def look_up(self) -> None:
        """Look up what was not looked up yet, now."""
        self._end_timer(self.look_up)
        waiting = {key: future for key in self._new if (future := self._waiting.get(key)) and not future.done()}
        self._new.clear()
        if not waiting:
            return
        try:
            claims = self._cache.claim(list(waiting), self._holder)
        except StoreError as error:
            for future in waiting.values():
                future.set_exception(error)
            return
        for key, future in waiting.items():  # in the order in which they were asked for
            if key in claims:
                if claims[key] is None:
                    self._held.add(key)
                future.set_result(claims[key])
        if len(claims) < len(waiting):
            self._set_timer(self._poll, _POLL_SECONDS)
        if self._held:
            _holding[self._holder] = self
            self._set_timer(self._renew, _RENEWAL_SECONDS)

    def _poll(self) -> None:
        """Look again at what somebody else asks."""
        self._end_timer(self._poll)
        self._new = list(self._waiting)
        self.look_up()

    def write(self) -> None:
        """Store the replies that wait for it, and end the leases that were released."""
        self._end_timer(self.write)
        records, released = list(self._unwritten.values()), self._released
        self._unwritten, self._released = {}, set()
        self._held -= released | {record.key for record in records}
        if not self._held:
            _holding.pop(self._holder, None)
        try:
            if records:
                self._cache.keep_replies(records)
            if released:
                self._cache.release(released, self._holder)
        except StoreError as error:
            self._failure = error

    def close(self) -> None:
        """Store what waits for it, and end all leases and timers.

        Raises:
            StoreError: the cache cannot be written.
        """
        self._released |= self._held - self._unwritten.keys()
        self.write()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._new.clear()
        self.batched = False
        self._raise_failure()

    def _renew(self) -> None:
        self._end_timer(self._renew)
        if not self._held:
            return
        try:
            self._cache.renew(self._held, self._holder)
        except StoreError as error:
            self._failure = error
        self._set_timer(self._renew, _RENEWAL_SECONDS)

    def _set_timer(self, action: Callable[[], None], seconds: float) -> None:
        """Call an action after so many seconds, once; a timer that ends earlier stays."""
        loop = self._enter_loop()
        timer = self._timers.get(action)
        if timer is not None and timer.when() <= loop.time() + seconds:
            return
        if timer is not None:
            timer.cancel()
        self._timers[action] = loop.call_later(seconds, action)

    def _enter_loop(self) -> asyncio.AbstractEventLoop:
        """Return the running loop; what waited in an earlier one has ended with it."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            self._timers.clear()
            self._waiting.clear()
            self._new.clear()
            _release_abandoned()
        return loop

    def _end_timer(self, action: Callable[[], None]) -> None:
        timer = self._timers.pop(action, None)
        if timer is not None:
            timer.cancel()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    @property
    def _is_abandoned(self) -> bool:
        return self._loop is not None and self._loop.is_closed()


def _release_abandoned() -> None:
    """End the leases of askers whose event loop was closed before they could: it was interrupted twice."""
    for asker in [asker for asker in list(_holding.values()) if asker._is_abandoned]:
        with contextlib.suppress(StoreError):  # they end by themselves in half a minute
            asker.close()
