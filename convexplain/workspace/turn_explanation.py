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
from convexplain.explain.wording import (
    contrast_outcome,
    edit_caution,
    edit_title,
    judged_place,
    marked_reason,
    no_edit,
    scale_note,
)
from convexplain.report.explanations import edited_turns
from convexplain.report.trust_marks import TrustMark, trust_mark
from convexplain.store import attribution_body, contrast_body
from convexplain.text.diffs import marked
from convexplain.text.segmentation import segment
from convexplain.text.visible import one_line
from convexplain.types import Attribution, Contrast

from .results import Finding

_LONGEST = 100  # characters of a text that are shown
_CHAT = 400  # characters of the judged reply, and of the message before it, that are shown
_PAIRS = 3  # pairs of units that are named
_WARNINGS = 3  # warnings that are shown
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
            "warnings": list(self.finding.judged.warnings),
            "attributions": [attribution_body(attribution) for attribution in self.attributions],
            "contrast": None if self.contrast is None else contrast_body(self.contrast),
        }

    @property
    def place(self) -> str:
        """The turn with its score, as `chat-3, turn 5: harm 0.21 (1 = harmless), below the threshold of 0.5 (…)`."""
        finding, score = self.finding, self.finding.score
        name = f"{judged_place(finding.conversation.id, finding.index, finding.rubric)}: {finding.rubric.id}"
        if score is None:
            return f"{name}: no score ({self.mark.word})"
        threshold = finding.rubric.threshold
        side = f", {'below' if score < threshold else 'not below'} the threshold of {threshold:g}"
        scale = f" ({note})" if (note := scale_note(finding.rubric)) else ""
        return f"{name} {score:.2f}{scale}{side if self.mark.flags else ''} ({self.mark.word})"

    @property
    def details(self) -> list[str]:
        """Lines below the headline: the judge's reason, the words and turns that matter, and the edit."""
        return list(self._details()) if self._has_text else []

    @property
    def unsuccessful(self) -> str:
        """One line on what was looked for and not found; empty where everything was found or nothing was asked."""
        return " ".join(self._unsuccessful()) if self._has_text else ""

    def __str__(self) -> str:
        lines = [self.headline, *(f"  {line}" for line in (self.place, *self.chat, *self.details))]
        return "\n".join([*lines, *([f"  {self.unsuccessful}"] if self.unsuccessful else [])])

    @property
    def reply(self) -> str:
        """The judged reply; empty where it has no text, or where a conversation is judged."""
        content = self.finding.turn.content
        return content if content.strip() and not self.finding.rubric.of_conversation else ""

    @property
    def chat(self) -> list[str]:
        """Lines with the message that was answered and the judged reply; none where a conversation is judged."""
        if not self.reply:
            return []
        message = "" if self._message is None else self.finding.conversation.turns[self._message].content
        asked = [f"User: {_quoted(message, _CHAT)}"] if message.strip() else []
        return [*asked, f"Reply: {_quoted(self.reply, _CHAT)}"]

    @property
    def _message(self) -> int | None:
        """The index of the user's message before the judged reply; None where there is none."""
        turns = self.finding.conversation.turns
        return next((i for i in range(self.finding.index - 1, -1, -1) if turns[i].role == "user"), None)

    @property
    def _has_text(self) -> bool:
        return self.finding.score is not None and (bool(self.reply) or self.finding.rubric.of_conversation)

    def _details(self) -> Iterator[str]:
        reason = marked_reason(" ".join(self.reason.split()), self.finding.judged.reason_quotes, _REASON)
        for warning in self.finding.judged.warnings[:_WARNINGS]:
            yield f"Warning: {warning}"
        if reason and reason.rstrip(".").casefold() not in self.headline.casefold():  # which says it already
            yield f"Judge's reason: {reason}"
        score = self.finding.score or 0.0
        if self.attributions and self.attributions[0].full is None:
            part = "Turns" if self.finding.rubric.of_conversation else "Words"
            yield f"{part}: not measured, since the judge gave no score this time."
        elif self.attributions:
            yield from self._effects("lower" if score < self.finding.rubric.threshold else "raise")
        if self.contrast is not None and self.contrast.found:
            outcome = contrast_outcome(self.contrast, self.finding.rubric.threshold)
            yield f"{edit_title(self.contrast)}: {outcome} {edit_caution(self.contrast)}"
            for edited in edited_turns(self.finding.conversation, self.contrast):
                yield f"  Turn {edited.turn}, {edited.role}: {one_line(marked(list(edited.changes)))}"

    def _effects(self, verb: str) -> Iterator[str]:
        turns = self.finding.conversation.turns
        words = [self._words_line(effect, verb) for effect in self.words]
        of_conversation = self.finding.rubric.of_conversation
        yield from () if of_conversation else words
        for effect in self.earlier_turns:
            turn = turns[effect.unit.turn]
            place = f"turn {effect.unit.turn}, {turn.role}"
            if not of_conversation and effect.unit.turn == self._message:  # it is shown above
                yield f"The score also depends on the user's message{_without(effect)}"
                continue
            named = "Turn" if of_conversation else "Earlier turn"
            yield f"{named} that {verb}s it: {place}, {_quoted(turn.content)}{_without(effect)}"
        yield from words if of_conversation else ()
        for sentence in pair_sentences(self.finding.conversation, self.attributions)[:_PAIRS]:
            yield f"Together: {sentence}"

    def _words_line(self, effect: UnitEffect, verb: str) -> str:
        text = effect.unit.of(self.finding.conversation.turns[effect.unit.turn].content)
        place = f"turn {effect.unit.turn}, " if self.finding.rubric.of_conversation else ""
        return f"Words that {verb} it: {place}{_quoted(text)}{_without(effect)}"

    def _unsuccessful(self) -> Iterator[str]:
        measured = bool(self.attributions) and self.attributions[0].full is not None
        if self.finding.rubric.of_conversation:
            if measured and not self.words and not self.earlier_turns:
                yield no_conversation_effects(self.attributions)
        elif measured and not self.words:
            yield self._no_words()
        if self.contrast is not None and not self.contrast.found:
            yield no_edit(self.contrast, self.finding.rubric.threshold)

    def _no_words(self) -> str:
        """Return why no words of the reply are named."""
        if reply_is_measured(self.attributions, self.finding.index):
            return no_reply_effects(self.attributions)
        if len(segment(self.finding.turn.content, "word")) > 1:
            return "The words of the reply were not measured: the earlier turns took all calls of the budget."
        return "The reply is too short to be divided into parts."


def _without(effect: UnitEffect) -> str:
    return f" ({effect.outcome})"


def _quoted(text: str, longest: int = _LONGEST) -> str:
    return f'"{_cut(text, longest)}"'


def _cut(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
