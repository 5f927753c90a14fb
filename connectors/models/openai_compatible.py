"""Any server that speaks the OpenAI chat completions protocol: vLLM, llama.cpp, Ollama, TGI and others.

The Hugging Face hub's client is not used here: with a base URL it rewrites `response_format` to TGI's dialect, and with
`HF_HUB_OFFLINE` set it refuses even a server on this machine.
"""

import asyncio
import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit, urlunsplit

import httpx2

from convexplain.errors import ModelError, TooLongError, TransientError, UnavailableError, UsageError
from convexplain.judges.labels import Step, read_reply
from convexplain.models import LabelLogprobs, Reply, Request
from convexplain.types import sha256_json

API_KEY = "CONVEXPLAIN_API_KEY"


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
_TOO_LONG = re.compile(r"context.{0,20}(length|size|window)|exceed_context|prompt.{0,20}too long", re.IGNORECASE)
_DIALECT_WORDS = re.compile(r"logprobs|response_format|json_schema|guided|grammar", re.IGNORECASE)
_RETRIED = {408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529}


class OpenAICompatible:
    """A model behind `http(s)://HOST/v1?model=NAME`.

    Args:
        url: the base URL; `model` may be left out where the server has just one, `in_flight` (default 16) and `timeout`
            (seconds, default 120) may be added. A key is taken from the environment variable `CONVEXPLAIN_API_KEY`, or
            user and password from the URL; neither is ever shown or kept.
        transport: replaces the network, for tests.
    """

    batch = 1

    def __init__(self, url: str, transport: httpx2.AsyncBaseTransport | None = None) -> None:
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
        self._served: dict[str, Any] = {}
        self.in_flight = int(_at_least("in_flight", options.get("in_flight", "16"), 1))
        self.timeout: float | None = _at_least("timeout", options.get("timeout", "120"), 0.001)
        self.window: int | None = None
        self._dialect = 0
        key = os.environ.get(API_KEY, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise UsageError(f"{API_KEY} holds characters that no key has; it must be printable ASCII")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._transport = transport
        self._client: tuple[asyncio.AbstractEventLoop, httpx2.AsyncClient] | None = None

    @property
    def name(self) -> str:
        """The URL with the model's name, without secrets."""
        return f"{self._base}?model={self._model}" if self._model else self._base

    @property
    def fingerprint(self) -> str:
        """The server's address and model, and what it tells of the weights behind that name, after `prepare`."""
        return f"{self.name}#{sha256_json(self._served)}" if self._served else self.name

    async def prepare(self) -> None:
        """Reaches the server, finds the model's name if none was given, and its window where the server tells."""
        try:
            response = await self._http().get(f"{self._base}/models", timeout=15)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise UnavailableError(f"{self._base} cannot be reached: {_words(error)}") from error
        if response.status_code in (401, 403):
            raise UnavailableError(
                f"{self._base} refuses the credentials (HTTP {response.status_code}); put the key into {API_KEY}"
            )
        if response.status_code == 404 and not self._model:
            raise UnavailableError(f"{self._base}/models is not there (HTTP 404): such a URL usually ends in /v1")
        models = _served(response)
        if not self._model:
            names = [str(model.get("id")) for model in models]
            if len(names) != 1:
                served = f"it serves: {', '.join(names)}" if names else "it does not say which it serves"
                raise UnavailableError(f"{self._base} needs a model's name, as {self._base}?model=NAME; {served}")
            self._model = names[0]
        for model in models:
            if model.get("id") == self._model:
                meta: dict[str, Any] = model["meta"] if isinstance(model.get("meta"), dict) else {}
                told = model.get("max_model_len") or meta.get("n_ctx")
                self.window = told if isinstance(told, int) and told > 0 else None
                self._served = {key: value for key, value in model.items() if key in ("root", "digest")}
                self._served |= {key: value for key, value in meta.items() if key in ("n_params", "size", "ftype")}

    async def chat(self, requests: Sequence[Request]) -> list[Reply | ModelError]:
        """Answers one request (`batch` is 1; more are sent one after the other)."""
        outcomes: list[Reply | ModelError] = []
        for request in requests:
            try:
                outcomes.append(await self._ask(request))
            except ModelError as error:
                outcomes.append(error)
        return outcomes

    def count_tokens(self, text: str) -> int:
        """An estimate from the text's length: English has about four characters a token, other scripts fewer."""
        return len(text.encode("utf-8", "replace")) // 3

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._client is not None and self._client[0] is asyncio.get_running_loop():
            await self._client[1].aclose()
        self._client = None

    def _http(self) -> httpx2.AsyncClient:
        """The connections of this event loop: those of an earlier one ended with it."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._client[0] is not loop:
            client = httpx2.AsyncClient(
                headers=self._headers,
                auth=self._auth,
                timeout=httpx2.Timeout(self.timeout, connect=10),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
                transport=self._transport,
            )
            self._client = (loop, client)
        return self._client[1]

    async def _ask(self, request: Request) -> Reply:
        start = self._dialect
        first: ModelError | None = None
        for i in range(start, len(_DIALECTS)):
            try:
                reply = await self._post(request, _DIALECTS[i])
            except _RefusedError as error:
                first = first or error
                continue
            self._dialect = max(self._dialect, i)
            return reply
        raise first or ModelError(f"{self.name}: no way of asking was accepted")

    async def _post(self, request: Request, dialect: Dialect) -> Reply:
        began = time.perf_counter()
        try:
            response = await self._http().post(f"{self._base}/chat/completions", json=self._body(request, dialect))
        except httpx2.TimeoutException as error:
            raise TransientError(f"{self._base}: {_words(error)}", timed_out=True) from error
        except httpx2.HTTPError as error:
            raise TransientError(f"{self._base}: {_words(error)}") from error
        _raise_for_status(response, self._base)
        try:
            return _read(response.json(), request, time.perf_counter() - began)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise ModelError(
                f"{self._base}: the answer is no chat completion ({type(error).__name__}: {error})", response.text
            ) from error

    def _body(self, request: Request, dialect: Dialect) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
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


class _RefusedError(ModelError):
    """The server does not accept this way of asking (HTTP 400, 422 and the like)."""


def _raise_for_status(response: httpx2.Response, where: str) -> None:
    status = response.status_code
    if status < 300:
        return
    if status < 400:
        raise UnavailableError(f"{where} sends elsewhere (HTTP {status}), to {response.headers.get('location')}")
    raw = response.text
    message = f"{where}: HTTP {status}: {_error_message(raw)}"
    if status in _RETRIED:
        raise TransientError(message, raw, retry_after=_retry_after(response))
    if status in (401, 403):
        raise UnavailableError(f"{message} (the key is taken from {API_KEY})", raw)
    if status == 404:
        raise UnavailableError(f"{message} (are the URL, which usually ends in /v1, and the model's name right?)", raw)
    if status == 413 or (status in (400, 422) and _TOO_LONG.search(raw) and not _DIALECT_WORDS.search(raw)):
        raise TooLongError(message, raw)
    if status in (400, 415, 422, 501):
        raise _RefusedError(message, raw)
    raise ModelError(message, raw)


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date; at most ten minutes are believed."""
    value = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(600.0, max(0.0, seconds))


def _read(data: Any, request: Request, seconds: float) -> Reply:
    choice = data["choices"][0]
    text = choice["message"].get("content") or ""
    steps = _steps(choice.get("logprobs"))
    labels: LabelLogprobs | None = None
    if request.labels and steps:
        labels = read_reply(steps, request.opening, request.labels)
    usage = data.get("usage") or {}
    return Reply(
        text=str(text),
        labels=labels,
        logprobs=bool(steps),
        truncated=choice.get("finish_reason") == "length",
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        cached_tokens=int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0),
        seconds=seconds,
    )


def _steps(logprobs: Any) -> list[Step]:
    """The reply's tokens with their alternatives; empty where the server gave none (an empty or useless list too)."""
    content = (logprobs or {}).get("content") or []
    return [
        Step(
            str(step["token"]),
            {str(top["token"]): float(top["logprob"]) for top in step.get("top_logprobs") or []},
        )
        for step in content
        if step.get("top_logprobs")
    ]


def _served(response: httpx2.Response) -> list[dict[str, Any]]:
    """The models that the server lists; none where it has no such list."""
    try:
        listed = response.json()["data"]
    except (ValueError, KeyError, TypeError):
        return []
    return [model for model in listed if isinstance(model, dict)] if isinstance(listed, list) else []


def _error_message(raw: str) -> str:
    """The server's own words, without the JSON or HTML around them."""
    try:
        data = json.loads(raw)
        error = data.get("error", data) if isinstance(data, dict) else data
        raw = str(error.get("message", error) if isinstance(error, dict) else error)
    except ValueError:
        raw = re.sub(r"<[^>]*>", " ", raw)
    words = " ".join(raw.split())
    return words[:300] or "no explanation"


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
