"""HTTP clients of an endpoint, for each event loop: several of few connections cost less than one of many.

httpx2 looks at all connections of a client with each request: 256 in one client cost more than all other work of a call
together (`benchmarks/throughput.py`).
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

_CONNECTIONS = 16  # requests that are open at once in one client, before there is a further one


@dataclass(slots=True)
class _Client:
    client: httpx2.AsyncClient
    open: int = 0


class HttpClients:
    """Clients that are made as they are needed. Several threads may ask, each in an event loop of its own.

    Args:
        make: makes a client.
    """

    def __init__(self, make: Callable[[], httpx2.AsyncClient]) -> None:
        self._make = make
        self._clients: dict[asyncio.AbstractEventLoop, list[_Client]] = {}

    @contextmanager
    def borrow(self) -> Iterator[httpx2.AsyncClient]:
        """Give a client of this event loop, for one request."""
        loop = asyncio.get_running_loop()
        clients = self._clients.get(loop)
        if clients is None:
            for ended in [other for other in list(self._clients) if other.is_closed()]:
                self._clients.pop(ended, None)
            clients = self._clients[loop] = []
        borrowed = next((candidate for candidate in clients if candidate.open < _CONNECTIONS), None)
        if borrowed is None:
            borrowed = _Client(self._make())
            clients.append(borrowed)
        borrowed.open += 1
        try:
            yield borrowed.client
        finally:
            borrowed.open -= 1

    async def aclose(self) -> None:
        """Close the clients of this event loop; those of others end with theirs."""
        clients = self._clients.pop(asyncio.get_running_loop(), [])
        self._clients.clear()
        for closed in clients:
            await closed.client.aclose()
