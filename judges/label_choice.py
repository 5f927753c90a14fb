"""A chat model's choice among labels, as probabilities: read from its label probabilities, or counted in samples."""

import asyncio
import logging
import math
from collections.abc import Sequence

from convexplain.errors import ModelError, UnavailableError
from convexplain.models.calls import Calls
from convexplain.models.chat import Message, Reply, Request

from .judge import SAMPLES
from .missing_labels import is_stopped, missing_label_reason, reply_label
from .prompt import OPENING, label_schema

_log = logging.getLogger(__name__)


class LabelChoice:
    """A chat model that is asked for one of several labels.

    Label probabilities are read in one call a prompt. Where the model gives none, the labels of `samples` replies at
    temperature 1 are counted; the first reply decides which of the two it is. Make it in the event loop of the calls,
    and ask it from another thread, as scoring functions are.

    Args:
        calls: the calls to the model.
        samples: replies a prompt, where the model gives no label probabilities.

    Attributes:
        name: the model's name.
    """

    def __init__(self, calls: Calls, samples: int = SAMPLES) -> None:
        self.name = calls.model.name
        self._calls = calls
        self._samples = samples
        self._sampling: bool | None = None
        self._first = asyncio.Lock()
        self._loop = asyncio.get_running_loop()

    def probabilities(self, prompts: Sequence[str], labels: Sequence[str]) -> list[dict[str, float] | None]:
        """Return for each prompt the probability of each label; they sum to 1.

        Where the model chose no label, there is None in its place, and a warning is logged.

        Args:
            prompts: each says what the labels mean; the form of the answer is added.
            labels: the labels.

        Raises:
            UnavailableError: the model is gone.
        """

        async def ask_all() -> list[dict[str, float] | str]:
            return await asyncio.gather(*(self._ask(prompt, tuple(labels)) for prompt in prompts))

        answers = asyncio.run_coroutine_threadsafe(ask_all(), self._loop).result()
        if reasons := [answer for answer in answers if isinstance(answer, str)]:
            missing, count = len(reasons), len(answers)
            _log.warning("%s: %d of %d questions have no answer: %s", self.name, missing, count, reasons[-1])
        return [None if isinstance(answer, str) else answer for answer in answers]

    async def _ask(self, prompt: str, labels: tuple[str, ...]) -> dict[str, float] | str:
        """Return the probabilities; where there are none, the reason in words."""
        try:
            reply = await self._reply(_request(prompt, labels))
            if reply is None:
                return await self._sampled(prompt, labels)
        except UnavailableError:
            raise
        except ModelError as error:
            return str(error)
        if reply.labels is None:
            return missing_label_reason(reply, OPENING, labels)
        masses = {label: math.exp(reply.labels.logprobs.get(label, -math.inf)) for label in labels}
        return _normalised(masses) or "no label has any probability in the reply"

    async def _reply(self, request: Request) -> Reply | None:
        """Ask for label probabilities; None where the model gives none, so that it has to be sampled."""
        if self._sampling is None:
            async with self._first:
                if self._sampling is None:
                    return await self._probe(request)
        return None if self._sampling else await self._calls.ask(request)

    async def _probe(self, request: Request) -> Reply | None:
        reply = await self._calls.ask(request)
        if reply.logprobs:
            self._sampling = False
        elif not is_stopped(reply, OPENING, request.labels):
            self._sampling = True
            return None
        return reply

    async def _sampled(self, prompt: str, labels: tuple[str, ...]) -> dict[str, float] | str:
        requests = [_request(prompt, labels, draw) for draw in range(self._samples)]
        replies = await asyncio.gather(*map(self._calls.ask, requests))
        drawn = [reply_label(reply, OPENING, labels) for reply in replies]
        counts = {label: float(drawn.count(label)) for label in labels}
        return _normalised(counts) or missing_label_reason(replies[0], OPENING, labels)


def _normalised(masses: dict[str, float]) -> dict[str, float] | None:
    total = sum(masses.values())
    return {label: mass / total for label, mass in masses.items()} if total > 0 else None


def _request(prompt: str, labels: tuple[str, ...], draw: int | None = None) -> Request:
    sampled = draw is not None
    forms = " or ".join(f'{OPENING}{label}"}}' for label in labels)
    return Request(
        messages=(Message("user", f"{prompt}\nAnswer with JSON only, {forms}."),),
        labels=() if sampled else labels,
        opening=OPENING,
        schema=label_schema(labels),
        max_tokens=24,
        temperature=1.0 if sampled else 0.0,
        draw=draw or 0,
    )
