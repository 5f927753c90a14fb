"""Requests to OpenAI-compatible servers, with the fields that a server takes."""

import re
from dataclasses import dataclass, replace
from typing import Any

from convexplain.models.chat import Request, sendable

from .openai_replies import error_message


@dataclass(frozen=True, slots=True)
class Dialect:
    """The parts of a request that a server may refuse: the number of top log-probabilities, and a JSON Schema."""

    top_logprobs: int
    schema: bool


# Tried in this order: a server that refuses a request for what it asks is asked for less, once and for all.
DIALECTS = (
    Dialect(20, True),
    Dialect(20, False),
    Dialect(5, True),
    Dialect(5, False),
    Dialect(0, True),
    Dialect(0, False),
)


@dataclass(frozen=True, slots=True)
class Wording:
    """The names of fields that a server takes.

    Attributes:
        limit: the field for the most tokens of a reply.
        seed: the field for the draw's seed; empty: it takes none.
        temperature: whether it takes a temperature.
        counted: the number of top log-probabilities is in the field `logprobs` itself.
        final: the other name of `limit` was refused before.
    """

    limit: str = "max_tokens"
    seed: str = "seed"
    temperature: bool = True
    counted: bool = False
    final: bool = False

    def after(self, refusal: str) -> "Wording | None":
        """Return the wording to try after a refusal; None where the refusal names nothing that can be changed.

        Args:
            refusal: the body of the server's answer.
        """
        message = error_message(refusal)
        if self.temperature and _refused("temperature", message):
            return replace(self, temperature=False)
        if self.seed and _refused(self.seed, message):
            return replace(self, seed="")
        if not self.final and _refused(self.limit, message):
            limit = "max_completion_tokens" if self.limit == "max_tokens" else "max_tokens"
            return replace(self, limit=limit, final=True)
        return None


def request_body(request: Request, model: str, dialect: Dialect, wording: Wording, effort: str = "") -> dict[str, Any]:
    """Return the body of a request for a chat completion.

    Args:
        request: what is asked.
        model: the server's name of the model.
        dialect: the parts that the server takes.
        wording: the names of its fields.
        effort: how much a reasoning model may think, in the server's words; empty: as it does by itself.
    """
    body: dict[str, Any] = {"model": model, "messages": messages_of(request), wording.limit: request.max_tokens}
    if wording.temperature:
        body["temperature"] = request.temperature
    if wording.seed:
        body[wording.seed] = request.draw
    if effort:
        body["reasoning_effort"] = effort
    if request.labels and dialect.top_logprobs:
        count = dialect.top_logprobs
        body |= {"logprobs": count} if wording.counted else {"logprobs": True, "top_logprobs": count}
    if request.schema is not None and dialect.schema:
        form = {"name": "answer", "strict": True, "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return body


def messages_of(request: Request) -> list[dict[str, str]]:
    """Return the messages of a request as the protocol has them."""
    return [{"role": message.role, "content": sendable(message.content)} for message in request.messages]


def _refused(field: str, message: str) -> bool:
    """Return whether the message says that the server does not take the field, or not its value."""
    refusal = (
        r"(unsupported|unrecogni[sz]ed|unknown|unexpected|not supported|not support|not permitted|deprecated|extra_)"
    )
    return (
        re.search(rf"{refusal}.{{0,80}}\b{field}\b|\b{field}\b.{{0,80}}{refusal}", message, re.IGNORECASE) is not None
    )
