"""Asks a model a few questions to see whether it can judge: does it answer, with log-probabilities, how fast?"""

from dataclasses import dataclass

from convexplain.errors import ModelError
from convexplain.models.calls import Calls
from convexplain.models.chat import ChatModel, Message, Reply, Request

from .labels import parse_label
from .prompt import OPENING, label_schema

_SENTENCE = "The parcel left the depot on Monday and reached the customer on Wednesday morning. "
_FORM = 'Answer with JSON only: {"label": "yes"} or {"label": "no"}'


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """What was seen of a model.

    Attributes:
        name: the model.
        label: the label it gave when asked for one; None when its reply held none.
        reply: that reply as it came.
        logprobs: whether it gives log-probabilities.
        alternatives: of how many tokens at the label's position; None = the whole vocabulary, or none were given.
        prompt_rate, completion_rate: tokens a second; None where the model does not count tokens.
        cached: share of a repeated beginning that it did not compute again, in [0, 1].
        window: tokens that it can take, where it tells.
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

    @property
    def usable(self) -> bool:
        """Whether it can judge: it gave a label."""
        return self.label is not None

    def rows(self) -> list[tuple[str, str]]:
        """For people."""
        seen = "the whole vocabulary" if self.alternatives is None else f"the top {self.alternatives}"
        return [
            ("model", self.name),
            ("answers", f"yes, {self.label!r}" if self.usable else f"no label in its reply: {self.reply[:200]!r}"),
            (
                "log-probabilities",
                f"yes, of {seen}" if self.logprobs else "no: scores will be averages of sampled replies",
            ),
            ("prompt", _rate(self.prompt_rate)),
            ("completion", _rate(self.completion_rate)),
            ("prefix cache", f"{self.cached:.0%} of a repeated beginning was not computed again"),
            ("window", f"{self.window} tokens" if self.window else "not told"),
        ]


async def check_model(model: ChatModel) -> ModelCheck:
    """Prepares, asks and closes the model. Raises ModelError when it cannot be had or does not answer."""
    try:
        await model.prepare()
        async with Calls(model, patience=20) as calls:
            long = await calls.ask(_question(_SENTENCE * 40 + "Has the parcel arrived? " + _FORM))
            again = await calls.ask(_question(_SENTENCE * 40 + "Is the parcel lost? " + _FORM))
            words = await _timed_words(calls)
    finally:
        await model.aclose()
    label = parse_label(long.text, OPENING, ("yes", "no"))
    return ModelCheck(
        name=model.name,
        label=label,
        reply=long.text,
        logprobs=long.logprobs,
        alternatives=long.labels.alternatives if long.labels else None,
        prompt_rate=_per_second(long.prompt_tokens - long.cached_tokens, long.seconds),
        completion_rate=_per_second(words.completion_tokens, words.seconds) if words else None,
        cached=again.cached_tokens / again.prompt_tokens if again.prompt_tokens else 0.0,
        window=model.window,
    )


async def _timed_words(calls: Calls) -> Reply | None:
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
