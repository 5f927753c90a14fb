"""The judge's score of one turn in a perturbed conversation, with the logged response or a regenerated one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from convexplain.analysis.pipeline import TurnJudge
from convexplain.errors import ModelError, UnavailableError
from convexplain.models.calls import Calls
from convexplain.models.chat import Message, Request
from convexplain.types import Conversation, Judgement, Role, Rubric, Turn

ASSUMED_NOISE = 0.1  # about what was measured for a 1.5B judge (docs/benchmarks.md)
ANSWER = 256  # tokens of a regenerated answer
TEMPERATURE = 0.7  # of answers to edited contexts: a bot that people use rarely gives its likeliest words only
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class MeasuredTurn:
    """The measurement of a turn.

    Attributes:
        score: in [0, 1], 1 = satisfied; None where there is none.
        response: the text that was judged.
        judgement: the judge's; None where there was nothing to judge.
        note: why there is no score.
        cut: the response was regenerated and cut at `ANSWER` tokens.
    """

    score: float | None
    response: str = ""
    judgement: Judgement | None = None
    note: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class TurnMeasure:
    """Measures turns with a judge and perhaps a responder.

    Attributes:
        judge: scores a turn.
        responder: regenerates answers; None keeps the logged answer.
        temperature: of the responder's answers; above 0 they vary, so that a result has to hold on average over them.
    """

    judge: TurnJudge
    responder: Calls | None = None
    temperature: float = 0.0

    async def turn(self, conversation: Conversation, turn: int, rubric: Rubric, again: int = 0) -> MeasuredTurn:
        """Return the judge's score of a turn, or of the conversation on a rubric of conversations.

        Args:
            conversation: the conversation, as perturbed.
            turn: index of the judged turn; of a conversation that of an assistant turn.
            rubric: the maxim.
            again: how often the same was measured before: responder and judge are both asked anew.

        Raises:
            UnavailableError: a model is gone.
        """
        response, cut = conversation.turns[turn].content, False
        if self.responder:
            try:
                request = responder_request(conversation.turns[:turn])
                reply = await self.responder.ask(replace(request, temperature=self.temperature, draw=again))
            except UnavailableError:
                raise
            except ModelError as error:
                return MeasuredTurn(None, note=f"no response: {error}")
            response, cut = reply.text.strip(), reply.truncated
        if not response and not rubric.of_conversation:
            return MeasuredTurn(
                None, note="the responder gave an empty answer" if self.responder else "nothing is left"
            )
        turns = list(conversation.turns)
        turns[turn] = replace(turns[turn], content=response)
        judgement = await self.judge.judge_turn(replace(conversation, turns=tuple(turns)), turn, rubric, again)
        note = judgement.reason or "" if judgement.score is None else ""
        return MeasuredTurn(judgement.score, response, judgement, note, cut)


def too_close(score: float, threshold: float, noise: float | None) -> str:
    """Return the reason why a score's side of the threshold is not known; empty where it is, or noise is unknown.

    Args:
        score, threshold: in [0, 1].
        noise: the judge's measured noise floor; None = it was never measured.
    """
    if noise is None or abs(score - threshold) >= noise - _ROUNDING:
        return ""
    return (
        f"too close to call: the score of {score:.2f} lies within the judge's noise of {noise:.2f} around the "
        f"threshold of {threshold:g}"
    )


def responder_request(turns: Sequence[Turn]) -> Request:
    """Return the request for the next turn to a model under test, in a form that every chat template accepts.

    Users and assistants alternate, a user begins, and only the first message may be a system's: the text of a tool or a
    later system turn comes from the user, and turns of one role in a row are joined.
    """
    return Request(messages=chat_messages(turns)[0], max_tokens=ANSWER)


def chat_messages(turns: Sequence[Turn]) -> tuple[tuple[Message, ...], list[tuple[int, int]]]:
    """Return the messages of `responder_request`; and for each turn its message's number, and where it begins there."""
    messages: list[Message] = []
    places: list[tuple[int, int]] = []
    for i, turn in enumerate(turns):
        role: Role = turn.role if turn.role == "assistant" or (turn.role == "system" and i == 0) else "user"
        if messages and messages[-1].role == role:
            places.append((len(messages) - 1, len(messages[-1].content) + 1))
            messages[-1] = Message(role, f"{messages[-1].content}\n{turn.content}")
        else:
            places.append((len(messages), 0))
            messages.append(Message(role, turn.content))
    first = 1 if messages and messages[0].role == "system" else 0
    if len(messages) == first or messages[first].role == "assistant":
        messages.insert(first, Message("user", "(The conversation begins.)"))
        places = [(message + (message >= first), start) for message, start in places]
    if messages[-1].role == "assistant":
        messages.append(Message("user", "(Please go on.)"))
    return tuple(messages), places
