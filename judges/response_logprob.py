"""The log-probability of the logged response: a value of a turn that needs no judge."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from convexplain.errors import ModelError, UnavailableError
from convexplain.explain.measurement import chat_messages, responder_request
from convexplain.explain.scalarizers import Scalar
from convexplain.models.calls import Calls
from convexplain.models.chat import GivesUnitGradients
from convexplain.types import Conversation, Question, Unit


@dataclass(frozen=True, slots=True)
class ResponseLogprob:
    """The natural log-probability of the logged response after the turns before it, at most 0.

    It is MExGen's Log Prob (Paes et al. 2024), and the logarithm of p(y | m x) in XPrompt (Chang et al. 2024,
    equation 1): a unit's score is the number of nats by which it makes the response more probable. Longer responses
    have lower values, so values of two responses do not compare.

    Of a span it is the log-probability of the span after the turns and what stands before it in the response, as in
    ContextCite (Cohen-Wang et al. 2024): the difference of those of the response up to the span's end and up to its
    beginning. That is exact where the model's tokens do not cross the beginning of the span.

    Attributes:
        calls: the model, best the one that gave the response; it must be able to score a reply that it is handed.
        span: the first character and the end of the span; None = the response.
    """

    calls: Calls
    span: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """Return `logprob`."""
        return "logprob"

    @property
    def question(self) -> Question:
        """Return `rescore`: the response stays as it was logged."""
        return "rescore"

    def of_span(self, start: int, end: int) -> "ResponseLogprob":
        """Return the same for a span of the response."""
        return replace(self, span=(start, end))

    async def value(self, conversation: Conversation, turn: int) -> Scalar:
        """Measure the log-probability of `conversation.turns[turn]`; None where it is empty, or the model failed.

        Raises:
            UnavailableError: the model is gone.
        """
        parts = self._parts(conversation.turns[turn].content)
        if not parts:
            return Scalar(None, "the reply is empty")
        request = responder_request(conversation.turns[:turn])
        try:
            replies = await asyncio.gather(*(self.calls.ask(replace(request, reply=part)) for part in parts))
        except UnavailableError:
            raise
        except ModelError as error:
            return Scalar(None, f"no log-probability of the response: {error}")
        logprobs = [reply.logprob for reply in replies if reply.logprob is not None]
        return Scalar(logprobs[0] - sum(logprobs[1:])) if len(logprobs) == len(parts) else Scalar(None)

    async def gradients(self, conversation: Conversation, units: Sequence[Unit]) -> list[float] | None:
        """Return by how much each unit before the last turn raises its value, to first order, in nats.

        None where the model has no gradients, or gives none for this conversation.
        """
        if not isinstance(self.calls.model, GivesUnitGradients):
            return None
        messages, places = chat_messages(conversation.turns[:-1])
        before = [unit for unit in units if unit.turn < len(places)]
        spans = [(places[u.turn][0], places[u.turn][1] + u.start, places[u.turn][1] + u.end) for u in before]
        parts = self._parts(conversation.turns[-1].content)
        try:
            gradients = [await self.calls.model.unit_gradients(messages, part, spans) for part in parts]
        except UnavailableError:
            raise
        except ModelError:
            return None
        differences = [full - sum(earlier) for full, *earlier in zip(*gradients, strict=True)]
        gradient_of = dict(zip(before, differences, strict=True))
        return [gradient_of.get(unit, 0.0) for unit in units]

    def _parts(self, response: str) -> list[str]:
        """Return the text up to the end of what is valued, and that before it; those that are blank are left out."""
        start, end = self.span or (0, len(response))
        return [part for part in (response[:end], response[:start].rstrip()) if part.strip()]
