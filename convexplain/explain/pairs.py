"""Preference pairs made of contrasts: of two turns after the same history, the better one and the worse one.

A contrast says that an edit moves a score. That is a preference only where two turns are alternatives to each other:

- *revise*: the judged turn and its edited form, after the history before it.
- *rescore*, *regenerate*: an earlier turn was edited. The pair is cut there: the history before the edited turn, and
  that turn in both forms; only if all edits lie in it, it is the assistant's, and both forms, judged themselves in
  their own context, move the same way. A fixed later answer may fit a worse earlier turn better.
- *regenerate*, on request: the two final answers, both judged after the original history.

All further contrasts are left out and counted. Where a contrast does not hold both scores, both are asked for: scores
of two judges, or after two histories, say nothing about each other.
"""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from convexplain.errors import UsageError
from convexplain.types import Contrast, Conversation, Judgement, Question, Turn, sha256_json

Ask = Callable[[Conversation, int, str], Awaitable[Judgement]]
"""Judges a turn on the rubric of that id, in its conversation; always the same judge."""
Split = Literal["train", "test"]

NOT_FOUND = "no contrast was found"
UNCONFIRMED = "a second measurement did not confirm it"
UNSCORED = "a turn has no score"
SEVERAL = "edits lie in several turns"
NOT_ASSISTANT = "the edited turn is not the assistant's"
IDENTICAL = "both turns are the same"
OTHER_WAY = "the edited turn, judged itself, does not move the same way"
SMALL = "the margin is too small"
REJECTED = "a reviewer rejected it"
DUPLICATE = "the same pair is there already"
NO_ANSWERS = "only regenerated contrasts have two final answers"
EMPTY = "a turn is empty, or nothing stands before it"


@dataclass(frozen=True, slots=True)
class ReviewedContrast:
    """A contrast of a run, with the decision of a reviewer where there is one.

    Attributes:
        number: its number in the store.
        conversation: as it was logged.
        contrast: the contrast.
        decision: the reviewer's, `accept`, `reject` or `fix`; None without a review.
        text: the reviewer's wording of the edited turn; None where there is none.
    """

    number: int
    conversation: Conversation
    contrast: Contrast
    decision: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two forms of one assistant turn after the same history, of which one scores higher.

    Attributes:
        prompt: the history, oldest turn first.
        chosen, rejected: the turn with the higher and with the lower score.
        score_chosen, score_rejected: in [0, 1], 1 = satisfied, by the same judge after the same history.
        rubric: id of the maxim.
        question: what the contrast answers; `final` says that the two final answers are compared.
        final: see `question`.
        conversation_id, turn: the turn that differs.
        split: `train` or `test`: all pairs of a conversation are on one side.
        provenance: the contrast, judge and models that it comes from (JSON values).
    """

    prompt: tuple[Turn, ...]
    chosen: Turn
    rejected: Turn
    score_chosen: float
    score_rejected: float
    rubric: str
    question: Question
    conversation_id: str
    turn: int
    final: bool = False
    split: Split = "train"
    provenance: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def margin(self) -> float:
        """By how much the chosen turn scores higher, in [0, 1]."""
        return self.score_chosen - self.score_rejected


@dataclass(frozen=True, slots=True)
class PairSettings:
    """The settings of preference pairs.

    Attributes:
        min_margin: least difference of the scores, in [0, 1].
        test: share of the conversations that is held out, in [0, 1).
        final_answers: of regenerated contrasts compare the final answers, instead of the edited turn.
        rubrics, questions: only these; empty = all.
    """

    min_margin: float = 0.0
    test: float = 0.0
    final_answers: bool = False
    rubrics: frozenset[str] = frozenset()
    questions: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not 0 <= self.min_margin <= 1:
            raise UsageError(f"min_margin={self.min_margin} is not valid; it must be in [0, 1]")
        if not 0 <= self.test < 1:
            raise UsageError(f"test={self.test} is not valid; it must be in [0, 1)")


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs, and the number of contrasts that became none, by the reason.

    Attributes:
        pairs: in the order of the contrasts.
        left_out: how many contrasts became no pair, by the reason.
        contrasts: how many contrasts there were.
    """

    pairs: tuple[Pair, ...]
    left_out: Mapping[str, int]
    contrasts: int


@dataclass(frozen=True, slots=True)
class _Alternatives:
    """Two forms of a turn, with the scores that are known."""

    history: Conversation
    place: int
    before: Turn
    after: Turn
    scores: tuple[float, float] | None  # what one judge gave both after this history; None = to be asked
    rises: bool | None  # which way the scores have to move; None = either


async def preference_pairs(
    contrasts: Iterable[ReviewedContrast],
    ask: Ask,
    settings: PairSettings | None = None,
    on_contrast: Callable[[], None] = lambda: None,
) -> Pairs:
    """Make pairs of contrasts, one after the other.

    Args:
        contrasts: the contrasts.
        ask: judges a turn.
        settings: the settings of the pairs.
        on_contrast: called after each contrast.
    """
    chosen = settings or PairSettings()
    pairs: list[Pair] = []
    left_out: Counter[str] = Counter()
    seen: set[str] = set()
    count = 0
    for reviewed in contrasts:
        contrast = reviewed.contrast
        if chosen.rubrics and contrast.rubric not in chosen.rubrics:
            continue
        if chosen.questions and contrast.question not in chosen.questions:
            continue
        count += 1
        pair = await _pair(reviewed, ask, chosen)
        if isinstance(pair, Pair):
            digest = _digest(pair)
            if digest in seen:
                left_out[DUPLICATE] += 1
            else:
                seen.add(digest)
                pairs.append(pair)
        else:
            left_out[pair] += 1
        on_contrast()
    return Pairs(tuple(pairs), dict(left_out.most_common()), count)


