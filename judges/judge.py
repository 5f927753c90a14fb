"""A judge that scores one turn on one rubric with a chat model, and records how the score was measured."""

import asyncio
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from convexplain.errors import ModelError, TooLongError, UnavailableError
from convexplain.models.calls import Calls
from convexplain.models.chat import Reply, Request
from convexplain.types import Conversation, Evidence, EvidenceKind, Judgement, Rubric, Turn

from .head_reasons import head_reason
from .heads import Head, features_request, head_features, head_of
from .injection_signs import injection_warnings
from .missing_labels import count_reasons, is_stopped, missing_label_reason, refusal_notes, reply_label
from .prompt import OPENING, judge_request, judged_turns, parse_reason, reason_request
from .reasons import check_quotes, low_side_label, with_note, with_reason

SAMPLES = 5
TOO_LONG = "the turn does not fit into the model's window, even without the turns before it"
_TEMPLATE = 64  # tokens that a chat template adds at most
_TOLERATED = 0.05  # share of the probability that may fall on no label without a second thought


class Judge:
    """A judge that scores turns, or conversations, with one model.

    A score is the expected value over the labels. Label probabilities are read in one call a judgement; where the model
    gives none, `SAMPLES` replies at temperature 1 with shuffled examples are averaged. The first reply decides
    which of the two it is, for the judge's life: their scores must not be mixed. Where the model brings a head for
    the rubric, that scores instead, unless `samples` were asked for.

    Args:
        calls: the calls to the model.
        samples: average this many sampled replies, even if the model gives label probabilities.
        reword: changes each prompt's text before the call; for measuring the effect of such a change.
        reasoning: show the model the reasoning that the log has of the turns; heads do not see it.
        build: builds the request for a label; another one than `judge_request` asks by another prompt.
    """

    def __init__(
        self,
        calls: Calls,
        *,
        samples: int | None = None,
        reword: Callable[[str], str] | None = None,
        reasoning: bool = False,
        build: Callable[..., Request] = judge_request,
    ) -> None:
        self._calls = calls
        self._build = build
        self._reasoning = reasoning
        self._samples = samples
        self._reword = reword
        self._mode: EvidenceKind | None = "samples" if samples else None
        self._mode_lock = asyncio.Lock()
        self._probed = False

    async def judge_turn(self, conversation: Conversation, turn: int, rubric: Rubric, again: int = 0) -> Judgement:
        """Judge `conversation.turns[turn]`; it is unscored, with the reason, where the model gave no usable answer.

        On a rubric of conversations all turns are judged together, those after `turn` too.

        Args:
            conversation: the conversation.
            turn: index of the judged turn; of a conversation that of its last assistant turn.
            rubric: the rubric.
            again: how often the turn was measured before: where replies are sampled, new ones are sampled then.

        Raises:
            UnavailableError: the model is gone; going on would only fail for every turn.
        """
        judged = rubric.judged(conversation, turn).turns
        left_out = self._too_many(judged, rubric)
        while True:
            turns = judged[left_out:]
            request = self._request(turns, rubric, left_out)
            try:
                verdict = await self._measure(request, turns, rubric, left_out, again)
                break
            except UnavailableError:
                raise
            except TooLongError as error:
                if len(turns) == 1:
                    verdict = Verdict(reason=TOO_LONG, evidence=Evidence(raw=error.raw or None, notes=(str(error),)))
                    break
                left_out += max(1, len(turns) // 2)
            except ModelError as error:
                verdict = Verdict(reason=str(error), evidence=Evidence(raw=error.raw or None))
                break
        if self._mode == "samples":  # a head has the same request for each draw
            request = self._request(turns, rubric, left_out, 0)
        names = [label.name for label in rubric.labels]
        warnings = injection_warnings(turns, names, left_out)
        return Judgement(
            conversation_id=conversation.id,
            turn=turn,
            rubric=rubric.id,
            score=verdict.score,
            label=verdict.label,
            reason=verdict.reason,
            evidence=replace(verdict.evidence, left_out=left_out, warnings=warnings),
            model=self._calls.model.name,
            prompt_sha=request.prompt_sha,
        )

    def requests(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[Request]:
        """Return the calls that judging this turn makes, as far as they are known before the model has answered."""
        turns = rubric.judged(conversation, turn).turns
        draws = range(self._samples) if self._samples else [None]
        return [self._request(turns, rubric, 0, draw) for draw in draws]

    async def explain(self, judgement: Judgement, conversation: Conversation, rubric: Rubric) -> Judgement:
        """Return the judgement with the reason of its score in words; where there is none, a note says why.

        The model is asked, and its quotes are checked. Where a head has scored, the reason is what the head has read.

        Args:
            judgement: of a turn of the conversation, by this judge; its score may have been calibrated since.
            conversation: the conversation.
            rubric: the rubric, with the threshold that the score is held against.

        Raises:
            UnavailableError: the model is gone.
        """
        left_out = judgement.evidence.left_out
        turns = rubric.judged(conversation, judgement.turn).turns[left_out:]
        if judgement.evidence.kind == "head" and (head := self._head(rubric)) is not None:
            return with_reason(judgement, head_reason(head, judged_turns(rubric, turns), judgement, rubric), None)
        label = low_side_label(judgement, rubric)
        try:
            request = reason_request(rubric, turns, label, left_out=left_out, reasoning=self._reasoning)
            reply = await self._calls.ask(request)
        except UnavailableError:
            raise
        except ModelError as error:
            return with_note(judgement, f"no explanation: {error}")
        if reply.no_answer is None and (words := parse_reason(reply.text)):
            names = [label.name for label in rubric.labels]
            quotable = [_with_reasoning(turn) for turn in turns] if self._reasoning else turns
            quotes = check_quotes(words, quotable, names)
            if rubric.of_conversation and quotes == "earlier_reply":
                quotes = "verified"  # all replies are judged
            return with_reason(judgement, words, quotes)
        return with_note(judgement, "no explanation could be read from the reply")

    def reason_requests(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[Request]:
        """Return the calls that the reason of this turn takes, as far as they are known before the turn is judged.

        The label that will have to be explained is not known; any of them makes a call of the same size.
        """
        if self._head(rubric) is not None:
            return []
        turns = rubric.judged(conversation, turn).turns
        return [reason_request(rubric, turns, rubric.labels[0].name, reasoning=self._reasoning)]

    def _request(self, turns: Sequence[Turn], rubric: Rubric, left_out: int = 0, draw: int | None = None) -> Request:
        head = self._head(rubric)
        if head is not None:
            request = features_request(judged_turns(rubric, turns), head.recipe)
        else:
            request = self._build(rubric, turns, left_out=left_out, draw=draw, reasoning=self._reasoning)
        if self._reword is None:
            return request
        return replace(request, messages=tuple(replace(m, content=self._reword(m.content)) for m in request.messages))

    def _too_many(self, turns: Sequence[Turn], rubric: Rubric) -> int:
        """Return the number of the oldest turns that do not fit the model's window; it is never all of them."""
        model = self._calls.model
        if model.window is None:
            return 0
        left_out = 0
        request = self._request(turns, rubric)
        room = model.window - (0 if request.reply else request.max_tokens) - _TEMPLATE
        excess = (
            sum(model.count_tokens(text) for text in (*(m.content for m in request.messages), request.reply)) - room
        )
        while excess > 0 and left_out < len(turns) - 1:
            oldest = turns[left_out]
            excess -= model.count_tokens(oldest.content)
            excess -= model.count_tokens(oldest.reasoning) if self._reasoning and oldest.reasoning else 0
            left_out += 1
        return left_out

    def _head(self, rubric: Rubric) -> Head | None:
        """Return the head that scores in the place of label probabilities; None where there is none."""
        return None if self._samples else head_of(self._calls.model, rubric)

    async def _measure(
        self, request: Request, turns: Sequence[Turn], rubric: Rubric, left_out: int, again: int
    ) -> "Verdict":
        if (head := self._head(rubric)) is not None:
            if not turns[-1].content.strip():
                return Verdict(reason="the reply is empty")
            states = (await self._calls.ask(request)).features or ()
            return _by_head(head_features(judged_turns(rubric, turns), states), head, rubric)
        reply = await self._first_reply(request) if self._mode is None else None
        if self._mode == "samples":
            n = self._samples or SAMPLES
            return await self._sampled(turns, rubric, left_out, range(again * n, (again + 1) * n))
        reply = reply or await self._calls.ask(request)
        if not reply.logprobs and reply_label(reply, OPENING, request.labels) is not None:
            reason = "the endpoint gave no usable log-probabilities for this reply, though it did for others"
            return Verdict(reason=reason, evidence=Evidence(raw=reply.text))
        return by_probability(reply, rubric)

    async def _first_reply(self, request: Request) -> Reply | None:
        """Ask, and set the mode by the first reply that shows it; return None where it was set meanwhile.

        Other requests wait for the first call only: where that fails, a slow endpoint is not asked one by one.
        """
        async with self._mode_lock:
            if not self._probed:
                self._probed = True
                return await self._ask_and_set_mode(request)
        return await self._ask_and_set_mode(request) if self._mode is None else None

    async def _ask_and_set_mode(self, request: Request) -> Reply:
        reply = await self._calls.ask(request)
        if self._mode is None and (reply.logprobs or not is_stopped(reply, OPENING, request.labels)):
            self._mode = "label_probability" if reply.logprobs else "samples"
        return reply

    async def _sampled(self, turns: Sequence[Turn], rubric: Rubric, left_out: int, draws: range) -> "Verdict":
        requests = [self._request(turns, rubric, left_out, draw) for draw in draws]
        outcomes = await asyncio.gather(*map(self._calls.ask, requests), return_exceptions=True)
        replies = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        for error in errors:
            if isinstance(error, UnavailableError) or not isinstance(error, ModelError):
                raise error
        if not replies:
            raise errors[0]
        verdict = by_samples(replies, OPENING, rubric)
        if not errors:
            return verdict
        note = f"{len(errors)} of {len(draws)} draws failed: {errors[0]}"
        return replace(verdict, evidence=replace(verdict.evidence, notes=(*verdict.evidence.notes, note)))


def _with_reasoning(turn: Turn) -> Turn:
    """Return a turn whose content begins with its reasoning."""
    return replace(turn, content=f"{turn.reasoning}\n{turn.content}", parts=()) if turn.reasoning else turn


@dataclass(frozen=True, slots=True)
class Verdict:
    """Score and label with their evidence; without them, the reason why there are none."""

    score: float | None = None
    label: str | None = None
    reason: str | None = None
    evidence: Evidence = field(default_factory=Evidence)


def by_probability(reply: Reply, rubric: Rubric) -> Verdict:
    """Return the verdict from the probabilities of the labels.

    The score is the sum of p(label) · value(label) over the labels, p renormalised to them. Where the text of
    the reply gives another label than its probabilities, a note says so.
    """
    names = [label.name for label in rubric.labels]
    if reply.labels is None:
        evidence = Evidence(raw=reply.text or None, notes=refusal_notes([reply]))
        return Verdict(reason=missing_label_reason(reply, OPENING, names), evidence=evidence)
    mass = {name: math.exp(logprob) for name, logprob in reply.labels.logprobs.items()}
    unseen = tuple(label.name for label in rubric.labels if label.name not in mass) if reply.labels.bound > 0 else ()
    verdict = _expectation(mass, rubric, Evidence(kind="label_probability", unseen=unseen), reply.text)
    written = reply_label(reply, OPENING, names)
    if verdict.label is None or written in (None, verdict.label):
        return verdict
    note = f"the reply says {written}, but its probabilities say {verdict.label}: the score follows the probabilities"
    return replace(verdict, evidence=replace(verdict.evidence, notes=(*verdict.evidence.notes, note)))


def _by_head(features: Sequence[float], head: Head, rubric: Rubric) -> Verdict:
    """Return the verdict of a head; its label is the one with the value nearest to the score, of two the better one."""
    score = head.score(features)
    nearest = min(rubric.labels, key=lambda label: (abs(label.value - score), -label.value))
    note = str(head.card.get("summary", "")) or f"head {head.sha[:12]}"
    return Verdict(score, nearest.name, None, Evidence(kind="head", notes=(note,)))


def by_samples(replies: list[Reply], opening: str, rubric: Rubric) -> Verdict:
    """Return the verdict from sampled replies: the mean of their labels' values.

    Notes say how many replies have no label, and why.
    """
    names = [label.name for label in rubric.labels]
    drawn = [reply_label(reply, opening, names) for reply in replies]
    read = [name for name in drawn if name is not None]
    values = [rubric.value(name) for name in read]
    evidence = Evidence(kind="samples", n=len(read), spread=statistics.stdev(values) if len(values) > 1 else None)
    mass = {name: read.count(name) / len(replies) for name in names if name in read}
    unread = [reply for reply, name in zip(replies, drawn, strict=True) if name is None]
    if not unread:
        return _expectation(mass, rubric, evidence, None)
    reasons = [missing_label_reason(reply, opening, names) for reply in unread]
    raw = next((reply.text for reply in unread if reply.text), None)
    verdict = _expectation(mass, rubric, evidence, raw)
    count = f"{len(unread)} of {len(replies)} draws have no label: {count_reasons(reasons)}"
    notes = (*verdict.evidence.notes, count, *refusal_notes(unread))
    reason = max(reasons, key=reasons.count) if not read else verdict.reason
    return replace(verdict, reason=reason, evidence=replace(verdict.evidence, notes=notes))


def _expectation(mass: Mapping[str, float], rubric: Rubric, evidence: Evidence, raw: str | None) -> Verdict:
    total = sum(mass.values())
    missing = max(0.0, 1.0 - total)
    if total <= 0:
        reason = "no label has any probability in the judge's reply"
        return Verdict(reason=reason, evidence=replace(evidence, off_label=1.0, raw=raw))
    shares = {name: p / total for name, p in mass.items()}
    score = sum(share * rubric.value(name) for name, share in shares.items())
    evidence = replace(evidence, probabilities=shares, off_label=missing)
    if missing > _TOLERATED or evidence.unseen:
        values = [label.value for label in rubric.labels]
        labelled = sum(p * rubric.value(name) for name, p in mass.items())
        lowest, highest = labelled + missing * min(values), labelled + missing * max(values)
        if lowest < rubric.threshold <= highest:
            reason = "too much of the answer fell on no label to tell on which side of the threshold the score lies"
            note = (
                f"{missing:.0%} of the answer fell on no label: the score lies between {lowest:.2f} and {highest:.2f}"
            )
            return Verdict(reason=reason, evidence=replace(evidence, raw=raw, notes=(note,)))
        if missing > _TOLERATED:
            evidence = replace(evidence, notes=(f"{missing:.0%} of the answer fell on no label",))
    label = max(shares, key=lambda name: shares[name])
    return Verdict(min(1.0, max(0.0, score)), label, None, evidence)
