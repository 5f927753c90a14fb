"""Learning of what an endpoint takes: before its first request, and when it refuses or thinks against expectation."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from convexplain.errors import ModelError, TransientError, UnavailableError

from . import endpoint_memory
from .endpoint_probe import Ask, probe
from .endpoint_rules import SWITCHES, THINKING_TOKENS, EndpointRules

_log = logging.getLogger(__name__)


class EndpointLearning:
    """The rules by which one model of an endpoint is asked, and their change.

    Args:
        rules: the rules to begin with.
        switches: the keys of `SWITCHES` that the model probably knows, tried before the others.
        effort: the `reasoning_effort` that the user asks for; empty: none.
        probes: whether the endpoint is asked a tiny question first; otherwise only refusals change the rules.

    Attributes:
        rules: the rules as they are now.
    """

    def __init__(self, rules: EndpointRules, switches: Sequence[str], effort: str, *, probes: bool) -> None:
        self.rules = self._initial = rules
        self._switches = tuple(dict.fromkeys((*switches, *SWITCHES)))
        self._effort = effort
        self._probes = probes
        self._ready = False
        self._remembered: EndpointRules | None = None
        self._tasks: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}

    async def learn(self, base: str, model: str, ask: Ask) -> None:
        """Learn what the endpoint takes, once; all requests of an event loop wait for the same question.

        Args:
            base: the endpoint's base URL.
            model: the model's name there.
            ask: asks the question of the probe by some rules.

        Raises:
            TransientError: the endpoint does not answer at the moment.
            UnavailableError: it cannot be had at all.
        """
        if self._ready or not self._probes:
            return
        loop = asyncio.get_running_loop()
        task = self._tasks.get(loop)
        if task is None:
            task = self._tasks[loop] = loop.create_task(self._probe(base, model, ask))
            task.add_done_callback(lambda done: self._end(loop, done))
        await asyncio.shield(task)  # a request that gives up leaves the others their answer

    def change(self, base: str, model: str, rules: EndpointRules) -> None:
        """Ask by other rules from now on; the next program asks the endpoint again what it takes."""
        self.rules = rules
        self.forget(base, model)

    def outdated(self, base: str, model: str, rules: EndpointRules) -> bool:
        """Return whether rules that are refused in every form are those that were remembered; they are forgotten then.

        Another server stands behind the address now. The next `learn` asks it.

        Args:
            base: the endpoint's base URL.
            model: the model's name there.
            rules: those that the refused request began with.
        """
        if rules is not self._remembered:
            return False
        if self.rules is rules and self._ready:  # the first of the requests that were refused
            self.rules, self._ready = self._initial, False
            self.forget(base, model)
        return True

    def begins_to_think(self, rules: EndpointRules) -> EndpointRules | None:
        """Return the rules for a model that used up its tokens by thoughts; None where it had tokens for them.

        Another model stands behind the address now, or this one thinks about hard questions only.

        Args:
            rules: those by which it was asked.
        """
        if rules.thinking_tokens or not self._ready:
            return None
        return replace(rules, thinks=True, thinking_tokens=THINKING_TOKENS)

    def forget(self, base: str, model: str) -> None:
        """Drop what is remembered for other programs."""
        if self._probes:
            endpoint_memory.forget(base, model, self._effort)

    def close(self) -> None:
        """Stop asking in this event loop."""
        if task := self._tasks.pop(asyncio.get_running_loop(), None):
            task.cancel()

    def _end(self, loop: asyncio.AbstractEventLoop, done: asyncio.Task[None]) -> None:
        self._tasks.pop(loop, None)
        if not done.cancelled():
            done.exception()  # read, so that no "never retrieved" warning comes where all requests gave up

    async def _probe(self, base: str, model: str, ask: Ask) -> None:
        rules = self._remembered = endpoint_memory.remembered(base, model, self._effort)
        if rules is None:
            try:
                rules = await probe(ask, self._initial, self._switches, self._effort)
            except (TransientError, UnavailableError):
                raise
            except ModelError as error:  # the requests themselves will say what is wrong
                _log.debug("%s: the question what it takes was not answered: %s", base, error)
                rules = self._initial
            else:
                endpoint_memory.remember(base, model, rules, self._effort)
        self.rules, self._ready = rules, True
