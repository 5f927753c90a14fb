"""A server of the OpenAI protocol that fails on purpose: for tests of models, judges and whole runs.

    with FaultServer() as server:
        server.next_faults = ["half JSON"]
        ...  # ask a model at server.url

It listens on 127.0.0.1 alone. It says "no" where the last line of the prompt's transcript holds "bad", else "yes".
"""

import hashlib
import json
import math
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

Extent = Literal["request", "prompt", "account"]


@dataclass(frozen=True, slots=True)
class FaultAnswer:
    """One answer of the server, with how it is sent.

    Attributes:
        body: the body; empty closes the connection without an answer.
        status: the HTTP status.
        headers: further headers.
        pace: `whole` at once, `hang` sends nothing, `slow` sends a byte now and then.
    """

    body: str = ""
    status: int = 200
    headers: Mapping[str, str] | None = None
    pace: Literal["whole", "hang", "slow"] = "whole"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which an endpoint fails.

    Attributes:
        extent: what it concerns: one `request` (the same request may be answered at the next try), one `prompt` (it
            fails each time), or the `account` (all requests fail from then on).
        answer: the answer to a request, from the right one.
    """

    extent: Extent
    answer: Callable[[dict[str, Any]], FaultAnswer]


def _error(status: int, message: str, code: str = "", **headers: str) -> Fault:
    error = {"message": message, "type": "error", "code": code or None}
    return Fault("request", lambda _: FaultAnswer(json.dumps({"error": error}), status, headers))


def _of(extent: Extent, fault: Fault) -> Fault:
    return Fault(extent, fault.answer)


def _body(change: Callable[[dict[str, Any]], Any]) -> Fault:
    return Fault("request", lambda right: FaultAnswer(json.dumps(change(right))))


def _empty(right: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": None}, "finish_reason": "stop"}
    return {**right, "choices": [choice]}


def _numbers(logprob: float) -> Fault:
    def change(right: dict[str, Any]) -> dict[str, Any]:
        damaged: dict[str, Any] = json.loads(json.dumps(right))
        for step in (damaged["choices"][0]["logprobs"] or {}).get("content", ()):
            for top in step["top_logprobs"]:
                top["logprob"] = logprob
        return damaged

    return _body(change)


def _other_model(right: dict[str, Any]) -> dict[str, Any]:
    return {**right, "model": "another-model", "choices": completion(0.5, "unsure")["choices"]}


_LONG = "This model's maximum context length is 4096 tokens, but the request has more."
_FILTER = "The response was filtered due to the prompt triggering the content management policy."
FAULTS: Mapping[str, Fault] = {
    "429": _error(429, "Rate limit reached, slow down", "rate_limit_exceeded"),
    "429 with Retry-After": _error(429, "Rate limit reached", "rate_limit_exceeded", **{"Retry-After": "0.05"}),
    "500": _error(500, "The server had an error"),
    "502 as HTML": Fault("request", lambda _: FaultAnswer("<html><h1>502 Bad Gateway</h1></html>", 502)),
    "503": _error(503, "The engine is overloaded"),
    "hang": Fault("request", lambda right: FaultAnswer(json.dumps(right), pace="hang")),
    "slow body": Fault("request", lambda right: FaultAnswer(json.dumps(right), pace="slow")),
    "closed connection": Fault("request", lambda _: FaultAnswer()),
    "half JSON": Fault("request", lambda right: FaultAnswer(json.dumps(right)[: len(json.dumps(right)) // 2])),
    "empty choices": _body(lambda right: {**right, "choices": []}),
    "null content": _body(_empty),
    "error in 200": _body(lambda _: {"error": {"message": "Provider returned error"}}),
    "another model": _body(_other_model),
    "NaN": _numbers(math.nan),
    "infinite": _numbers(math.inf),
    "positive": _numbers(2.5),
    "too long": _of("prompt", _error(400, _LONG, "context_length_exceeded")),
    "content filter": _of("prompt", _error(400, _FILTER, "content_filter")),
    "quota": _of("account", _error(429, "You exceeded your current quota", "insufficient_quota")),
    "refused key": _of("account", _error(401, "Incorrect API key provided", "invalid_api_key")),
}
"""The faults by their names."""


def faults_of(extent: Extent) -> list[str]:
    """Return the names of the faults with that extent."""
    return [name for name, fault in FAULTS.items() if fault.extent == extent]


def completion(probability: float, label: str = "yes") -> dict[str, Any]:
    """Return a chat completion whose reply is `{"label": …}`, with the probability of "yes" at the label."""
    tokens = ['{"', "label", '":', ' "', label, '"}']
    content = [{"token": t, "logprob": 0.0, "top_logprobs": [{"token": t, "logprob": 0.0}]} for t in tokens]
    shares = {"yes": probability, "no": 1 - probability}
    content[4]["top_logprobs"] = [{"token": name, "logprob": math.log(share)} for name, share in shares.items()]
    message = {"role": "assistant", "content": "".join(tokens)}
    choice = {"index": 0, "message": message, "logprobs": {"content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": len(tokens)}
    return {"object": "chat.completion", "model": "stub", "choices": [choice], "usage": usage}


class FaultServer:
    """An endpoint that judges well, but for its faults. A context manager; `close` ends it.

    Args:
        share: the share of requests that fail, in [0, 1).
        faults: the faults that they fail with, in equal parts. Those of prompts take the same part of all prompts.
        seed: of the draws, which go by the number of the request.
        seconds: how long an answer takes.
        slowness: how long a hang lasts, and a slow body; longer than the time-out of the model that is tested.

    Attributes:
        url: the base URL.
        next_faults: the faults of the next requests, before any draw.
        account: the fault of the account, with which all requests fail; empty: none. One that was drawn stays.
        sent: how many requests were answered with each fault; `""` counts the right answers.
        prompts: the prompts of all requests, in order.
    """

    def __init__(
        self,
        share: float = 0.0,
        faults: Sequence[str] = (*faults_of("request"), *faults_of("prompt")),
        *,
        seed: int = 0,
        seconds: float = 0.0,
        slowness: float = 30.0,
    ) -> None:
        self.share, self.faults, self.seed = share, tuple(faults), seed
        self.seconds, self.slowness = seconds, slowness
        self.next_faults: list[str] = []
        self.account = ""
        self.sent: Counter[str] = Counter()
        self.prompts: list[str] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the server."""
        self.close()

    def close(self) -> None:
        """Stop listening, and end what hangs."""
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float) -> bool:
        """Wait; return True where the server was closed meanwhile."""
        return self._closed.wait(seconds) if seconds else self._closed.is_set()

    def answer(self, body: Mapping[str, Any]) -> FaultAnswer:
        """Return the answer to a request, right or wrong."""
        prompt = str(body["messages"][0]["content"])
        with self._lock:
            self.prompts.append(prompt)
            name = self.account or (self.next_faults or [self._drawn(len(self.prompts), prompt)]).pop(0)
            self.sent[name] += 1
            self.account = name if name and FAULTS[name].extent == "account" else ""
        self.wait(self.seconds)
        right = _right(body, prompt)
        return FAULTS[name].answer(right) if name else FaultAnswer(json.dumps(right))

    def _drawn(self, number: int, prompt: str) -> str:
        """Return the fault of a request; empty: none."""
        if not self.share:
            return ""
        part = self.share / len(self.faults)
        of_prompts = [name for name in self.faults if FAULTS[name].extent == "prompt"]
        of_requests = [name for name in self.faults if FAULTS[name].extent != "prompt"]
        digest = int(hashlib.sha256(f"{self.seed} {prompt}".encode("utf-8", "replace")).hexdigest()[:12], 16)
        chosen = _chosen(digest / 16**12, part, of_prompts)
        draw = random.Random(f"{self.seed} {number}").random()  # noqa: S311 - no secret
        return chosen or _chosen(draw, part, of_requests)


