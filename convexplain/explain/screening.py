"""The screen: which edited conversations read well enough, and keep to the topic, to be shown to a person."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from convexplain.models.editing import LanguageModel, TextInContext, TokenLogprob
from convexplain.types import Rubric, Turn, sha256_json

from .naturalness import EditedPassage, TextSpan, edited_passage, naturalness
from .text_faults import EditedText, text_fault
from .topicality import added_sentences, topicality

NATURALNESS_FLOOR = -1.9
"""The naturalness below which an edit is refused: 95 % of natural edits are above (docs/benchmarks.md)."""

TOPICALITY_FLOOR = 0.4
"""The topicality below which an added sentence is refused: 90 % of good sentences are above, and a third of those of
other conversations (docs/benchmarks.md)."""

WHOLE_TOPICALITY_FLOOR = 0.1
"""The same for a whole turn: 98 % of good turns are above, and half of those of other conversations."""

_UNNATURAL = "It reads worse than the original."
_OFF_TOPIC = "It has little to do with the conversation."
_ROLES = {"user": "User", "assistant": "Assistant", "system": "System", "tool": "Tool"}


@dataclass(frozen=True, slots=True)
class Screening:
    """The screen's verdict on one edited conversation.

    Attributes:
        naturalness: as of `naturalness`, of the turn that fares worst: about 0 = reads as well as before, far below
            0 = reads worse; None where it was not measured: there is no model of language, or a rule has refused it.
        refusal: why it is refused, as a short sentence; '' = admitted.
    """

    naturalness: float | None
    refusal: str


@dataclass(frozen=True, slots=True)
class _TurnEdit:
    """One edited turn.

    Attributes:
        opening: what stands before the turn where it begins a conversation.
        context_before, context_after: the conversation before the turn, as it was and as edited.
        text: the turn's texts.
        whole: the turn must keep to the topic as a whole.
    """

    opening: str
    context_before: str
    context_after: str
    text: EditedText
    whole: bool

    @property
    def digest(self) -> str:
        """The identity of what its measures depend on; a transcript would take more memory."""
        return sha256_json([self.context_before, self.context_after, self.text.before, self.text.after, self.whole])


class Screen:
    """Refuses edits that do not read well or leave the topic. Verdicts are remembered by the digest of the texts.

    Args:
        language_model: measures naturalness and topicality; prepared by the caller. Without one the rules of
            `text_fault` alone decide.
    """

    def __init__(self, language_model: LanguageModel | None = None) -> None:
        self._language_model = language_model
        self._naturalness: dict[str, float] = {}
        self._topicality: dict[str, float] = {}  # by how much it is above its floor

    @property
    def fingerprint(self) -> str:
        """Return what decides verdicts besides the rules; empty without a model of language."""
        if self._language_model is None:
            return ""
        return f"{self._language_model.fingerprint} {NATURALNESS_FLOOR} {TOPICALITY_FLOOR} {WHOLE_TOPICALITY_FLOOR}"

    async def screen(
        self,
        before: tuple[Turn, ...],
        edited: Sequence[tuple[Turn, ...]],
        rubric: Rubric,
        *,
        whole_turns: bool = False,
    ) -> list[Screening]:
        """Judge whether edited conversations read well; of several edited turns the worst counts.

        Args:
            before: the turns as they were.
            edited: the turns of each candidate: as many, some with another text.
            rubric: the maxim that the edit is for; its wording is no answer to a user.
            whole_turns: an edited turn must keep to the topic as a whole too, not only the sentences that were added.

        Raises:
            ModelError: the model of language cannot read a text.
        """
        edits = [list(_turn_edits(before, turns, rubric, whole_turns)) for turns in edited]
        refusals = [
            next((fault for edit in turn_edits if (fault := text_fault(edit.text))), "") for turn_edits in edits
        ]
        if self._language_model is None:
            return [Screening(None, refusal) for refusal in refusals]
        todo = [edit for turn_edits, refusal in zip(edits, refusals, strict=True) if not refusal for edit in turn_edits]
        todo = list(dict.fromkeys(todo))
        await self._measure(self._language_model, [edit for edit in todo if edit.digest not in self._naturalness])
        reading = [edit for edit in todo if self._naturalness[edit.digest] >= NATURALNESS_FLOOR]
        await self._measure_topicality(
            self._language_model, [edit for edit in reading if edit.digest not in self._topicality]
        )
        return [
            Screening(None, refusal) if refusal else self._screening(turn_edits)
            for turn_edits, refusal in zip(edits, refusals, strict=True)
        ]

    def _screening(self, edits: Sequence[_TurnEdit]) -> Screening:
        worst = min((self._naturalness[edit.digest] for edit in edits), default=0.0)
        if worst < NATURALNESS_FLOOR:
            return Screening(worst, _UNNATURAL)
        on_topic = all(self._topicality[edit.digest] >= 0 for edit in edits)
        return Screening(worst, "" if on_topic else _OFF_TOPIC)

    async def _measure(self, language_model: LanguageModel, edits: Sequence[_TurnEdit]) -> None:
        passages = {edit: edited_passage(edit.text.before, edit.text.after) for edit in edits}
        changed = {edit: passage for edit, passage in passages.items() if passage is not None}
        texts = [text for edit, passage in changed.items() for text in _read(edit, passage)]
        distinct = list(dict.fromkeys(texts))
        tokens = dict(zip(distinct, await language_model.token_logprobs(distinct), strict=True))
        for edit in edits:
            passage = changed.get(edit)
            self._naturalness[edit.digest] = 0.0 if passage is None else _naturalness(edit, passage, tokens)

    async def _measure_topicality(self, language_model: LanguageModel, edits: Sequence[_TurnEdit]) -> None:
        """Measure by how much each edit's texts are above their floors; of each edit the lowest counts."""
        texts = {edit: list(_texts_on_topic(edit)) for edit in edits}
        distinct = list(dict.fromkeys(text for rows in texts.values() for *pair, _ in rows for text in pair))
        tokens = dict(zip(distinct, await language_model.token_logprobs(distinct), strict=True)) if distinct else {}
        for edit, rows in texts.items():
            above = [topicality(tokens[in_place], tokens[alone]) - floor for in_place, alone, floor in rows]
            self._topicality[edit.digest] = min(above, default=math.inf)


