"""A server on this machine that answers with set bytes, valid HTTP or not."""

import asyncio
import re
import socket
import struct
from contextlib import suppress

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
_LENGTH = re.compile(rb"^content-length: (\d+)", re.IGNORECASE | re.MULTILINE)


class RawServer:
    """Answers every request with the same bytes, as an asynchronous context manager.

    Args:
        answer: the bytes; None: it never answers.
        end: how a connection ends after the first answer: `closed` or `reset`; empty: it stays open.
        host: the address on which it listens.
        tls: what it needs to speak HTTPS.

    Attributes:
        url: where it listens.
        requests: heads and bodies of the requests, in order.
        connections: how many there were.
        closed: set once a connection has ended.
    """

    def __init__(self, answer=OK, *, end="", host="127.0.0.1", tls=None):
        self._answer, self._end, self._host, self._tls = answer, end, host, tls
        self.requests, self.connections, self.closed = [], 0, asyncio.Event()
        self._open = {}  # tasks and their writers

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, self._host, 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http{'s' if self._tls else ''}://{self._host}:{port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for writer in self._open.values():
            writer.close()
        while self._open:
            await asyncio.wait(self._open)
            await asyncio.sleep(0)

    async def _serve(self, reader, writer):
        self.connections += 1
        self._open[asyncio.current_task()] = writer
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while not reader.at_eof():
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                self.requests.append(head + await reader.readexactly(int(length[1]) if length else 0))
                if self._answer is None:
                    await reader.read()  # until the client leaves
                    break
                writer.write(self._answer)
                await writer.drain()
                if self._end:
                    break
        if self._end == "reset":
            linger = struct.pack("ii", 1, 0)  # to be closed by a reset
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.closed.set()
        del self._open[asyncio.current_task()]
