"""Judges one turn on one rubric with a chat model, and says how the score was measured."""

import asyncio
import math
import statistics
from collections.abc import Mapping
from dataclasses import replace

from convexplain.calls import Calls
from convexplain.errors import ModelError, TooLongError, UnavailableError
from convexplain.models import Reply, Request
from convexplain.types import Conversation, Evidence, Judgement, Rubric

from .labels import parse_label
from .prompt import judge_request, parse_reason, reason_request

SAMPLES = 5
TOLERATED = 0.05  # share of the probability that may fall on no label without a second thought


class Judge:
    """Scores turns with one model.

    A score is the expected value over the labels. Label probabilities are read in one call a judgement; where the model
    gives none, `SAMPLES` replies at temperature 1 with shuffled examples are averaged. The first reply settles
    which of the two it is, for the judge's life: their scores are not to be mixed.

    Args:
        calls: how the model is asked.
        samples: average this many sampled replies, even if the model gives label probabilities.
        explain: ask for a reason in words too (one more call a judgement).
    """

    def __init__(self, calls: Calls, *, samples: int | None = None, explain: bool = False) -> None:
        self._calls = calls
        self._samples = samples
        self._explain = explain
        self._probabilities_seen = False

    async def judge_turn(self, conversation: Conversation, turn: int, rubric: Rubric) -> Judgement:
        """The judgement of `conversation.turns[turn]`; unscored, with the reason, when the model gave no usable answer.

        Raises:
            UnavailableError: the model is gone; going on would only fail for every turn.
        """
        left_out = self._too_many(conversation, turn, rubric)
        while True:
            request = self.request(conversation, turn, rubric, left_out)
            try:
                score, label, reason, evidence = await self._measure(request, conversation, turn, rubric, left_out)
                break
            except UnavailableError:
                raise
            except TooLongError as error:
                if left_out == turn:
                    score, label, reason, evidence = None, None, str(error), Evidence(raw=error.raw or None)
                    break
                left_out += max(1, (turn - left_out + 1) // 2)
            except ModelError as error:
                score, label, reason, evidence = None, None, str(error), Evidence(raw=error.raw or None)
                break
        if score is not None and self._explain:
            reason = await self._reason(conversation, turn, rubric, label or "", left_out)
        return Judgement(
            conversation_id=conversation.id,
            turn=turn,
            rubric=rubric.id,
            score=score,
            label=label,
            reason=reason,
            evidence=replace(evidence, left_out=left_out),
            model=self._calls.model.name,
            prompt_sha=request.prompt_sha,
        )

    def request(self, conversation: Conversation, turn: int, rubric: Rubric, left_out: int = 0) -> Request:
        """The first call that judging this turn makes."""
        draw = 0 if self._samples else None
        return judge_request(rubric, conversation.turns[left_out : turn + 1], left_out=left_out, draw=draw)

    @property
    def planned_calls(self) -> int:
        """How many calls one judgement makes, as far as that is known before the model has answered."""
        return (self._samples or 1) + int(self._explain)

    def _too_many(self, conversation: Conversation, turn: int, rubric: Rubric) -> int:
        """How many of the oldest turns do not fit the model's window."""
        model = self._calls.model
        if model.window is None:
            return 0
        left_out = 0
        request = self.request(conversation, turn, rubric)
        room = model.window - request.max_tokens
        excess = model.count_tokens(request.messages[0].content) - room
        while excess > 0 and left_out < turn:
            excess -= model.count_tokens(conversation.turns[left_out].content)
            left_out += 1
        return left_out

    async def _measure(
        self, request: Request, conversation: Conversation, turn: int, rubric: Rubric, left_out: int
    ) -> tuple[float | None, str | None, str | None, Evidence]:
        if self._samples is None:
            reply = await self._calls.ask(request)
            if reply.logprobs:
                self._probabilities_seen = True
                return by_probability(reply, rubric)
            if self._probabilities_seen:
                reason = "the endpoint gave no log-probabilities for this reply, though it did for others"
                return None, None, reason, Evidence(raw=reply.text)
            self._samples = SAMPLES
        turns = conversation.turns[left_out : turn + 1]
        draws = [judge_request(rubric, turns, left_out=left_out, draw=draw) for draw in range(self._samples)]
        outcomes = await asyncio.gather(*map(self._calls.ask, draws), return_exceptions=True)
        replies = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        grave = next((error for error in errors if not isinstance(error, ModelError)), None)
        if errors and (grave or not replies or isinstance(errors[0], UnavailableError)):
            raise grave or errors[0]
        return by_samples(replies, request.opening, rubric)

    async def _reason(
        self, conversation: Conversation, turn: int, rubric: Rubric, label: str, left_out: int
    ) -> str | None:
        request = reason_request(rubric, conversation.turns[left_out : turn + 1], label, left_out=left_out)
        try:
            return parse_reason((await self._calls.ask(request)).text)
        except UnavailableError:
            raise
        except ModelError:
            return None  # the score stands without words


def by_probability(reply: Reply, rubric: Rubric) -> tuple[float | None, str | None, str | None, Evidence]:
    """Score, label, reason if unscored, and evidence, from the probabilities of the labels.

    The score is the sum of p(label) · value(label) over the labels, p renormalised to them.
    """
    if reply.labels is None:
        return None, None, "no label could be read from the reply", Evidence(raw=reply.text)
    mass = {name: math.exp(logprob) for name, logprob in reply.labels.logprobs.items()}
    unseen = tuple(label.name for label in rubric.labels if label.name not in mass) if reply.labels.bound > 0 else ()
    return _expected(mass, rubric, Evidence(kind="label_probability", unseen=unseen), reply.text)


def by_samples(
    replies: list[Reply], opening: str, rubric: Rubric
) -> tuple[float | None, str | None, str | None, Evidence]:
    """Score, label, reason if unscored, and evidence, from sampled replies: the mean of their labels' values."""
    names = [label.name for label in rubric.labels]
    drawn = [parse_label(reply.text, opening, names) for reply in replies]
    read = [name for name in drawn if name is not None]
    values = [rubric.value(name) for name in read]
    evidence = Evidence(kind="samples", n=len(read), spread=statistics.stdev(values) if len(values) > 1 else None)
    mass = {name: read.count(name) / len(replies) for name in names if name in read}
    unread = next((reply.text for reply, name in zip(replies, drawn, strict=True) if name is None), None)
    return _expected(mass, rubric, evidence, unread)


def _expected(
    mass: Mapping[str, float], rubric: Rubric, evidence: Evidence, raw: str | None
) -> tuple[float | None, str | None, str | None, Evidence]:
    total = sum(mass.values())
    missing = max(0.0, 1.0 - total)
    if total <= 0:
        return None, None, "the reply gave none of the labels", replace(evidence, off_label=1.0, raw=raw)
    shares = {name: p / total for name, p in mass.items()}
    score = sum(share * rubric.value(name) for name, share in shares.items())
    evidence = replace(evidence, probabilities=shares, off_label=missing)
    if missing > TOLERATED or evidence.unseen:
        values = [label.value for label in rubric.labels]
        known = sum(p * rubric.value(name) for name, p in mass.items())
        lowest, highest = known + missing * min(values), known + missing * max(values)
        if lowest < rubric.threshold <= highest:
            reason = (
                f"{missing:.0%} of the answer fell on no label, which leaves the score between {lowest:.2f} and "
                f"{highest:.2f}, on both sides of the threshold {rubric.threshold:g}"
            )
            return None, None, reason, replace(evidence, raw=raw)
        if missing > TOLERATED:
            evidence = replace(evidence, notes=(f"{missing:.0%} of the answer fell on no label",))
    label = max(shares, key=lambda name: shares[name])
    return min(1.0, max(0.0, score)), label, None, evidence
