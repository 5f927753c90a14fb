"""Any server that speaks the OpenAI chat completions protocol: vLLM, llama.cpp, Ollama, TGI and others.

The Hugging Face hub's client is not used here: with a base URL it rewrites `response_format` to TGI's dialect, and with
`HF_HUB_OFFLINE` set it refuses even a server on this machine.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit
from urllib.request import getproxies

import httpx2

from convexplain.errors import FaultyReplyError, ModelError, TransientError, UnavailableError
from convexplain.models.chat import Reply, Request, no_reply_logprob, sendable
from convexplain.types import sha256_json

from .credentials import Credentials, url_credentials, without_credentials
from .endpoint_errors import RefusedError, error_message, raise_for_body, raise_for_status
from .endpoint_learning import EndpointLearning
from .endpoint_probe import QUESTION, Observation
from .endpoint_rules import EndpointRules
from .http_clients import HttpClients
from .kind import ModelKind
from .model_url import base_of, effort_option, number_option, split_url, url_options, with_options
from .openai_replies import (
    has_thoughts,
    is_page,
    no_completion,
    read_completion,
    served_models,
    weights_info,
    window_of,
)
from .openai_requests import messages_of, request_body
from .prompt_logprobs import SCORING, read_scored
from .public_addresses import PublicTransport
from .remote_calls import ask_each, estimate_tokens

R = TypeVar("R")

_FIRST_IN_FLIGHT, _MOST_IN_FLIGHT = 16, 256  # calls that are open at first and at most, where the URL does not say
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_OTHER_MODEL = 5  # replies in a row of another model, after which it has taken the first one's place
_WHOLE = 0.95  # share of the time-out that a whole answer may take, so that the model itself says that it hung
_DAMAGED = 4  # replies in a row with damaged log-probabilities, after which the endpoint counts as one that gives none
_OPTIONS = {"model", "in_flight", "timeout", "key", "reasoning_effort"}


class OpenAICompatible:
    """A model behind `http(s)://HOST/v1?model=NAME`.

    One object speaks with one model: once a reply has said which model gave it, a reply of another one is refused, and
    after some of them in a row all further ones are.

    Args:
        url: the base URL. Options may follow: `model` (may be left out where the server has just one), `in_flight`
            (calls that may be open at once; unless given 16 at first, and up to 256 as long as that pays), `timeout`
            (seconds, default 120), `reasoning_effort` (how much a reasoning model thinks, in the server's words), and
            `key`, the environment variable that holds the key (default `CONVEXPLAIN_API_KEY`). A user may be written
            before the host, with the password in `CONVEXPLAIN_PASSWORD`. Neither is ever shown or stored.
        transport: replaces the network, for tests.
        credentials: credentials that replace those of URL and environment; the URL then takes no `key`.
        rules: what the server takes, to begin with.
        switches: the keys of `SWITCHES` that its models probably know, tried before the others.

    Before its first request it asks a tiny question, once for each endpoint and model (`endpoint_learning`), and
    remembers what it learnt (`endpoint_memory`).

    Attributes:
        probes: whether it does so.
        missing: the question to the user when the model is not there, for that message.
        alias: what the user calls the endpoint, which is then its name; empty: it is named by its address.
        public_only: whether it may be at public addresses only.

    Raises:
        UsageError: the URL or one of its options is not valid.
    """

    batch = 1
    alias = ""
    public_only = False
    probes = True
    keepalive = True  # whether connections stay open between calls
    missing = "are the URL, which usually ends in /v1, and the model's name right?"

    def __init__(
        self,
        url: str,
        transport: httpx2.AsyncBaseTransport | None = None,
        *,
        credentials: Credentials | None = None,
        rules: EndpointRules | None = None,
        switches: Sequence[str] = (),
    ) -> None:
        parts = split_url(url)
        self._base = base_of(parts)
        options = url_options(parts, self._base, _OPTIONS if credentials is None else _OPTIONS - {"key"})
        self._model = options.get("model", "")
        self._has_model = bool(self._model)  # the user named one
        self._weights: dict[str, Any] = {}
        self._answering = ""  # the model that the first reply says it is from
        self._others_in_a_row = 0
        self._damaged_in_a_row = 0
        self.in_flight = int(number_option("in_flight", options.get("in_flight", str(_MOST_IN_FLIGHT)), 1))
        self.first_in_flight = self.in_flight if "in_flight" in options else _FIRST_IN_FLIGHT
        self.timeout: float | None = number_option("timeout", options.get("timeout", "120"), 0.001)
        self.window: int | None = None
        self._effort = effort_option(options.get("reasoning_effort", ""))
        self._endpoint = EndpointLearning(rules or EndpointRules(), switches, self._effort, probes=self.probes)
        self._shown = {"reasoning_effort": self._effort} if self._effort else {}  # it decides what is answered
        self._credentials = credentials or url_credentials(parts, options.get("key", ""))
        self._transport = transport
        self._completions: httpx2.URL | None = None  # read once
        self._tls: ssl.SSLContext | None = None  # of all clients: to make one takes long
        self._clients = HttpClients(self._client)

    @property
    def name(self) -> str:
        """Return the URL with the model's name and the variable of the key, without secrets; or the alias."""
        if self.alias:
            return with_options(self.alias, {"model": self._model} if self._model and not self._has_model else {})
        variable = self._credentials.variable
        return with_options(self._address(self._model), self._shown | ({"key": variable} if variable else {}))

    @property
    def fingerprint(self) -> str:
        """Return the server's address and model, and after `prepare` what it says of the weights behind that name."""
        return self._identity(self._address(self._model))

    def _address(self, model: str) -> str:
        """Return what a user writes to get a model of this server."""
        return f"{self._base}?model={model}" if model else self._base

    def _identity(self, address: str) -> str:
        address = with_options(address, self._shown)
        return f"{address}#{sha256_json(self._weights)}" if self._weights else address

    async def prepare(self) -> None:
        """Reach the server, and read the model's name, if the user named none, its window and its weights."""
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
        by_name = {str(model.get("id")).removesuffix(":latest"): model for model in models}
        answering = by_name.get(self._model.removesuffix(":latest")) or (models[0] if len(models) == 1 else {})
        self.window = window_of(answering)
        self._weights = weights_info(answering)
        if answering and answering.get("id") != self._model:
            self._weights["id"] = answering.get("id")

    async def chat(self, requests: Sequence[Request]) -> list[Reply | ModelError]:
        """Answer one request (`batch` is 1; more are sent one after the other)."""
        return await ask_each(self._ask, requests)

    def count_tokens(self, text: str) -> int:
        """Return an estimate from the text's length."""
        return estimate_tokens(text)

    def endpoint_rows(self) -> list[tuple[str, str]]:
        """Return what the endpoint takes, as names and values for people."""
        return self._endpoint.rules.rows()

    def forget_endpoint(self) -> None:
        """Drop what is remembered of the endpoint, so that it is asked again what it takes."""
        self._endpoint.forget(self._base, self._model)

    async def aclose(self) -> None:
        """Close the connections of this event loop; those of others end with theirs."""
        self._endpoint.close()
        await self._clients.aclose()

    def _choose(self, names: list[str]) -> str:
        """Return the served model that is meant where the user named none. Raises UnavailableError."""
        if len(names) != 1:
            served = f"it serves: {', '.join(names)}" if names else "it does not say which it serves"
            raise UnavailableError(f"{self._base} needs a model's name, as {self._base}?model=NAME; {served}")
        return names[0]

    def _answered_by(self, model: str) -> None:
        """Check that replies come from one model: scores of two do not belong into one run.

        Raises:
            FaultyReplyError: this reply says that it is from another model than the first one did, as where a gateway
                has sent it elsewhere.
            UnavailableError: so do many in a row.
        """
        self._answering = self._answering or model
        if model == self._answering:
            self._others_in_a_row = 0
            return
        self._others_in_a_row += 1
        words = (
            f"{self.name} answers as {model!r} now; before, it was {self._answering!r}. Scores of two models are not "
            "mixed in one run"
        )
        if self._others_in_a_row <= _OTHER_MODEL:
            raise FaultyReplyError(words)
        raise UnavailableError(
            f"{words}. Starting the same command again begins a run of its own for the new model where "
            f"the server's list of models shows it; with {self._address(quote(model, '/:'))} in any case"
        )

    async def _reach(self, path: str) -> httpx2.Response:
        try:
            response = without_credentials(await self._clients.here().get(f"{self._base}{path}", timeout=15))
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise UnavailableError(f"{self._base} cannot be reached: {_words(error)}") from error
        if response.status_code in (401, 403):
            raise UnavailableError(
                f"{self._base} refuses the credentials (HTTP {response.status_code}); {self._credentials.hint}"
            )
        if response.is_redirect:
            raise_for_status(response, self._base, self._credentials.hint, self.missing)
        return response

    def _client(self) -> httpx2.AsyncClient:
        trust_env = urlsplit(self._base).hostname not in _LOOPBACK  # HTTP_PROXY is not for this machine
        self._tls = self._tls or httpx2.create_ssl_context(trust_env=trust_env)
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None if self.keepalive else 0)
        return httpx2.AsyncClient(
            auth=self._credentials.authorize,
            timeout=httpx2.Timeout(self.timeout, connect=10),
            limits=limits,
            transport=self._network(self._tls, limits, trust_env),
            trust_env=trust_env,
            verify=self._tls,
        )

    def _network(self, tls: ssl.SSLContext, limits: httpx2.Limits, trust_env: bool) -> httpx2.AsyncBaseTransport | None:
        """Return what sends the requests; None: httpx2 itself, which knows every kind of proxy."""
        if self.public_only:  # without HTTP_PROXY: a proxy looks names up itself
            network = self._transport or httpx2.AsyncHTTPTransport(verify=tls, limits=limits, trust_env=False)
            return PublicTransport(network)
        if self._transport is not None or (trust_env and getproxies().keys() - {"no"}):
            return self._transport
        from .aiohttp_transport import AiohttpTransport  # takes 0.1 s

        return AiohttpTransport(tls, keepalive=self.keepalive)

    async def _ask(self, request: Request) -> Reply:
        if request.reply:
            return await self._score(request)
        await self._endpoint.learn(self._base, self._model, self._observe)
        rules = self._endpoint.rules
        try:
            rules, reply, thinks = await self._accepted(request, rules)
        except RefusedError:
            if not self._endpoint.outdated(self._base, self._model, rules):
                raise
            await self._endpoint.learn(self._base, self._model, self._observe)
            rules, reply, thinks = await self._accepted(request, self._endpoint.rules)
        if thinks and reply.truncated and (changed := self._endpoint.begins_to_think(rules)):
            self._endpoint.change(self._base, self._model, changed)
            _, reply, _ = await self._accepted(request, changed)
        if not reply.text.strip() and reply.no_answer is None and not reply.truncated:
            raise FaultyReplyError(f"{self._base}: the reply is empty")
        return reply

    async def _accepted(self, request: Request, rules: EndpointRules) -> tuple[EndpointRules, Reply, bool]:
        """Return the rules that the server accepts, its reply, and whether the model thought."""
        first: RefusedError | None = None
        while True:
            try:
                reply, thinks = await self._post_by(rules, request)
            except RefusedError as error:
                first = first or error
                changed = rules.after(error.raw)
                if changed is None:
                    raise first from None
                rules = changed
                continue
            if first is not None:  # it takes less than it did
                self._endpoint.change(self._base, self._model, rules)
            return rules, reply, thinks

    async def _observe(self, rules: EndpointRules) -> Observation:
        reply, thinks = await self._post_by(rules, QUESTION)
        return Observation.of(reply, thinks=thinks)

    async def _post_by(self, rules: EndpointRules, request: Request) -> tuple[Reply, bool]:
        def read(data: Any, seconds: float) -> tuple[Reply, bool]:
            thinks, needed = rules.thinking_tokens > 0, self._damaged_in_a_row < _DAMAGED
            try:
                reply = read_completion(
                    data, request, seconds, counted=rules.counted, thinks=thinks, numbers_needed=needed
                )
            except FaultyReplyError as error:
                self._damaged_in_a_row += 1
                raise FaultyReplyError(f"{self._base}: {error}", error.raw) from None
            self._damaged_in_a_row = 0 if reply.logprobs else self._damaged_in_a_row
            return reply, has_thoughts(data)

        return await self._post(self._body(request, rules), read)

    async def _score(self, request: Request) -> Reply:
        reply = sendable(request.reply)
        messages = [*messages_of(request), {"role": "assistant", "content": reply}]
        body = {"model": self._model, "messages": messages, **SCORING}
        try:
            return await self._post(body, partial(read_scored, name=self.name, reply=reply))
        except RefusedError as error:
            raise no_reply_logprob(self.name, f"its server refuses the request ({error})", error.raw) from error

    async def _post(self, body: dict[str, Any], read: Callable[..., R]) -> R:
        """Return the result of `read(data, seconds=…)` for the server's answer."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self.timeout and _WHOLE * self.timeout):
                self._completions = self._completions or httpx2.URL(f"{self._base}/chat/completions")
                response = without_credentials(await self._clients.here().post(self._completions, json=body))
        except (httpx2.TimeoutException, TimeoutError) as error:
            raise TransientError(f"{self._base}: no answer in time: {_words(error)}", timed_out=True) from error
        except httpx2.HTTPError as error:
            raise TransientError(f"{self._base}: the connection failed: {_words(error)}") from error
        raise_for_status(response, self._base, self._credentials.hint, self.missing)
        try:
            data = response.json()
            raise_for_body(data, self._base, self._credentials.hint, self.missing)
            reply = read(data, seconds=time.perf_counter() - began)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            words = f"{self._base}: the answer is no chat completion: {no_completion(response, error)}"
            damaged = not is_page(response)  # a wrong URL answers with a page each time
            raise (FaultyReplyError if damaged else ModelError)(words, response.text) from error
        if isinstance(data.get("model"), str) and data["model"]:
            self._answered_by(data["model"][:200])
        return reply

    def _body(self, request: Request, rules: EndpointRules) -> dict[str, Any]:
        return request_body(request, self._model, rules, self._effort)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


_OPTION_HELP = ("in_flight=N", "timeout=SECONDS", "key=VARIABLE", "reasoning_effort=LEVEL")
HTTP = ModelKind(
    "http",
    "Any server with the OpenAI chat completions protocol: vLLM, llama.cpp, Ollama, TGI.",
    "//HOST:PORT/v1?model=NAME",
    make=lambda target: OpenAICompatible(f"http:{target}"),
    options=_OPTION_HELP,
)
HTTPS = ModelKind(
    "https",
    "The same over TLS.",
    "//HOST/v1?model=NAME",
    make=lambda target: OpenAICompatible(f"https:{target}"),
    options=_OPTION_HELP,
)
