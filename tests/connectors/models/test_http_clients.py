"""Clients of an endpoint: several of few connections, for each event loop."""

import asyncio
from contextlib import ExitStack

import httpx2

from convexplain.connectors.models.http_clients import HttpClients


def clients():
    made = []

    def make():
        made.append(httpx2.AsyncClient(transport=httpx2.MockTransport(lambda request: httpx2.Response(200))))
        return made[-1]

    return HttpClients(make), made


def test_there_are_as_many_clients_as_the_requests_that_are_open_need():
    kept, made = clients()

    async def go():
        with ExitStack() as stack:
            borrowed = [stack.enter_context(kept.borrow()) for _ in range(40)]
        assert [borrowed.count(client) for client in made] == [16, 16, 8]
        with kept.borrow() as client:  # nothing is open: the first will do
            assert client is made[0]
        await kept.aclose()

    asyncio.run(go())
    assert [client.is_closed for client in made] == [True] * 3


def test_each_event_loop_has_its_own():
    kept, made = clients()

    async def go():
        with kept.borrow() as client:
            return (await client.get("http://h.example")).status_code

    assert [asyncio.run(go()), asyncio.run(go())] == [200, 200]
    assert len(made) == 2
