"""A tiny question to an endpoint before the first real one: what does it take, and does its model think?"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace

from convexplain.errors import TooLongError
from convexplain.judges.labels import parse_label
from convexplain.judges.prompt import OPENING, label_schema
from convexplain.models.chat import Message, Reply, Request

from .endpoint_errors import RefusedError, ServerError
from .endpoint_rules import LEAST_THINKING, SWITCHES, THINKING_TOKENS, EndpointRules

_LABELS = ("yes", "no")
QUESTION = Request(
    (Message("user", 'Is the sky blue? Answer with JSON only: {"label": "yes"} or {"label": "no"}'),),
    labels=_LABELS,
    opening=OPENING,
    schema=label_schema(_LABELS),
    max_tokens=24,
)


@dataclass(frozen=True, slots=True)
class Observation:
    """The answer to the question, as far as it says something of the endpoint.

    Attributes:
        labelled: it holds a label.
        thinks: thoughts came with it, or in its place.
        cut: it was cut at its limit.
        alternatives: how many log-probabilities came at the label; 0: none.
    """

    labelled: bool
    thinks: bool
    cut: bool
    alternatives: int

    @property
    def answers(self) -> bool:
        """Return whether the model answered at once."""
        return self.labelled and not self.thinks

    @classmethod
    def of(cls, reply: Reply, *, thinks: bool) -> "Observation":
        """Return what a reply shows.

        Args:
            reply: the reply to `QUESTION`.
            thinks: whether the model thought before it.
        """
        labelled = parse_label(reply.text, QUESTION.opening, _LABELS) is not None
        return cls(labelled, thinks, reply.truncated, (reply.labels.alternatives or 0) if reply.labels else 0)


Ask = Callable[[EndpointRules], Awaitable[Observation]]


async def probe(ask: Ask, rules: EndpointRules, switches: Iterable[str], effort: str = "") -> EndpointRules:
    """Return the rules of an endpoint, learnt from what it refuses and answers.

    Args:
        ask: asks `QUESTION` by some rules.
        rules: the rules to begin with.
        switches: keys of `SWITCHES`, the most probable first: what may keep the model from thinking.
        effort: the `reasoning_effort` that the user asks for, which is never changed; empty: none.

    Raises:
        RefusedError: the endpoint refuses the question in every form.
        ModelError: it does not answer.
    """
    taken, seen = await _accepted(ask, rules)
    if not (seen.thinks or await _thinks_unconstrained(ask, taken)):
        return replace(taken, alternatives=seen.alternatives)
    thinking = replace(taken, thinks=True)
    for switch in switches:
        if effort and (effort != "none" or "reasoning_effort" in SWITCHES[switch]):
            continue
        # What is refused while a model thinks may be taken when it does not: temperature, log-probabilities.
        trial = replace(thinking, switch=switch, temperature=rules.temperature, top_logprobs=rules.top_logprobs)
        try:
            taken, seen = await _switched(ask, trial)
            if seen.answers and not (taken.schema and await _thinks_unconstrained(ask, taken)):
                return replace(taken, alternatives=seen.alternatives)
        except (RefusedError, ServerError):
            continue
    return await _with_budget(ask, replace(thinking, thinking_tokens=THINKING_TOKENS), () if effort else LEAST_THINKING)


async def _thinks_unconstrained(ask: Ask, rules: EndpointRules) -> bool:
    """Return whether the model thinks without a JSON Schema, which llama.cpp imposes from the first token on."""
    free = await ask(replace(rules, schema=False))
    if free.cut and not free.labelled and not free.thinks:  # talk, or thoughts whose opening the template has written
        try:
            free = await ask(replace(rules, schema=False, thinking_tokens=THINKING_TOKENS))
        except (RefusedError, TooLongError):  # there is no room for thoughts
            return False
    return free.thinks


async def _switched(ask: Ask, rules: EndpointRules) -> tuple[EndpointRules, Observation]:
    """Return the first rules with their switch that the endpoint accepts, and its answer.

    A server that fails is asked again, since it may have failed for another reason than the switch.
    """
    try:
        return await _accepted(ask, rules, named=True)
    except ServerError:
        return await _accepted(ask, rules, named=True)


async def _with_budget(ask: Ask, rules: EndpointRules, least: Iterable[str]) -> EndpointRules:
    """Return the rules by which a model answers after its thoughts.

    Args:
        ask: asks the question.
        rules: the rules, with tokens for thoughts.
        least: keys of `LEAST_THINKING`, taken where they are not refused.
    """
    for switch in (*least, ""):
        try:
            trial = replace(rules, switch=switch)
            taken, seen = await (_switched(ask, trial) if switch else _accepted(ask, trial))
        except (RefusedError, ServerError):
            if not switch:
                raise
            continue
        break
    if taken.schema and not seen.thinks:  # the schema leaves no room for thoughts, and so the answer stands in them
        taken = replace(taken, schema=False)
        seen = await ask(taken)
    return replace(taken, alternatives=seen.alternatives)


async def _accepted(ask: Ask, rules: EndpointRules, *, named: bool = False) -> tuple[EndpointRules, Observation]:
    """Return the first rules that the endpoint accepts, and its answer.

    Args:
        ask: asks the question.
        rules: the rules to begin with.
        named: change only what a refusal names: what else is refused is a switch that is new in the rules.
    """
    first: RefusedError | None = None
    while True:
        try:
            return rules, await ask(rules)
        except RefusedError as error:
            first = first or error
            changed = rules.after_named(error.raw) if named else rules.after(error.raw)
            if changed is None:
                raise first from None
            rules = changed
