"""Any server that speaks the OpenAI chat completions protocol: vLLM, llama.cpp, Ollama, TGI and others.

The Hugging Face hub's client is not used here: with a base URL it rewrites `response_format` to TGI's dialect, and with
`HF_HUB_OFFLINE` set it refuses even a server on this machine.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit, urlunsplit

import httpx2

from convexplain.errors import ModelError, TransientError, UnavailableError, UsageError
from convexplain.models.chat import Reply, Request, no_reply_logprob, sendable
from convexplain.types import sha256_json

from .one_by_one import estimated_tokens, one_by_one
from .openai_replies import (
    RefusedError,
    error_message,
    raise_for_status,
    read_completion,
    served_models,
    weights_told,
    window_told,
)
from .prompt_logprobs import SCORING, read_scored

API_KEY = "CONVEXPLAIN_API_KEY"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server may be asked for: how many top log-probabilities, and whether a JSON Schema."""

    top_logprobs: int
    schema: bool


# Tried in this order: a server that refuses a request for what it asks is asked for less, once and for all.
_DIALECTS = (
    Dialect(20, True),
    Dialect(20, False),
    Dialect(5, True),
    Dialect(5, False),
    Dialect(0, True),
    Dialect(0, False),
)


class OpenAICompatible:
    """A model behind `http(s)://HOST/v1?model=NAME`.

    One object speaks with one model: once a reply has said which model gave it, a reply of another one is refused.

    Args:
        url: the base URL; `model` may be left out where the server has just one, `in_flight` (default 16) and `timeout`
            (seconds, default 120) may be added. User and password in it are sent, and never shown or kept.
        transport: replaces the network, for tests.
        key: gives the key when a request is sent, or an empty string; may raise UnavailableError. Without it the key is
            taken from the environment variable `CONVEXPLAIN_API_KEY`. A key is never shown or kept either.

    Attributes:
        key_from: where the key is taken from, for the message when it is refused.
        missing: what to look at when the model is not there, for that message.
    """

    batch = 1
    key_from = API_KEY
    missing = "are the URL, which usually ends in /v1, and the model's name right?"

    def __init__(
        self,
        url: str,
        transport: httpx2.AsyncBaseTransport | None = None,
        *,
        key: Callable[[], str] | None = None,
    ) -> None:
        try:
            parts = urlsplit(url)
            self._base = urlunsplit((parts.scheme, _host(parts), parts.path.rstrip("/"), "", ""))
        except ValueError as error:
            raise UsageError(f"the model's URL is not valid: {error}") from error
        options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        if unknown := set(options) - {"model", "in_flight", "timeout"}:
            raise UsageError(
                f"model {self._base}: unknown option {', '.join(sorted(unknown))}; valid are model, in_flight, timeout "
                f"(a key goes into the environment variable {API_KEY})"
            )
        self._model = options.get("model", "")
        self._weights: dict[str, Any] = {}
        self._answering = ""  # the model that the first reply says it is from
        self.in_flight = int(_at_least("in_flight", options.get("in_flight", "16"), 1))
        self.timeout: float | None = _at_least("timeout", options.get("timeout", "120"), 0.001)
        self.window: int | None = None
        self._dialect = 0
        self._key = key or _environment_key()
        self._auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else self._authorize
        self._transport = transport
        self._client: tuple[asyncio.AbstractEventLoop, httpx2.AsyncClient] | None = None

    @property
    def name(self) -> str:
        """The URL with the model's name, without secrets."""
        return f"{self._base}?model={self._model}" if self._model else self._base

    @property
    def fingerprint(self) -> str:
        """The server's address and model, and what it tells of the weights behind that name, after `prepare`."""
        return f"{self.name}#{sha256_json(self._weights)}" if self._weights else self.name

    async def prepare(self) -> None:
        """Reaches the server, finds the model's name if none was given, and its window where the server tells."""
        response = await self._reach("/models")
        if response.status_code in (502, 503, 504):  # what it serves decides under which name replies are kept
            raise UnavailableError(
                f"{self._base} is not ready: HTTP {response.status_code}: {error_message(response.text)}"
            )
        if response.status_code == 404 and not self._model:
            raise UnavailableError(f"{self._base}/models is not there (HTTP 404): such a URL usually ends in /v1")
        models = served_models(response)
        if not self._model:
            self._model = self._choose([str(model.get("id")) for model in models])
        # A server that has just one model may answer to any name (llama.cpp); Ollama leaves out the tag `latest`.
        known = {str(model.get("id")).removesuffix(":latest"): model for model in models}
        answering = known.get(self._model.removesuffix(":latest")) or (models[0] if len(models) == 1 else {})
        self.window = window_told(answering)
        self._weights = weights_told(answering)
        if answering and answering.get("id") != self._model:
            self._weights["id"] = answering.get("id")

    async def chat(self, requests: Sequence[Request]) -> list[Reply | ModelError]:
        """Answers one request (`batch` is 1; more are sent one after the other)."""
        return await one_by_one(self._ask, requests)

    def count_tokens(self, text: str) -> int:
        """An estimate from the text's length."""
        return estimated_tokens(text)

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._client is not None and self._client[0] is asyncio.get_running_loop():
            await self._client[1].aclose()
        self._client = None

    def _choose(self, names: list[str]) -> str:
        """Which of the served models is meant where the user named none. Raises UnavailableError."""
        if len(names) != 1:
            served = f"it serves: {', '.join(names)}" if names else "it does not say which it serves"
            raise UnavailableError(f"{self._base} needs a model's name, as {self._base}?model=NAME; {served}")
        return names[0]

    def _answered_by(self, model: str) -> None:
        """Sees to it that replies come from one model: scores of two do not belong into one run.

        Raises:
            UnavailableError: this reply says that it is from another model than the first one did.
        """
        self._answering = self._answering or model
        if model != self._answering:
            raise UnavailableError(
                f"{self.name} answers as {model!r} now; before, it was {self._answering!r}. Scores of two models are "
                "not mixed in one run. Starting the same command again begins a run of its own for the new model where "
                f"the server's list of models shows it; with {self._base}?model={quote(model, '/:')} in any case"
            )

    async def _reach(self, path: str) -> httpx2.Response:
        try:
            response = await self._http().get(f"{self._base}{path}", timeout=15)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise UnavailableError(f"{self._base} cannot be reached: {_words(error)}") from error
        if response.status_code in (401, 403):
            raise UnavailableError(
                f"{self._base} refuses the credentials (HTTP {response.status_code}); put the key into {self.key_from}"
            )
        if response.is_redirect:
            raise_for_status(response, self._base, self.key_from, self.missing)
        return response

    def _authorize(self, request: httpx2.Request) -> httpx2.Request:
        if key := self._key():
            request.headers["Authorization"] = f"Bearer {key}"
        return request

    def _http(self) -> httpx2.AsyncClient:
        """The connections of this event loop: those of an earlier one ended with it."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._client[0] is not loop:
            client = httpx2.AsyncClient(
                auth=self._auth,
                timeout=httpx2.Timeout(self.timeout, connect=10),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
                transport=self._transport,
                trust_env=urlsplit(self._base).hostname not in _LOOPBACK,  # HTTP_PROXY is not for this machine
            )
            self._client = (loop, client)
        return self._client[1]

    async def _ask(self, request: Request) -> Reply:
        if request.reply:
            return await self._score(request)
        start = self._dialect
        first: ModelError | None = None
        for i in range(start, len(_DIALECTS)):
            try:
                reply = await self._post(self._body(request, _DIALECTS[i]), partial(read_completion, request=request))
            except RefusedError as error:
                first = first or error
                continue
            self._dialect = max(self._dialect, i)
            return reply
        raise first or ModelError(f"{self.name}: no way of asking was accepted")

    async def _score(self, request: Request) -> Reply:
        reply = sendable(request.reply)
        messages = [*_messages(request), {"role": "assistant", "content": reply}]
        body = {"model": self._model, "messages": messages, **SCORING}
        try:
            return await self._post(body, partial(read_scored, name=self.name, reply=reply))
        except RefusedError as error:
            raise no_reply_logprob(self.name, f"its server refuses the request ({error})", error.raw) from error

    async def _post(self, body: dict[str, Any], read: Callable[..., Reply]) -> Reply:
        """What `read(data, seconds=…)` makes of the server's answer."""
        began = time.perf_counter()
        try:
            response = await self._http().post(f"{self._base}/chat/completions", json=body)
        except httpx2.TimeoutException as error:
            raise TransientError(f"{self._base}: {_words(error)}", timed_out=True) from error
        except httpx2.HTTPError as error:
            raise TransientError(f"{self._base}: {_words(error)}") from error
        raise_for_status(response, self._base, self.key_from, self.missing)
        try:
            data = response.json()
            reply = read(data, seconds=time.perf_counter() - began)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise ModelError(
                f"{self._base}: the answer is no chat completion ({type(error).__name__}: {error})", response.text
            ) from error
        if isinstance(data.get("model"), str) and data["model"]:
            self._answered_by(data["model"][:200])
        return reply

    def _body(self, request: Request, dialect: Dialect) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": _messages(request),
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "seed": request.draw,
        }
        if request.labels and dialect.top_logprobs:
            body |= {"logprobs": True, "top_logprobs": dialect.top_logprobs}
        if request.schema is not None and dialect.schema:
            form = {"name": "answer", "strict": True, "schema": request.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return body


def _messages(request: Request) -> list[dict[str, str]]:
    return [{"role": message.role, "content": sendable(message.content)} for message in request.messages]


def _environment_key() -> Callable[[], str]:
    """Gives the key in the environment variable of now. Raises UsageError where it cannot be one."""
    key = os.environ.get(API_KEY, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"{API_KEY} holds characters that no key has; it must be printable ASCII")
    return lambda: key


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _host(parts: SplitResult) -> str:
    """Host and port without user and password."""
    if not parts.hostname or (parts.port is not None and parts.port == 0):
        raise ValueError("it names no host")
    return parts.netloc.rpartition("@")[2]


def _at_least(name: str, text: str, least: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not least <= number < 1e6:
        raise UsageError(f"{name}={text!r} in the model's URL: must be a number of at least {least:g}")
    return number
