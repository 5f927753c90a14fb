"""The short answer to why a turn has its score: the judge's reason, the words and turns that matter, an edit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from convexplain.explain.headlines import headline
from convexplain.explain.interactions import pair_sentences
from convexplain.explain.strongest_units import (
    UnitEffect,
    conversation_part_effects,
    conversation_turn_effects,
    earlier_turn_effects,
    no_conversation_effects,
    no_reply_effects,
    reply_effects,
    reply_is_measured,
)
from convexplain.explain.wording import contrast_outcome, judged_place, marked_reason
from convexplain.report.explanations import edited_turns
from convexplain.report.trust_marks import TrustMark, trust_mark
from convexplain.store import attribution_body, contrast_body
from convexplain.text.diffs import marked
from convexplain.text.segmentation import segment
from convexplain.text.visible import one_line
from convexplain.types import Attribution, Contrast

from .results import Finding

_LONGEST = 100  # characters of a text that are shown
_PAIRS = 3  # pairs of units that are named
_REASON = 400  # characters of a reason that are shown


@dataclass(frozen=True, slots=True)
class Explanation:
    """The short answer to why a turn has its score.

    Attributes:
        finding: the turn.
        attributions: one for each level, the coarsest first.
        contrast: the smallest edit that moves the score across its threshold, or the largest movement; None where none
            was looked for.
    """

    finding: Finding
    attributions: Sequence[Attribution]
    contrast: Contrast | None

    @property
    def mark(self) -> TrustMark:
        """Return how far the score is to be trusted."""
        return trust_mark(self.finding.trust)

    @property
    def headline(self) -> str:
        """The one sentence that says first why the turn has its score."""
        finding = self.finding
        return headline(
            finding.conversation,
            finding.index,
            finding.rubric,
            finding.score,
            finding.judged.reason,
            finding.judged.reason_quotes,
            self.attributions,
            self.contrast,
        )

    @property
    def reason(self) -> str:
        """The judge's reason in words; empty where it was not asked for."""
        return self.finding.judged.reason or ""

    @property
    def words(self) -> list[UnitEffect]:
        """The sentences and phrases of the turn itself, or of the conversation, that matter most; at most three."""
        if self.finding.rubric.of_conversation:
            return conversation_part_effects(self.attributions)
        return reply_effects(self.attributions, self.finding.index)

    @property
    def earlier_turns(self) -> list[UnitEffect]:
        """The turns before it, or of the conversation, that matter most, the strongest first; at most three."""
        if self.finding.rubric.of_conversation:
            return conversation_turn_effects(self.attributions)
        return earlier_turn_effects(self.attributions, self.finding.index)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "headline": self.headline,
            **self.finding.to_dict(),
            "validated": self.finding.trust.state != "unvalidated",
            "reason": self.reason,
            "reason_quotes": self.finding.judged.reason_quotes,
            "attributions": [attribution_body(attribution) for attribution in self.attributions],
            "contrast": None if self.contrast is None else contrast_body(self.contrast),
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        finding = self.finding
        score, threshold = finding.score, finding.rubric.threshold
        of_conversation = finding.rubric.of_conversation
        place = f"{judged_place(finding.conversation.id, finding.index, finding.rubric)}: {finding.rubric.id}"
        yield self.headline
        if score is None:
            yield f"  {place}: no score ({self.mark.word})"
            return
        side = f", {'below' if score < threshold else 'not below'} the threshold of {threshold:g}"
        yield f"  {place} {score:.2f}{side if self.mark.flags else ''} ({self.mark.word})"
        if not of_conversation:
            yield f"  Reply: {_quoted(finding.turn.content)}"
            if not finding.turn.content.strip():
                return
        if self.reason:
            quotes = self.finding.judged.reason_quotes
            yield f"  Judge's reason: {marked_reason(' '.join(self.reason.split()), quotes, _REASON)}"
        effect_lines = self._conversation_lines if of_conversation else self._effect_lines
        yield from effect_lines("lower" if score < threshold else "raise")
        if self.contrast is not None:
            yield from self._contrast_lines(self.contrast)

    def _effect_lines(self, verb: str) -> Iterator[str]:
        if not self.attributions or self.attributions[0].full is None:
            yield "  Words: not measured, since the judge gave no score this time."
            return
        turns = self.finding.conversation.turns
        for effect in self.words:
            yield f"  Words that {verb} it: {_quoted(effect.unit.of(turns[effect.unit.turn].content))}" + _without(
                effect
            )
        if not self.words:
            yield f"  {self._no_words()}"
        for effect in self.earlier_turns:
            turn = turns[effect.unit.turn]
            place = f"turn {effect.unit.turn}, {turn.role}"
            yield f"  Earlier turn that {verb}s it: {place}, {_quoted(turn.content)}{_without(effect)}"
        for sentence in pair_sentences(self.finding.conversation, self.attributions)[:_PAIRS]:
            yield f"  Together: {sentence}"

    def _conversation_lines(self, verb: str) -> Iterator[str]:
        """Yield the turns, then the words of any turn, that moved the score of a conversation."""
        if not self.attributions or self.attributions[0].full is None:
            yield "  Turns: not measured, since the judge gave no score this time."
            return
        turns = self.finding.conversation.turns
        for effect in self.earlier_turns:
            turn = turns[effect.unit.turn]
            place = f"turn {effect.unit.turn}, {turn.role}"
            yield f"  Turn that {verb}s it: {place}, {_quoted(turn.content)}{_without(effect)}"
        for effect in self.words:
            text = effect.unit.of(turns[effect.unit.turn].content)
            yield f"  Words that {verb} it: turn {effect.unit.turn}, {_quoted(text)}{_without(effect)}"
        if not self.earlier_turns and not self.words:
            yield f"  {no_conversation_effects(self.attributions)}"
        for sentence in pair_sentences(self.finding.conversation, self.attributions)[:_PAIRS]:
            yield f"  Together: {sentence}"

    def _no_words(self) -> str:
        """Return why no words of the reply are named."""
        if reply_is_measured(self.attributions, self.finding.index):
            return no_reply_effects(self.attributions)
        if len(segment(self.finding.turn.content, "word")) > 1:
            return "The words of the reply were not measured: the earlier turns took all calls of the budget."
        return "The reply is too short to be divided into parts."

    def _contrast_lines(self, contrast: Contrast) -> Iterator[str]:
        yield f"  Edit: {contrast_outcome(contrast, self.finding.rubric.threshold)}"
        for edited in edited_turns(self.finding.conversation, contrast):
            yield f"    Turn {edited.turn}, {edited.role}: {one_line(marked(list(edited.changes)))}"


def _without(effect: UnitEffect) -> str:
    return f" ({effect.without:.2f} without)"


def _quoted(text: str) -> str:
    return f'"{_cut(text)}"'


def _cut(text: str, longest: int = _LONGEST) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
