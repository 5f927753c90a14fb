"""Requests to chat models, their replies, and the protocol of a chat model. No model lives here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from convexplain.errors import ModelError, UnsupportedRequestError
from convexplain.types import Role, sha256_json


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt."""

    role: Role
    content: str


def sendable(text: str) -> str:
    """Return the text with lone surrogates, which no tokenizer and no server takes, as question marks."""
    return text.encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a model: everything that decides its reply, and nothing else.

    Attributes:
        messages: the prompt.
        labels: ask for the log-probability of each of these where the reply's label stands.
        opening: how the reply begins up to the label, e.g. `{"label": "`. A local model starts from it; an endpoint
            finds the place in its reply by it.
        schema: JSON Schema of the wanted reply, for endpoints that can hold a model to one.
        max_tokens: the reply is cut after this many tokens.
        temperature: 0 for the most probable reply.
        draw: index among draws of the same request; also the seed. Two draws are two calls.
        reply: score this reply instead of generating one: the model says how probable it is after the messages. What
            else is asked for (labels, opening, schema, tokens, temperature) does not count then. Empty: generate.
        features: with a given reply: numbers about it from inside the model, as this recipe says
            (connectors/models/reply_features.py). Empty: none.
    """

    messages: tuple[Message, ...]
    labels: tuple[str, ...] = ()
    opening: str = ""
    schema: Mapping[str, Any] | None = field(default=None, hash=False)
    max_tokens: int = 16
    temperature: float = 0.0
    draw: int = 0
    reply: str = ""
    features: str = ""

    def key(self, fingerprint: str) -> str:
        """Return the content address of this call on the model with that fingerprint."""
        fields: dict[str, Any] = {
            "model": fingerprint,
            "messages": self._messages,
            "labels": self.labels,
            "opening": self.opening,
            "schema": self.schema,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "draw": self.draw,
        }
        if self.reply:  # requests without it have the keys that they had before there was one
            fields["reply"] = self.reply
        if self.features:
            fields["features"] = self.features
        return sha256_json(fields)

    @property
    def prompt_sha(self) -> str:
        """SHA-256 of the messages alone."""
        return sha256_json(self._messages)

    @property
    def _messages(self) -> list[dict[str, str]]:
        return [{"role": message.role, "content": message.content} for message in self.messages]


@dataclass(frozen=True, slots=True)
class LabelLogprobs:
    """The label's log-probabilities at its position in the reply.

    Attributes:
        logprobs: label to the natural log of its probability, token variants summed; not renormalised, so that what
            is missing to 1 fell on no label. A label that was not seen is absent.
        bound: an absent label has at most this probability (0 when the whole vocabulary was seen).
        alternatives: how many tokens' probabilities were seen at the label's position; None = the whole vocabulary.
    """

    logprobs: Mapping[str, float]
    bound: float = 0.0
    alternatives: int | None = None


NoAnswer = Literal["refusal", "filter", "tool", "thoughts"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's reply.

    Attributes:
        text: the reply, with the request's opening where the model started from it; empty where a given reply was
            scored; the model's words where its server says that it refused.
        labels: log-probabilities of the requested labels; None when none were asked for, the model gives none, or no
            label could be found in the reply.
        logprobs: whether the model gives log-probabilities at all that can be used.
        truncated: the reply was cut at `max_tokens`.
        prompt_tokens, completion_tokens, cached_tokens: as the model counts them; 0 where it does not.
        seconds: from sending to having the whole reply.
        logprob: natural log-probability of the whole given reply after the prompt, summed over its tokens, at most 0;
            what would end the turn is not counted. None where the request gave no reply.
        reply_tokens: how many tokens were summed over; 0 where the request gave no reply.
        features: the numbers that the request's recipe asked for; None where it asked for none.
        no_answer: why the text is no whole answer, as the server says: the model refused, a content filter stopped it,
            it called a tool, or its thoughts are all there is. None where the server says nothing of the kind.
    """

    text: str
    labels: LabelLogprobs | None = None
    logprobs: bool = False
    truncated: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    seconds: float = 0.0
    logprob: float | None = None
    reply_tokens: int = 0
    features: tuple[float, ...] | None = None
    no_answer: NoAnswer | None = None


def no_reply_logprob(
    name: str, why: str = "it only writes replies of its own", raw: str = ""
) -> UnsupportedRequestError:
    """Return the error of a request that gives its reply, on a model that cannot score it.

    Args:
        name: the model.
        why: the reason.
        raw: the server's answer.
    """
    return UnsupportedRequestError(
        f"{name} does not give the log-probability of a given reply: {why}. Models that do: local:REPO_OR_FOLDER and "
        "embedded, and http://HOST:PORT/v1?model=NAME where the server has prompt_logprobs, as vLLM has",
        raw,
    )


def no_features(name: str) -> UnsupportedRequestError:
    """Return the error of a request for features, on a model that gives none."""
    return UnsupportedRequestError(
        f"{name} gives no hidden states, which heads need. Models that do: embedded and local:REPO_OR_FOLDER"
    )


