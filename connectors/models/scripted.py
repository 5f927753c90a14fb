"""The public fake: a chat model whose answers are given by a function. For tests, of convexplain and of its users."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence

from convexplain.errors import ModelError
from convexplain.models.chat import LabelLogprobs, Reply, Request, no_features, no_reply_logprob

Answer = str | float | tuple[float, ...] | Mapping[str, float] | Reply | ModelError


class ScriptedModel:
    """Answers each request with the value of `answer(request)`.

    Args:
        answer: returns a text; or label probabilities (what is missing to 1 falls on no label); or a whole Reply; or an
            error, which the call then ends in. For a request that gives its reply: that reply's log-probability, as a
            number or in a Reply; anything else means that the model cannot score replies. For a request for features:
            a tuple of them.
        logprobs: False makes it a model without log-probabilities: label probabilities then become a sampled label.
        seconds: how long each call takes.
        batch, in_flight: as for any model.

    Attributes:
        requests: every request that was really made, in order.
        most_open: the largest number of calls that were open at once.
    """

    timeout: float | None = None

    def __init__(
        self,
        answer: Callable[[Request], Answer] | Answer,
        *,
        name: str = "scripted",
        logprobs: bool = True,
        seconds: float = 0.0,
        batch: int = 1,
        in_flight: int = 16,
        window: int | None = None,
    ) -> None:
        self.name = name
        self.fingerprint = name
        self.batch = batch
        self.in_flight = in_flight
        self.window = window
        self.requests: list[Request] = []
        self.most_open = 0
        self._answer = answer
        self._logprobs = logprobs
        self._seconds = seconds
        self._open = 0

    async def prepare(self) -> None:
        """Do nothing: there is nothing to load."""

    async def chat(self, requests: Sequence[Request]) -> list[Reply | ModelError]:
        """Return the scripted answers, after `seconds`."""
        self.requests.extend(requests)
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self._open -= 1
        return [self._outcome(request) for request in requests]

    def count_tokens(self, text: str) -> int:
        """Return the number of words."""
        return len(text.split())

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""

    def _outcome(self, request: Request) -> Reply | ModelError:
        answer = self._answer(request) if callable(self._answer) else self._answer
        outcome = answer if isinstance(answer, (Reply, ModelError)) else self._reply(request, answer)
        if request.features:
            return (
                outcome if isinstance(outcome, ModelError) or outcome.features is not None else no_features(self.name)
            )
        if request.reply and isinstance(outcome, Reply) and outcome.logprob is None:
            return no_reply_logprob(self.name)
        return outcome

    def _reply(self, request: Request, answer: str | float | tuple[float, ...] | Mapping[str, float]) -> Reply:
        prompt_tokens = sum(self.count_tokens(message.content) for message in request.messages)
        if isinstance(answer, tuple):
            return Reply("", logprobs=True, prompt_tokens=prompt_tokens, features=answer)
        if isinstance(answer, (int, float)):
            tokens = self.count_tokens(request.reply)
            return Reply(
                "", logprobs=True, prompt_tokens=prompt_tokens + tokens, logprob=float(answer), reply_tokens=tokens
            )
        if isinstance(answer, str):
            return Reply(answer, logprobs=self._logprobs, prompt_tokens=prompt_tokens, completion_tokens=1)
        label = max(answer, key=lambda name: answer[name])
        labels = LabelLogprobs({name: math.log(p) for name, p in answer.items() if p > 0})
        return Reply(
            f'{request.opening}{label}"}}',
            labels=labels if self._logprobs and request.labels else None,
            logprobs=self._logprobs,
            prompt_tokens=prompt_tokens,
            completion_tokens=1,
        )