def _chosen(draw: float, part: float, names: Sequence[str]) -> str:
    """Return the name in whose part of [0, 1) a draw falls; empty beyond them."""
    place = int(draw / part)
    return names[place] if place < len(names) else ""


def _right(body: Mapping[str, Any], prompt: str) -> dict[str, Any]:
    """Return the right answer: a label, or as many tokens of a story as were asked for."""
    most = min(body.get("max_tokens", 6), body.get("max_completion_tokens", 6))
    reply = completion(0.1, "no") if "bad" in prompt.rsplit("\nassistant: ", 1)[-1] else completion(0.9)
    if most < 6:
        reply["choices"][0] |= {"finish_reason": "length", "logprobs": None}
        reply["choices"][0]["message"]["content"] = '{"label'
        reply["usage"]["completion_tokens"] = most
    if not body.get("logprobs"):
        reply["choices"][0]["logprobs"] = None
    return reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, faulty: FaultServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faulty = faulty

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing: a client that goes away is part of what is tried."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are sent apart: the body would wait 40 ms for an ACK
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log."""

    def do_GET(self) -> None:
        self._send(FaultAnswer(json.dumps({"data": [{"id": "stub"}]})))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body:  # else the client has gone
            self._send(self.server.faulty.answer(json.loads(body)))

    def _send(self, answer: FaultAnswer) -> None:
        body = answer.body.encode()
        if answer.pace == "hang":
            self.server.faulty.wait(self.server.faulty.slowness)
        if answer.pace == "hang" or not body:
            self.close_connection = True
            return
        try:
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(body)), **(answer.headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self._write(body, slowly=answer.pace == "slow")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has given up

    def _write(self, body: bytes, *, slowly: bool) -> None:
        for part in [body[i : i + 1] for i in range(len(body))] if slowly else [body]:
            self.wfile.write(part)
            if slowly and self.server.faulty.wait(self.server.faulty.slowness / len(body)):
                return
