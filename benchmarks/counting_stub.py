"""An endpoint in a process of its own that answers after a set time, and counts what it is asked.

    with CountingStub(seconds=0.05) as stub:
        ...  # ask stub.url
        print(stub.counts())

It speaks just enough HTTP/1.1 and OpenAI's chat completions for a judge of labels "yes" and "no", costs about 50 µs of
CPU a request, and answers the same prompt always alike: P(yes) is drawn by a hash of the prompt.
"""

import argparse
import asyncio
import hashlib
import json
import math
import socket
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class StubCounts:
    """The requests that the endpoint has had so far.

    Attributes:
        requests: how many requests there were.
        distinct: how many of them were different.
        most_open: how many were open at once at most.
    """

    requests: int
    distinct: int
    most_open: int

    @property
    def repeated(self) -> int:
        """Return how many requests came although the same one had come before."""
        return self.requests - self.distinct


class CountingStub:
    """The endpoint as a context manager.

    Args:
        seconds: how long an answer takes.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        command = [sys.executable, __file__, "--seconds", str(seconds)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def counts(self, *, reset: bool = False) -> StubCounts:
        """Return what was asked since the last reset."""
        with socket.socket() as connection:
            connection.connect(("127.0.0.1", self._port))
            connection.sendall(b"GET /reset HTTP/1.1\r\n\r\n" if reset else b"GET /counts HTTP/1.1\r\n\r\n")
            received = b""
            while not received.endswith(b"}"):
                received += connection.recv(4096)
        return StubCounts(**json.loads(received.partition(b"\r\n\r\n")[2]))


class _Server:
    def __init__(self, seconds: float) -> None:
        self.seconds, self.open, self.most_open = seconds, 0, 0
        self.asked: Counter[bytes] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((int(v) for k, v in _headers(head) if k == b"content-length"), 0)
                body = await reader.readexactly(length) if length else b""
                writer.write(_response(await self.answer(head.split(b" ", 2)[1], body)))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client was killed
        finally:
            writer.close()

    async def answer(self, path: bytes, body: bytes) -> bytes:
        if not body:
            if path not in (b"/counts", b"/reset"):
                return b'{"data": [{"id": "stub"}]}'
            counts = {"requests": self.asked.total(), "distinct": len(self.asked), "most_open": self.most_open}
            if path == b"/reset":
                self.asked.clear()
                self.most_open = self.open
            return json.dumps(counts).encode()
        digest = hashlib.sha256(body).digest()
        if b"Is the sky blue?" not in body:  # the probe of an endpoint
            self.asked[digest] += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.open -= 1
        return _COMPLETIONS[digest[0]]


def _headers(head: bytes) -> list[tuple[bytes, bytes]]:
    lines = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    return [(name.lower(), text.strip()) for name, _, text in lines]


def _response(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _completion(probability: float) -> dict[str, Any]:
    label = "yes" if probability >= 0.5 else "no"
    tokens = ['{"', "label", '":', ' "', label, '"}']
    content = [{"token": token, "logprob": 0.0, "top_logprobs": [{"token": token, "logprob": 0.0}]} for token in tokens]
    tops = {"yes": probability, "no": 1 - probability}
    content[4]["top_logprobs"] = [{"token": token, "logprob": math.log(p)} for token, p in tops.items()]
    message = {"role": "assistant", "content": "".join(tokens)}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "stub",
        "choices": [{"index": 0, "message": message, "logprobs": {"content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 6, "total_tokens": 106},
    }


_COMPLETIONS = [json.dumps(_completion((i + 0.5) / 256)).encode() for i in range(256)]


async def _main(seconds: float) -> None:
    served = _Server(seconds)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, backlog=1024, limit=1 << 22)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started it is gone


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=0.0, help="how long an answer takes")
    asyncio.run(_main(parser.parse_args().seconds))
