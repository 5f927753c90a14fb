"""Preference pairs made of contrasts: of two turns after the same history, the better one and the worse one.

A contrast says that an edit moves a score. That is a preference only where two turns are alternatives to each other:

- *revise*: the judged turn and its edited form, after the history before it.
- *rescore*, *regenerate*: an earlier turn was edited. The pair is cut there: the history before the edited turn, and
  that turn in both forms; only if all edits lie in it, it is the assistant's, and both forms, judged themselves in
  their own context, move the same way. A fixed later answer may fit a worse earlier turn better.
- *regenerate*, on request: the two final answers, both judged after the original history.

All further contrasts are left out and counted. Where a contrast does not hold both scores, both are asked for: scores
of two judges, or after two histories, say nothing about each other.

A pair needs a reviewer who accepted it or wrote the edited turn; or, on request, it passes all gates of `pair_gates`.
An edit that lowers the score is never the chosen turn.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from convexplain.errors import UsageError
from convexplain.types import Contrast, Question, Turn, sha256_json

from .pair_forms import IDENTICAL, REJECTED, UNREVIEWED, UNSCORED, Alternatives, ReviewedContrast, forms_of, wording_of
from .pair_gates import Ask, PairGates

Split = Literal["train", "test"]

OTHER_WAY = "the edited turn, judged itself, does not move the same way"
SMALL = "the margin is too small"
WORDING = "the reviewer's wording does not score higher"
DUPLICATE = "the same pair is there already"
EMPTY = "a turn is empty, or nothing stands before it"


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
        tools: the tools that the log names, as JSON; empty for none.
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
    tools: str = ""

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
        unreviewed: also pairs that nobody has reviewed, where they pass all gates.
    """

    min_margin: float = 0.0
    test: float = 0.0
    final_answers: bool = False
    rubrics: frozenset[str] = frozenset()
    questions: frozenset[str] = frozenset()
    unreviewed: bool = False

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
        reviewed: how many of them a reviewer has decided on.
    """

    pairs: tuple[Pair, ...]
    left_out: Mapping[str, int]
    contrasts: int
    reviewed: int = 0

    @property
    def unreviewed_note(self) -> str:
        """The share of contrasts that is reviewed, in words; empty where no pair was left out for want of a review."""
        if not self.left_out.get(UNREVIEWED):
            return ""
        return f"{self.reviewed:,} of {self.contrasts:,} contrasts {'is' if self.reviewed == 1 else 'are'} reviewed"


async def preference_pairs(
    contrasts: Iterable[ReviewedContrast],
    ask: Ask,
    settings: PairSettings | None = None,
    on_contrast: Callable[[], None] = lambda: None,
    gates: PairGates = PairGates(),
) -> Pairs:
    """Make pairs of contrasts, one after the other.

    Args:
        contrasts: the contrasts.
        ask: judges a turn.
        settings: the settings of the pairs.
        on_contrast: called after each contrast.
        gates: what unreviewed pairs have to pass; it needs the rubrics of the contrasts where the settings allow such.
    """
    chosen = settings or PairSettings()
    pairs: list[Pair] = []
    left_out: Counter[str] = Counter()
    seen: set[str] = set()
    rejected: set[str] = set()
    count = reviewed_count = 0
    for reviewed in contrasts:
        contrast = reviewed.contrast
        if reviewed.decision == "reject":  # whatever it was rejected for
            rejected |= _rejected_forms(reviewed, chosen)
        if chosen.rubrics and contrast.rubric not in chosen.rubrics:
            continue
        if chosen.questions and contrast.question not in chosen.questions:
            continue
        count += 1
        reviewed_count += reviewed.decision is not None
        pair = await _pair(reviewed, ask, chosen, gates)
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
    # What a reviewer rejected does not leave as the edit of another search that nobody has reviewed.
    remaining = [
        pair
        for pair in pairs
        if pair.provenance["review"] or _texts_digest(pair.prompt, pair.chosen, pair.rejected) not in rejected
    ]
    if len(remaining) < len(pairs):
        left_out[REJECTED] += len(pairs) - len(remaining)
    return Pairs(tuple(remaining), dict(left_out.most_common()), count, reviewed_count)


def split_of(conversation_id: str, test: float) -> Split:
    """Return the side of a conversation, the same in every run and on every machine."""
    number = int.from_bytes(hashlib.sha256(conversation_id.encode("utf-8", "replace")).digest()[:8], "big")
    return "test" if number / 2**64 < test else "train"


async def _pair(reviewed: ReviewedContrast, ask: Ask, settings: PairSettings, gates: PairGates) -> Pair | str:
    """The pair, or the reason why there is none."""
    contrast, gated = reviewed.contrast, reviewed.decision is None
    forms = forms_of(reviewed, unreviewed=settings.unreviewed, final_answers=settings.final_answers)
    if isinstance(forms, str):
        return forms
    if not (forms.before.content.strip() and forms.after.content.strip() and forms.place):
        return EMPTY
    if forms.before.content.strip() == forms.after.content.strip():  # blanks around it are dropped by chat templates
        return IDENTICAL
    if gated and (refusal := await gates.early_refusal(contrast, forms)):
        return refusal
    scored = await _scored(forms, contrast, ask)
    if scored is None:
        return UNSCORED
    before, after, judge = scored
    margin = after - before if forms.rises else before - after
    final = settings.final_answers and contrast.question == "regenerate"
    by_hand = not final and wording_of(reviewed) is not None
    if margin <= 0 and by_hand:
        return WORDING
    if margin < 0:
        return OTHER_WAY
    if not margin or margin < settings.min_margin:
        return SMALL
    if gated and (refusal := await gates.refusal(contrast, forms, margin)):
        return refusal
    return Pair(
        prompt=forms.prompt,
        chosen=forms.better,
        rejected=forms.worse,
        score_chosen=max(before, after),
        score_rejected=min(before, after),
        rubric=contrast.rubric,
        question=contrast.question,
        conversation_id=contrast.conversation_id,
        turn=forms.place,
        final=final,
        split=split_of(contrast.conversation_id, settings.test),
        provenance={
            **_provenance(reviewed, judge),
            "by_hand": by_hand,
            "second_judge": gates.second_judge if gated and gates.second else None,
        },
        tools=_tools(reviewed.conversation.metadata.get("tools")),
    )


def _tools(tools: Any) -> str:
    return tools if isinstance(tools, str) else json.dumps(tools, ensure_ascii=False) if tools else ""


async def _scored(forms: Alternatives, contrast: Contrast, ask: Ask) -> tuple[float, float, str] | None:
    """The scores of both forms and the judge's name; None where one has no score."""
    if forms.scores is not None:
        return *forms.scores, contrast.judge
    before = await ask(forms.ending(forms.before), forms.place, contrast.rubric)
    if before.score is None:
        return None
    after = await ask(forms.ending(forms.after), forms.place, contrast.rubric)
    return None if after.score is None else (before.score, after.score, after.model)


def _provenance(reviewed: ReviewedContrast, judge: str) -> dict[str, Any]:
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
        "naturalness": contrast.naturalness,
        "fresh_draws": contrast.fresh_draws,
        "fresh_held": contrast.fresh_held,
    }


def _rejected_forms(reviewed: ReviewedContrast, settings: PairSettings) -> set[str]:
    """The digest of the two forms that a reviewer rejected; none where the contrast has no such forms."""
    forms = forms_of(replace(reviewed, decision="accept"), unreviewed=False, final_answers=settings.final_answers)
    return {_texts_digest(forms.prompt, forms.before, forms.after)} if isinstance(forms, Alternatives) else set()


def _digest(pair: Pair) -> str:
    turns = [[turn.role, turn.content] for turn in (*pair.prompt, pair.chosen, pair.rejected)]
    return sha256_json([turns, pair.rubric])


def _texts_digest(prompt: tuple[Turn, ...], *forms: Turn) -> str:
    """The digest of two forms after a history, whichever is better."""
    return sha256_json([[turn.content for turn in prompt], sorted(turn.content for turn in forms)])
