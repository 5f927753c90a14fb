"""A check of a model with a few questions: does it give labels and log-probabilities, and how fast is it?"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from convexplain.errors import ModelError
from convexplain.models.calls import Calls
from convexplain.models.chat import ChatModel, Message, Reply, Request

from .labels import parse_label
from .prompt import OPENING, label_schema

CHECK_CALLS = 3
"""Questions that `check_model` asks."""

_SENTENCE = "The parcel left the depot on Monday and reached the customer on Wednesday morning. "
_FORM = 'Answer with JSON only: {"label": "yes"} or {"label": "no"}'


@runtime_checkable
class LearnsEndpoint(Protocol):
    """Capability: the model learns what its endpoint takes before it asks it for the first time."""

    def endpoint_rows(self) -> list[tuple[str, str]]:
        """Return what the endpoint takes, as names and values for people."""

    def forget_endpoint(self) -> None:
        """Drop what is remembered of the endpoint, so that it is asked again what it takes."""


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """The result of checking a model.

    Attributes:
        name: the model.
        label: the label that it gave; None where its reply held none.
        reply: that reply, unchanged.
        logprobs: whether it gives log-probabilities.
        alternatives: the number of tokens at the label's position that have one; None = the whole vocabulary, or no
            log-probabilities.
        prompt_rate, completion_rate: tokens a second; None where the model does not count tokens.
        cached: share of a repeated beginning that it did not compute again, in [0, 1]; higher is cheaper.
        window: tokens of its context window; None where it does not say.
        endpoint: what its endpoint takes, as names and values for people; empty where it has none.
    """

    name: str
    label: str | None
    reply: str
    logprobs: bool
    alternatives: int | None
    prompt_rate: float | None
    completion_rate: float | None
    cached: float
    window: int | None
    endpoint: tuple[tuple[str, str], ...] = ()

    @property
    def usable(self) -> bool:
        """Return whether it can judge: it gave a label."""
        return self.label is not None

    def rows(self) -> list[tuple[str, str]]:
        """Return the names and values of a table for people."""
        coverage = ", of the whole vocabulary" if self.alternatives is None else f", of the top {self.alternatives}"
        if not self.usable:  # they were not seen at a label
            coverage = ""
        return [
            ("model", self.name),
            ("answers", f"yes, {self.label!r}" if self.usable else f"no label in its reply: {self.reply[:200]!r}"),
            (
                "log-probabilities",
                f"yes{coverage}" if self.logprobs else "no: scores will be averages of sampled replies",
            ),
            ("prompt", _rate(self.prompt_rate)),
            ("completion", _rate(self.completion_rate)),
            ("prefix cache", f"{self.cached:.0%} of a repeated beginning was not computed again"),
            ("window", f"{self.window} tokens" if self.window else "not told"),
            *self.endpoint,
        ]


async def check_model(model: ChatModel) -> ModelCheck:
    """Prepare a model, ask it a few questions, and close it. An endpoint is probed again.

    Raises:
        ModelError: the model cannot be opened, or does not answer.
    """
    try:
        await model.prepare()
        if isinstance(model, LearnsEndpoint):
            model.forget_endpoint()
        async with Calls(model, patience=20) as calls:
            first = await calls.ask(_question(_SENTENCE * 40 + "Has the parcel arrived? " + _FORM))
            second = await calls.ask(_question(_SENTENCE * 40 + "Is the parcel lost? " + _FORM))
            story = await _story(calls)
    finally:
        await model.aclose()
    label = parse_label(first.text, OPENING, ("yes", "no"))
    return ModelCheck(
        name=model.name,
        label=label,
        reply=first.text,
        logprobs=first.logprobs,
        alternatives=first.labels.alternatives if first.labels else None,
        prompt_rate=_per_second(first.prompt_tokens - first.cached_tokens, first.seconds),
        completion_rate=_per_second(story.completion_tokens, story.seconds) if story else None,
        cached=second.cached_tokens / second.prompt_tokens if second.prompt_tokens else 0.0,
        window=model.window,
        endpoint=tuple(model.endpoint_rows()) if isinstance(model, LearnsEndpoint) else (),
    )


async def _story(calls: Calls) -> Reply | None:
    request = Request((Message("user", "Write a short story about a lighthouse."),), max_tokens=64)
    try:
        return await calls.ask(request)
    except ModelError:
        return None


def _question(text: str) -> Request:
    labels = ("yes", "no")
    return Request((Message("user", text),), labels=labels, opening=OPENING, schema=label_schema(labels), max_tokens=24)


def _per_second(tokens: int, seconds: float) -> float | None:
    return tokens / seconds if tokens > 0 and seconds > 0 else None


def _rate(rate: float | None) -> str:
    return "not told" if rate is None else f"{rate:.0f} tokens/s"