def split_of(conversation_id: str, test: float) -> Split:
    """Return the side of a conversation, the same in every run and on every machine."""
    number = int.from_bytes(hashlib.sha256(conversation_id.encode("utf-8", "replace")).digest()[:8], "big")
    return "test" if number / 2**64 < test else "train"


async def _pair(reviewed: ReviewedContrast, ask: Ask, settings: PairSettings) -> Pair | str:
    """The pair, or the reason why there is none."""
    case = _case(reviewed, settings.final_answers)
    if isinstance(case, str):
        return case
    if not (case.before.content.strip() and case.after.content.strip() and case.place):
        return EMPTY
    if case.before.content.strip() == case.after.content.strip():  # blanks around it are dropped by chat templates
        return IDENTICAL
    contrast = reviewed.contrast
    scores, judge = case.scores, contrast.judge
    if scores is None:
        before = await ask(_ending(case, case.before), case.place, contrast.rubric)
        if before.score is None:
            return UNSCORED
        after = await ask(_ending(case, case.after), case.place, contrast.rubric)
        if after.score is None:
            return UNSCORED
        scores, judge = (before.score, after.score), after.model
    gap = scores[1] - scores[0]
    if gap and case.rises is not None and (gap > 0) != case.rises:
        return OTHER_WAY
    if not gap or abs(gap) < settings.min_margin:
        return SMALL
    better, worse = (case.after, case.before) if gap > 0 else (case.before, case.after)
    final = settings.final_answers and contrast.question == "regenerate"
    return Pair(
        prompt=case.history.turns[: case.place],
        chosen=better,
        rejected=worse,
        score_chosen=max(scores),
        score_rejected=min(scores),
        rubric=contrast.rubric,
        question=contrast.question,
        conversation_id=contrast.conversation_id,
        turn=case.place,
        final=final,
        split=split_of(contrast.conversation_id, settings.test),
        provenance=_provenance(reviewed, judge, final),
    )


def _case(reviewed: ReviewedContrast, final_answers: bool) -> _Alternatives | str:
    contrast, conversation = reviewed.contrast, reviewed.conversation
    if reviewed.decision == "reject":
        return REJECTED
    if not contrast.found:
        return UNCONFIRMED if contrast.score_again is not None else NOT_FOUND
    if contrast.score_before is None or contrast.score_after is None:
        return UNSCORED
    rises = contrast.score_after > contrast.score_before
    wording = reviewed.text if reviewed.text and reviewed.text.strip() else None
    if contrast.question == "revise":
        logged, edited = conversation.turns[contrast.turn], contrast.turns[contrast.turn]
        after = replace(edited, content=wording) if wording else edited
        if wording:
            return _Alternatives(conversation, contrast.turn, logged, after, None, None)
        return _Alternatives(
            conversation, contrast.turn, logged, after, (contrast.score_before, contrast.score_after), rises
        )
    if final_answers:
        if contrast.question != "regenerate":
            return NO_ANSWERS
        logged = conversation.turns[contrast.turn]
        answers = [replace(logged, content=text) for text in (contrast.response_before, contrast.response_after)]
        return _Alternatives(conversation, contrast.turn, answers[0], answers[1], None, None)
    places = {edit.unit.turn for edit in contrast.edits}
    if len(places) != 1:
        return SEVERAL if places else IDENTICAL
    (place,) = places
    if conversation.turns[place].role != "assistant":
        return NOT_ASSISTANT
    edited = contrast.turns[place]
    after = replace(edited, content=wording) if wording else edited
    return _Alternatives(conversation, place, conversation.turns[place], after, None, rises)


def _ending(case: _Alternatives, turn: Turn) -> Conversation:
    return replace(case.history, turns=(*case.history.turns[: case.place], turn))


def _provenance(reviewed: ReviewedContrast, judge: str, final: bool) -> dict[str, Any]:
    contrast = reviewed.contrast
    return {
        "contrast": reviewed.number,
        "source": reviewed.conversation.source,
        "judged_turn": contrast.turn,
        "score_before": contrast.score_before,
        "score_after": contrast.score_after,
        "judge": judge,
        "contrast_judge": contrast.judge,
        "responder": contrast.responder,
        "infiller": contrast.infiller,
        "search": contrast.search,
        "goal": contrast.goal,
        "edits": [[edit.before, edit.after] for edit in contrast.edits],
        "review": reviewed.decision,
        "by_hand": not final and bool(reviewed.text and reviewed.text.strip()),
    }


def _digest(pair: Pair) -> str:
    turns = [[turn.role, turn.content] for turn in (*pair.prompt, pair.chosen, pair.rejected)]
    return sha256_json([turns, pair.rubric])