class ChatModel(Protocol):
    """A model that answers requests in batches.

    Attributes:
        name: as a user would write it to get the model again; holds no secret.
        fingerprint: changes whenever the same request could be answered differently (weights, revision, server).
        batch: how many requests one `chat` call takes at most.
        in_flight: how many `chat` calls may be open at once.
        timeout: seconds after which one `chat` call counts as hung; None where it cannot hang.
        window: tokens of prompt and reply together, or None when unknown.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - in the class's docstring
    @property
    def fingerprint(self) -> str: ...  # noqa: D102
    @property
    def batch(self) -> int: ...  # noqa: D102
    @property
    def in_flight(self) -> int: ...  # noqa: D102
    @property
    def timeout(self) -> float | None: ...  # noqa: D102
    @property
    def window(self) -> int | None: ...  # noqa: D102

    async def prepare(self) -> None:
        """Load weights or reach the server, once, before the first call. Raises UnavailableError."""

    async def chat(self, requests: Sequence[Request]) -> Sequence[Reply | ModelError]:
        """Answer in the order of the requests; a request that failed has its error in its place."""

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of the text; an estimate from above where the tokenizer is elsewhere."""

    async def aclose(self) -> None:
        """Give back connections and memory. The model cannot be used afterwards."""


@runtime_checkable
class GivesUnitGradients(Protocol):
    """Capability: how much each part of the prompt raises the log-probability of a given reply."""

    async def unit_gradients(
        self, messages: Sequence[Message], reply: str, spans: Sequence[tuple[int, int, int]]
    ) -> list[float]:
        """Return one number for each span (index of the message, first character, end); > 0: it raises log p(reply)."""


@runtime_checkable
class LoadsWeights(Protocol):
    """Capability: `prepare` loads weights into the memory of this machine, where they may stay for a later use.

    Such a model can be used from several threads and event loops, and be prepared again after it was closed.

    Attributes:
        weight_bytes: how much memory the weights take; 0 before they are loaded, and where that is unknown.
    """

    weight_bytes: int


@runtime_checkable
class GrowsInFlight(Protocol):
    """Capability: nobody knows how many calls the model bears, so that more are opened as long as that pays.

    Attributes:
        first_in_flight: how many `chat` calls may be open at first; `in_flight` is the end.
    """

    first_in_flight: int


@dataclass(slots=True)
class Spend:
    """The cost of a run so far. Tokens and seconds are those of calls really made, not of replies from the cache."""

    calls: int = 0
    cached: int = 0
    retries: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prefix_tokens: int = 0
    seconds: float = 0.0

    def add(self, reply: Reply) -> None:
        """Count one reply of a call that was really made."""
        self.calls += 1
        self.prompt_tokens += reply.prompt_tokens
        self.completion_tokens += reply.completion_tokens
        self.prefix_tokens += reply.cached_tokens
        self.seconds += reply.seconds

    def __add__(self, spend: "Spend") -> "Spend":
        """Return the cost of both together."""
        return Spend(*(first + second for first, second in zip(astuple(self), astuple(spend), strict=True)))

    def __sub__(self, spend: "Spend") -> "Spend":
        """Return the cost since an earlier state."""
        return Spend(*(first - second for first, second in zip(astuple(self), astuple(spend), strict=True)))


class Cache(Protocol):
    """A store of replies by their content address."""

    def get(self, key: str) -> Reply | None:
        """Return the reply that is stored under the key; None where there is none."""

    def put(self, key: str, model: str, reply: Reply) -> None:
        """Store a reply; on return it survives the end of the process."""


@dataclass(frozen=True, slots=True)
class ReplyRecord:
    """A reply to be stored, with the key of its request and the model's name."""

    key: str
    model: str
    reply: Reply


@runtime_checkable
class SharedCache(Cache, Protocol):
    """A cache that several processes use at once: a request in flight is leased, so that one of them alone asks it."""

    def claim(self, keys: Sequence[str], holder: str) -> Mapping[str, Reply | None]:
        """Return the stored replies, and lease the requests that have none.

        Args:
            keys: of the requests.
            holder: who leases, among those in this process.

        Returns:
            By their keys the replies that are stored, and None for each request that is leased to the holder now. A
            request that somebody else has leased is not among them.
        """

    def keep_replies(self, records: Sequence[ReplyRecord]) -> None:
        """Store replies, in the place of their leases; on return they survive the end of the process."""

    def renew(self, keys: Collection[str], holder: str) -> None:
        """Renew leases; without that, a lease ends after half a minute."""

    def release(self, keys: Collection[str], holder: str) -> None:
        """End leases whose requests have no reply that is to be stored."""


@dataclass(slots=True)
class MemoryCache:
    """A cache that ends with the process."""

    replies: dict[str, Reply] = field(default_factory=dict)

    def get(self, key: str) -> Reply | None:
        """Return the reply that is stored under the key; None where there is none."""
        return self.replies.get(key)

    def put(self, key: str, model: str, reply: Reply) -> None:
        """Store a reply."""
        self.replies[key] = reply
