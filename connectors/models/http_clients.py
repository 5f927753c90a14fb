"""HTTP clients of an endpoint: one for each event loop, to which its connections belong."""

import asyncio
from collections.abc import Callable

import httpx2


class HttpClients:
    """Clients that are made as they are needed. Several threads may ask, each in an event loop of its own.

    Args:
        make: makes a client.
    """

    def __init__(self, make: Callable[[], httpx2.AsyncClient]) -> None:
        self._make = make
        self._clients: dict[asyncio.AbstractEventLoop, httpx2.AsyncClient] = {}

    def here(self) -> httpx2.AsyncClient:
        """Return the client of this event loop."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            for ended in [other for other in list(self._clients) if other.is_closed()]:
                self._clients.pop(ended, None)
            client = self._clients[loop] = self._make()
        return client

    async def aclose(self) -> None:
        """Close the client of this event loop; those of others end with theirs."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        self._clients.clear()
        if client is not None:
            await client.aclose()
