"""Clients of an endpoint, one for each event loop."""

import asyncio

import httpx2

from convexplain.connectors.models.http_clients import HttpClients


def test_each_event_loop_has_its_own():
    made = []

    def make():
        made.append(httpx2.AsyncClient(transport=httpx2.MockTransport(lambda request: httpx2.Response(200))))
        return made[-1]

    kept = HttpClients(make)

    async def go(closes):
        assert kept.here() is kept.here()
        status = (await kept.here().get("http://h.example")).status_code
        if closes:
            await kept.aclose()
        return status

    assert [asyncio.run(go(False)), asyncio.run(go(True))] == [200, 200]
    assert [client.is_closed for client in made] == [False, True]