def _naturalness(edit: _TurnEdit, passage: EditedPassage, tokens: dict[TextInContext, list[TokenLogprob]]) -> float:
    text_before, text_after = _read(edit, passage)
    return naturalness(
        passage,
        _shifted(tokens[text_before], passage.before.start),
        _shifted(tokens[text_after], passage.after.start),
    )


def _turn_edits(before: Sequence[Turn], after: Sequence[Turn], rubric: Rubric, whole: bool) -> Iterator[_TurnEdit]:
    """Yield the turns whose text differs."""
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        if old.content != new.content:
            earlier = after[:i]
            texts = {
                role: tuple(turn.content for turn in earlier if turn.role == role) for role in ("assistant", "user")
            }
            text = EditedText(old.content, new.content, texts["assistant"], texts["user"], rubric)
            yield _TurnEdit(_transcript((), new), _transcript(before[:i], old), _transcript(earlier, new), text, whole)


def _transcript(turns: Sequence[Turn], last: Turn) -> str:
    """Return the conversation as a model of language reads it, up to the beginning of the last turn's text."""
    lines = [f"{_ROLES[turn.role]}: {turn.content}\n\n" for turn in turns]
    return f"{''.join(lines)}{_ROLES[last.role]}: "


def _read(edit: _TurnEdit, passage: EditedPassage) -> tuple[TextInContext, TextInContext]:
    """Return the passage before and after the edit, each with all that stands before it."""
    return (
        _in_context(edit.context_before, edit.text.before, passage.before),
        _in_context(edit.context_after, edit.text.after, passage.after),
    )


def _texts_on_topic(edit: _TurnEdit) -> Iterator[tuple[TextInContext, TextInContext, float]]:
    """Yield the texts that must keep to the topic: each in its place, as a beginning, and with its floor.

    The first turn of a conversation has no topic to keep to.
    """
    if edit.context_after == edit.opening:
        return
    text = edit.text.after
    floors = [(span, TOPICALITY_FLOOR) for span in added_sentences(edit.text.before, text)]
    if edit.whole:
        floors.append((TextSpan(0, len(text)), WHOLE_TOPICALITY_FLOOR))
    for span, floor in floors:
        yield _in_context(edit.context_after, text, span), TextInContext(edit.opening, span.of(text)), floor


def _in_context(context: str, text: str, span: TextSpan) -> TextInContext:
    return TextInContext(context + text[: span.start], span.of(text))


def _shifted(tokens: Sequence[TokenLogprob], by: int) -> list[TokenLogprob]:
    return [replace(token, start=token.start + by, end=token.end + by) for token in tokens]
