"""Scalarizers of texts alone (MExGen, arXiv 2403.14459): the similarity of a new response to the original one.

That similarity is attributed: a unit matters where the response becomes another one without it. The models come
from outside: `convexplain.connectors.scorers`.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.explain.measurement import ANSWER, responder_request
from convexplain.explain.scalarizers import Scalar
from convexplain.models.calls import Calls
from convexplain.models.chat import Request
from convexplain.types import Conversation, Question, log_odds

from .fence import defuse


class Similarity(Protocol):
    """A comparison of responses with one original.

    Attributes:
        name: the name as a user would write it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - see the class

    def __call__(self, original: str, responses: Sequence[str]) -> list[float | None]:
        """Return for each response its similarity to the original, higher = more similar; None where there is none.

        An empty text is like nothing and unlike nothing: it gives None. May be called from several threads.

        Raises:
            MissingExtraError: a package that it needs is not installed.
            UnavailableError: its model is not available.
        """


class FindsEntailment(Protocol):
    """A model of natural language inference.

    Attributes:
        name: the name as a user would write it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - see the class

    def entailment(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """Return for each (premise, hypothesis) the probability of entailment; None where it is missing."""


class NLILogOdds:
    """The similarity of two texts as the mean of the log-odds that each entails the other, in [-20.8, 20.8].

        ½ · (log-odds P(entailment | premise original, hypothesis response)
           + log-odds P(entailment | premise response, hypothesis original))

    Higher = more like the original; 0 where one direction is as sure as the other is doubtful. Probabilities nearer to
    0 or 1 than 1e-9 count as that, so that it stays finite. MExGen's own code takes the log-odds of the geometric mean
    of both probabilities, where one sure direction cannot outweigh a doubtful one.

    Args:
        model: gives the probabilities of entailment.
    """

    def __init__(self, model: FindsEntailment) -> None:
        self.name = model.name
        self._model = model

    def __call__(self, original: str, responses: Sequence[str]) -> list[float | None]:
        """Return a value for each response; None where a text is empty or a direction is missing.

        Raises what the model raises.
        """
        reference = defuse(original)
        texts = [defuse(response) for response in responses]
        distinct = list(dict.fromkeys(text for text in texts if text.strip() and reference.strip()))
        pairs = [pair for text in distinct for pair in ((reference, text), (text, reference))]
        probabilities = self._model.entailment(pairs) if pairs else []
        means = map(_mean_log_odds, probabilities[::2], probabilities[1::2])
        mean_of = dict(zip(distinct, means, strict=True))
        return [mean_of.get(text) for text in texts]


@dataclass(slots=True)
class ResponseSimilarity:
    """The scalarizer for responders that give text only: the similarity of their new response to the original.

    An instance is for one judged turn. Responses that arrive together are compared in one batch, in a thread, one batch
    at a time.

    Attributes:
        responder: gives the new responses.
        similarity: compares them with the original.
        original: the original response; None takes the responder's own answer to the conversation that is measured
            first, which therefore has to be the unperturbed one.

    Raises:
        UsageError: the original is empty.
    """

    responder: Calls
    similarity: Similarity
    original: str | None = None
    _unperturbed: Request | None = None
    _waiting: list[str] = field(default_factory=list)
    _value_of: dict[str, float | None] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        if self.original is not None and not self.original.strip():
            raise UsageError(f"original={self.original!r} is not valid; it must have a text, or be None")

    @property
    def name(self) -> str:
        """Return the name of the similarity."""
        return self.similarity.name

    @property
    def question(self) -> Question:
        """Return `regenerate`."""
        return "regenerate"

    async def value(self, conversation: Conversation, turn: int) -> Scalar:
        """Measure the similarity of the responder's answer to the turns before `turn` to the original.

        There is no value where the responder fails or gives an empty answer, here or to the unperturbed conversation,
        and where the similarity has none; the note says why. Its scale is that of the similarity.

        Raises:
            MissingExtraError: a package that the similarity needs is not installed.
            UnavailableError: the responder is gone, or the similarity's model is not available.
        """
        request = responder_request(conversation.turns[:turn])
        if self._unperturbed is None:
            self._unperturbed = request
        try:
            if self.original is None:  # concurrent calls share one request
                self.original = (await self.responder.ask(self._unperturbed)).text.strip()
            if not self.original:
                return Scalar(None, "the responder gave an empty answer to the unperturbed conversation")
            reply = await self.responder.ask(request)
        except UnavailableError:
            raise
        except ModelError as error:
            return Scalar(None, f"no response: {error}")
        response = reply.text.strip()
        if not response:
            return Scalar(None, "the responder gave an empty answer")
        value = await self._compare(self.original, response)
        if value is None or not math.isfinite(value):
            return Scalar(None, f"{self.name} has no value for a response")
        return Scalar(value, f"a regenerated answer was cut after {ANSWER} tokens" if reply.truncated else "")

    async def _compare(self, original: str, response: str) -> float | None:
        self._waiting.append(response)
        async with self._one_at_a_time:
            if response not in self._value_of:  # else compared together with one that came before
                batch = list(dict.fromkeys([*self._waiting, response]))
                self._waiting.clear()
                values = await asyncio.to_thread(self.similarity, original, batch)
                self._value_of |= zip(batch, values, strict=True)
        return self._value_of[response]


def _mean_log_odds(forward: float | None, backward: float | None) -> float | None:
    if forward is None or backward is None or math.isnan(forward + backward):
        return None
    return (log_odds(forward) + log_odds(backward)) / 2
