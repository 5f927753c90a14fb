"""The log-probability of the logged response: a value of a turn that needs no judge."""

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

    Attributes:
        calls: the model, best the one that gave the response; it must be able to score a reply that it is handed.
    """

    calls: Calls

    @property
    def name(self) -> str:
        """Return `logprob`."""
        return "logprob"

    @property
    def question(self) -> Question:
        """Return `rescore`: the response stays as it was logged."""
        return "rescore"

    async def value(self, conversation: Conversation, turn: int) -> Scalar:
        """Measure the log-probability of `conversation.turns[turn]`; None where it is empty, or the model failed.

        Raises:
            UnavailableError: the model is gone.
        """
        response = conversation.turns[turn].content
        if not response.strip():
            return Scalar(None, "the reply is empty")
        try:
            reply = await self.calls.ask(replace(responder_request(conversation.turns[:turn]), reply=response))
        except UnavailableError:
            raise
        except ModelError as error:
            return Scalar(None, f"no log-probability of the response: {error}")
        return Scalar(reply.logprob)

    async def gradients(self, conversation: Conversation, units: Sequence[Unit]) -> list[float] | None:
        """Return by how much each unit before the last turn raises its value, to first order, in nats.

        None where the model has no gradients, or gives none for this conversation.
        """
        if not isinstance(self.calls.model, GivesUnitGradients):
            return None
        messages, places = chat_messages(conversation.turns[:-1])
        before = [unit for unit in units if unit.turn < len(places)]
        spans = [(places[u.turn][0], places[u.turn][1] + u.start, places[u.turn][1] + u.end) for u in before]
        try:
            gradients = await self.calls.model.unit_gradients(messages, conversation.turns[-1].content, spans)
        except UnavailableError:
            raise
        except ModelError:
            return None
        gradient_of = dict(zip(before, gradients, strict=True))
        return [gradient_of.get(unit, 0.0) for unit in units]
