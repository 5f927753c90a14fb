"""Judges one turn on one rubric with a chat model, and says how the score was measured."""

import asyncio
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from convexplain.errors import ModelError, TooLongError, UnavailableError
from convexplain.models.calls import Calls
from convexplain.models.chat import Reply, Request
from convexplain.types import Conversation, Evidence, EvidenceKind, Judgement, Rubric, Turn

from .heads import Head, features_request, head_of
from .labels import parse_label
from .prompt import OPENING, judge_request, parse_reason, reason_request

SAMPLES = 5
_TEMPLATE = 64  # tokens that a chat template adds at most
TOLERATED = 0.05  # share of the probability that may fall on no label without a second thought


class Judge:
    """Scores turns with one model.

    A score is the expected value over the labels. Label probabilities are read in one call a judgement; where the model
    gives none, `SAMPLES` replies at temperature 1 with shuffled examples are averaged. The first reply settles
    which of the two it is, for the judge's life: their scores are not to be mixed. Where the model brings a head for
    the rubric, that scores instead, unless `samples` were asked for.

    Args:
        calls: how the model is asked.
        samples: average this many sampled replies, even if the model gives label probabilities.
        explain: ask for a reason in words too (one more call a judgement).
        reword: changes each prompt's text before it is asked; for measuring what such a change does.
    """

    def __init__(
        self,
        calls: Calls,
        *,
        samples: int | None = None,
        explain: bool = False,
        reword: Callable[[str], str] | None = None,
    ) -> None:
        self._calls = calls
        self._samples = samples
        self._explain = explain
        self._reword = reword
        self._mode: EvidenceKind | None = "samples" if samples else None
        self._settling = asyncio.Lock()
        self._tried = False

    async def judge_turn(self, conversation: Conversation, turn: int, rubric: Rubric, again: int = 0) -> Judgement:
        """The judgement of `conversation.turns[turn]`; unscored, with the reason, when the model gave no usable answer.

        Args:
            conversation: the conversation.
            turn: index of the judged turn.
            rubric: what is judged.
            again: how often it was measured before: where samples are drawn, others are drawn then.

        Raises:
            UnavailableError: the model is gone; going on would only fail for every turn.
        """
        left_out = self._too_many(conversation, turn, rubric)
        while True:
            turns = conversation.turns[left_out : turn + 1]
            try:
                found = await self._measure(turns, rubric, left_out, again)
                break
            except UnavailableError:
                raise
            except TooLongError as error:
                if left_out == turn:
                    found = Measured(reason=str(error), evidence=Evidence(raw=error.raw or None))
                    break
                left_out += max(1, (turn - left_out + 1) // 2)
            except ModelError as error:
                found = Measured(reason=str(error), evidence=Evidence(raw=error.raw or None))
                break
        if found.label is not None and self._explain:
            found = await self._explained(found, found.label, turns, rubric, left_out)
        draw = 0 if self._mode == "samples" else None  # of no account where a head scores
        return Judgement(
            conversation_id=conversation.id,
            turn=turn,
            rubric=rubric.id,
            score=found.score,
            label=found.label,
            reason=found.reason,
            evidence=replace(found.evidence, left_out=left_out),
            model=self._calls.model.name,
            prompt_sha=self._request(turns, rubric, left_out, draw).prompt_sha,
        )

    def requests(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[Request]:
        """The calls that judging this turn makes, as far as they are known before the model has answered."""
        turns = conversation.turns[: turn + 1]
        draws = range(self._samples) if self._samples else [None]
        found = [self._request(turns, rubric, 0, draw) for draw in draws]
        # The label that will have to be explained is not known yet; any of them makes a call of the same size.
        return [*found, reason_request(rubric, turns, rubric.labels[0].name)] if self._explain else found

    def _request(self, turns: Sequence[Turn], rubric: Rubric, left_out: int = 0, draw: int | None = None) -> Request:
        head = self._head(rubric)
        if head is not None:
            request = features_request(turns, head.recipe)
        else:
            request = judge_request(rubric, turns, left_out=left_out, draw=draw)
        if self._reword is None:
            return request
        return replace(request, messages=tuple(replace(m, content=self._reword(m.content)) for m in request.messages))

    def _too_many(self, conversation: Conversation, turn: int, rubric: Rubric) -> int:
        """How many of the oldest turns do not fit the model's window."""
        model = self._calls.model
        if model.window is None:
            return 0
        left_out = 0
        request = self._request(conversation.turns[: turn + 1], rubric)
        room = model.window - (0 if request.reply else request.max_tokens) - _TEMPLATE
        excess = (
            sum(model.count_tokens(text) for text in (*(m.content for m in request.messages), request.reply)) - room
        )
        while excess > 0 and left_out < turn:
            excess -= model.count_tokens(conversation.turns[left_out].content)
            left_out += 1
        return left_out

    def _head(self, rubric: Rubric) -> Head | None:
        """What scores in the place of label probabilities."""
        return None if self._samples else head_of(self._calls.model, rubric)

    async def _measure(self, turns: Sequence[Turn], rubric: Rubric, left_out: int, again: int) -> "Measured":
        request = self._request(turns, rubric, left_out)
        if (head := self._head(rubric)) is not None:
            if not turns[-1].content.strip():
                return Measured(reason="the response is empty, and a head reads its words")
            return by_head((await self._calls.ask(request)).features or (), head, rubric)
        reply = await self._settle(request) if self._mode is None else None
        if self._mode == "samples":
            n = self._samples or SAMPLES
            return await self._sampled(turns, rubric, left_out, range(again * n, (again + 1) * n))
        reply = reply or await self._calls.ask(request)
        if not reply.logprobs and reply.text.strip():
            reason = "the endpoint gave no log-probabilities for this reply, though it did for others"
            return Measured(reason=reason, evidence=Evidence(raw=reply.text))
        return by_probability(reply, rubric)

    async def _settle(self, request: Request) -> Reply | None:
        """Sets the mode by the first reply that says anything; None when it was set meanwhile.

        The others wait for the first try only: where that fails, an endpoint in trouble is not asked one by one.
        """
        async with self._settling:
            if not self._tried:
                self._tried = True
                return await self._ask_and_settle(request)
        return await self._ask_and_settle(request) if self._mode is None else None

    async def _ask_and_settle(self, request: Request) -> Reply:
        reply = await self._calls.ask(request)
        if self._mode is None and (reply.logprobs or reply.text.strip()):  # an empty reply proves nothing
            self._mode = "label_probability" if reply.logprobs else "samples"
        return reply

    async def _sampled(self, turns: Sequence[Turn], rubric: Rubric, left_out: int, wanted: range) -> "Measured":
        draws = [self._request(turns, rubric, left_out, draw) for draw in wanted]
        outcomes = await asyncio.gather(*map(self._calls.ask, draws), return_exceptions=True)
        replies = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        for error in errors:
            if isinstance(error, UnavailableError) or not isinstance(error, ModelError):
                raise error
        if not replies:
            raise errors[0]
        found = by_samples(replies, OPENING, rubric)
        if not errors:
            return found
        note = f"{len(errors)} of {len(wanted)} draws failed: {errors[0]}"
        return replace(found, evidence=replace(found.evidence, notes=(*found.evidence.notes, note)))

    async def _explained(
        self, found: "Measured", label: str, turns: Sequence[Turn], rubric: Rubric, left_out: int
    ) -> "Measured":
        """The same measurement with a reason in words; it stands without one, and says why there is none."""
        try:
            reply = await self._calls.ask(reason_request(rubric, turns, label, left_out=left_out))
        except UnavailableError:
            raise
        except ModelError as error:
            note = f"no explanation: {error}"
        else:
            if words := parse_reason(reply.text):
                return replace(found, reason=words)
            note = "no explanation could be read from the reply"
        return replace(found, evidence=replace(found.evidence, notes=(*found.evidence.notes, note)))


@dataclass(frozen=True, slots=True)
class Measured:
    """Score and label with their evidence; without them, the reason why there are none."""

    score: float | None = None
    label: str | None = None
    reason: str | None = None
    evidence: Evidence = field(default_factory=Evidence)


def by_probability(reply: Reply, rubric: Rubric) -> Measured:
    """The measurement from the probabilities of the labels.

    The score is the sum of p(label) · value(label) over the labels, p renormalised to them.
    """
    if reply.labels is None:
        return Measured(reason="no label could be read from the reply", evidence=Evidence(raw=reply.text))
    mass = {name: math.exp(logprob) for name, logprob in reply.labels.logprobs.items()}
    unseen = tuple(label.name for label in rubric.labels if label.name not in mass) if reply.labels.bound > 0 else ()
    return _expected(mass, rubric, Evidence(kind="label_probability", unseen=unseen), reply.text)


def by_head(features: Sequence[float], head: Head, rubric: Rubric) -> Measured:
    """The measurement by a head; its label is the one whose value is nearest to the score, the better one of two."""
    score = head.score(features)
    nearest = min(rubric.labels, key=lambda label: (abs(label.value - score), -label.value))
    notes = tuple(filter(None, [f"head {head.sha[:12]}", str(head.card.get("summary", ""))]))
    return Measured(score, nearest.name, None, Evidence(kind="head", notes=(": ".join(notes),)))


def by_samples(replies: list[Reply], opening: str, rubric: Rubric) -> Measured:
    """The measurement from sampled replies: the mean of their labels' values."""
    names = [label.name for label in rubric.labels]
    drawn = [parse_label(reply.text, opening, names) for reply in replies]
    read = [name for name in drawn if name is not None]
    values = [rubric.value(name) for name in read]
    evidence = Evidence(kind="samples", n=len(read), spread=statistics.stdev(values) if len(values) > 1 else None)
    mass = {name: read.count(name) / len(replies) for name in names if name in read}
    unread = next((reply.text for reply, name in zip(replies, drawn, strict=True) if name is None), None)
    return _expected(mass, rubric, evidence, unread)


def _expected(mass: Mapping[str, float], rubric: Rubric, evidence: Evidence, raw: str | None) -> Measured:
    total = sum(mass.values())
    missing = max(0.0, 1.0 - total)
    if total <= 0:
        reason = "the reply gave none of the labels"
        return Measured(reason=reason, evidence=replace(evidence, off_label=1.0, raw=raw))
    shares = {name: p / total for name, p in mass.items()}
    score = sum(share * rubric.value(name) for name, share in shares.items())
    evidence = replace(evidence, probabilities=shares, off_label=missing)
    if missing > TOLERATED or evidence.unseen:
        values = [label.value for label in rubric.labels]
        known = sum(p * rubric.value(name) for name, p in mass.items())
        lowest, highest = known + missing * min(values), known + missing * max(values)
        if lowest < rubric.threshold <= highest:
            reason = "too much of the answer fell on no label to tell on which side of the threshold the score lies"
            note = (
                f"{missing:.0%} of the answer fell on no label: the score lies between {lowest:.2f} and {highest:.2f}"
            )
            return Measured(reason=reason, evidence=replace(evidence, raw=raw, notes=(note,)))
        if missing > TOLERATED:
            evidence = replace(evidence, notes=(f"{missing:.0%} of the answer fell on no label",))
    label = max(shares, key=lambda name: shares[name])
    return Measured(min(1.0, max(0.0, score)), label, None, evidence)
