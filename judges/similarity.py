"""Scalarizers of texts alone (MExGen, arXiv 2403.14459): how like the original the response to a perturbed one is.

What is attributed is that likeness: a unit matters where the response becomes another one without it. The models come
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
    """Compares responses with one original.

    Attributes:
        name: as a user would write it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - said above

    def __call__(self, original: str, responses: Sequence[str]) -> list[float | None]:
        """For each response how like the original it is, higher = more; None where that cannot be had.

        An empty text is like nothing and unlike nothing: with one, there is None. May be called from several threads.

        Raises:
            MissingExtraError: something that it needs is not installed.
            UnavailableError: its model cannot be had.
        """


class FindsEntailment(Protocol):
    """Natural language inference.

    Attributes:
        name: as a user would write it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - said above

    def entailment(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """For each (premise, hypothesis) the probability that the premise entails it; None where it is missing."""


class NLILogOdds:
    """How much two texts say the same: the mean of the log-odds that each entails the other, in [-20.8, 20.8].

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
        """One value a response; None where a text is empty or a direction is missing. Raises what the model raises."""
        first = defuse(original)
        texts = [defuse(response) for response in responses]
        others = list(dict.fromkeys(text for text in texts if text.strip() and first.strip()))
        pairs = [pair for other in others for pair in ((first, other), (other, first))]
        found = self._model.entailment(pairs) if pairs else []
        means = map(_mean_log_odds, found[::2], found[1::2])
        known = dict(zip(others, means, strict=True))
        return [known.get(text) for text in texts]


@dataclass(slots=True)
class ResponseSimilarity:
    """The scalarizer for responders that give text only: how like the original their new response is.

    One is for one judged turn. Responses that arrive together are compared in one go, in a thread, and one such work at
    a time.

    Attributes:
        responder: answers anew.
        similarity: compares.
        original: what is compared with; unless given, the responder's own answer to the conversation that is measured
            first, which therefore has to be the unperturbed one.

    Raises:
        UsageError: the original is empty.
    """

    responder: Calls
    similarity: Similarity
    original: str | None = None
    _unperturbed: Request | None = None
    _waiting: list[str] = field(default_factory=list)
    _known: dict[str, float | None] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        if self.original is not None and not self.original.strip():
            raise UsageError(f"original={self.original!r} is not valid; it must have a text, or be None")

    @property
    def name(self) -> str:
        """The similarity's."""
        return self.similarity.name

    @property
    def question(self) -> Question:
        """`regenerate`."""
        return "regenerate"

    async def value(self, conversation: Conversation, turn: int) -> Scalar:
        """How like the original the responder's answer to the turns before `turn` is, on the similarity's scale.

        There is none where the responder fails or gives an empty answer, here or to the unperturbed conversation, and
        where the similarity has none; the note says why.

        Raises:
            MissingExtraError: something that the similarity needs is not installed.
            UnavailableError: the responder is gone, or the similarity's model cannot be had.
        """
        request = responder_request(conversation.turns[:turn])
        if self._unperturbed is None:
            self._unperturbed = request
        try:
            if self.original is None:  # under way for others too: it is not asked for twice
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
        value = await self._alike(self.original, response)
        if value is None or not math.isfinite(value):
            return Scalar(None, f"{self.name} has no value for a response")
        return Scalar(value, f"a regenerated answer was cut after {ANSWER} tokens" if reply.truncated else "")

    async def _alike(self, original: str, response: str) -> float | None:
        self._waiting.append(response)
        async with self._one_at_a_time:
            if response not in self._known:  # else compared together with one that came before
                batch = list(dict.fromkeys([*self._waiting, response]))
                self._waiting.clear()
                found = await asyncio.to_thread(self.similarity, original, batch)
                self._known |= zip(batch, found, strict=True)
        return self._known[response]


def _mean_log_odds(there: float | None, back: float | None) -> float | None:
    if there is None or back is None or math.isnan(there + back):
        return None
    return (log_odds(there) + log_odds(back)) / 2
