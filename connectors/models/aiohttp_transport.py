"""aiohttp under httpx2's client: a request costs half the processor time (`benchmarks/throughput.py`).

httpx2 keeps all that is around a request: credentials, decoding, its classes of errors, and transports for tests.
"""

import ssl
from contextlib import suppress
from io import BytesIO

import aiohttp
import httpx2

_IDLE = 5  # seconds after which an idle connection is closed, as httpx2 does; many servers close it then
_HEADERS = 100_000  # bytes of a header line at most; aiohttp's 8,190 are less than some gateways send
_AT_ONCE = 1_000_000  # bytes of a body that may be written without a pause
_DISCONNECTED = "the server closed the connection without an answer"
# The first that fits; without words, aiohttp's own. Those of the others show addresses, headers or HTTP codes that no
# server has sent.
_ERRORS: tuple[tuple[type[Exception], type[httpx2.TransportError], str], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx2.ConnectTimeout, "no connection in time"),
    (TimeoutError, httpx2.ReadTimeout, "the server sent nothing in time"),
    (aiohttp.ClientConnectorError, httpx2.ConnectError, ""),
    (aiohttp.ServerDisconnectedError, httpx2.RemoteProtocolError, _DISCONNECTED),
    (aiohttp.ClientConnectionError, httpx2.ReadError, ""),
    (aiohttp.ClientPayloadError, httpx2.RemoteProtocolError, "the connection ended within the answer"),
    (aiohttp.ClientError, httpx2.RemoteProtocolError, "the answer is not valid HTTP"),
)


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """A transport for the `httpx2.AsyncClient` of one event loop. Proxies are not used; answers are read whole.

    Args:
        tls: the certificates that are trusted.
        keepalive: whether connections stay open between requests.
    """

    def __init__(self, tls: ssl.SSLContext, *, keepalive: bool = True) -> None:
        self._tls = tls
        self._keepalive = keepalive
        self._session: aiohttp.ClientSession | None = None  # made with the first request, in its event loop

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request and return the response.

        Raises:
            httpx2.TransportError: there is none; of the class that httpx2's own transport raises.
        """
        if self._session is None:
            self._session = self._open()
        timeout, content = request.extensions["timeout"], await request.aread()
        try:
            async with self._session.request(
                request.method,
                str(request.url),
                headers=[(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers.raw],
                data=BytesIO(content) if len(content) > _AT_ONCE else content or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(connect=timeout["connect"], sock_read=timeout["read"]),
            ) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _httpx2_error(error) from error
        return httpx2.Response(response.status, headers=response.raw_headers, content=answer, request=request)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def __del__(self) -> None:
        """Close the session of an event loop that has ended: aiohttp writes an error about an open one to the log."""
        if self._session is not None and not self._session.closed:
            closing = self._session.close()
            with suppress(StopIteration):
                closing.send(None)
            closing.close()

    def _open(self) -> aiohttp.ClientSession:
        idle = {"keepalive_timeout": _IDLE} if self._keepalive else {"force_close": True}
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls, **idle),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # httpx2 does
            max_line_size=_HEADERS,
            max_field_size=_HEADERS,
            max_headers=1000,
        )


def _httpx2_error(error: Exception) -> httpx2.TransportError:
    kind, words = next((kind, words) for caught, kind, words in _ERRORS if isinstance(error, caught))
    return kind(words or str(error))
