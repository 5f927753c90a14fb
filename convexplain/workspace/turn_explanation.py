"""The short answer to why a turn has its score: the judge's reason, the words and turns that matter, an edit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from convexplain.explain.wording import contrast_outcome
from convexplain.store import attribution_body, contrast_body
from convexplain.types import Attribution, Contrast, Unit

from .results import Finding

_UNITS = 3  # units that are named
_LONGEST = 100  # characters of a text that are shown
_MOSTLY = 0.5  # of a unit's effect: a part that has as much stands for the whole unit


@dataclass(frozen=True, slots=True)
class UnitEffect:
    """A unit and the score of the turn without it.

    Attributes:
        unit: the unit.
        without: the score without it, in [0, 1].
        effect: by how much the unit raises (positive) or lowers the value that was attributed.
    """

    unit: Unit
    without: float
    effect: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The short answer to why a turn has its score.

    Attributes:
        finding: the turn.
        attributions: one for each level, the coarsest first.
        contrast: the smallest edit that carries the score over its threshold, or the largest movement; None where none
            was looked for.
        validated: whether the score's agreement with people is known.
    """

    finding: Finding
    attributions: Sequence[Attribution]
    contrast: Contrast | None
    validated: bool

    @property
    def reason(self) -> str:
        """The judge's reason in words; empty where it was not asked for."""
        return self.finding.judged.reason or ""

    @property
    def words(self) -> list[UnitEffect]:
        """The sentences and phrases of the turn itself that matter most, the strongest first; at most three."""
        return self._strongest(lambda unit: unit.turn == self.finding.index)

    @property
    def earlier_turns(self) -> list[UnitEffect]:
        """The turns before it that matter most, the strongest first; at most three."""
        return self._strongest(lambda unit: unit.turn < self.finding.index and unit.level == "turn")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            **self.finding.to_dict(),
            "validated": self.validated,
            "reason": self.reason,
            "attributions": [attribution_body(attribution) for attribution in self.attributions],
            "contrast": None if self.contrast is None else contrast_body(self.contrast),
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _strongest(self, counts: Any) -> list[UnitEffect]:
        """The units that explain which side of the threshold the score is on, beyond the judge's noise."""
        effects: list[UnitEffect] = []
        for attribution in self.attributions:
            rows = zip(
                attribution.units, attribution.scores, attribution.scores_without, attribution.noisy, strict=True
            )
            effects += [
                UnitEffect(unit, without, effect)
                for unit, effect, without, noisy in rows
                if effect is not None and without is not None and not noisy and effect * attribution.side > 0
                if counts(unit)
            ]
        smallest = [effect for effect in effects if not any(_is_most_of(part, effect) for part in effects)]
        strongest: list[UnitEffect] = []
        for effect in sorted(smallest, key=lambda effect: -abs(effect.effect)):
            if len(strongest) < _UNITS and not any(_overlap(effect.unit, chosen.unit) for chosen in strongest):
                strongest.append(effect)
        return strongest

    def _lines(self) -> Iterator[str]:
        finding = self.finding
        score, threshold = finding.score, finding.rubric.threshold
        place = f"{finding.conversation.id}, turn {finding.index}: {finding.rubric.id}"
        if score is None:
            yield f"{place} has no score ({self.reason or 'the judge gave none'})"
            return
        side = "below" if score < threshold else "not below"
        yield f"{place} {score:.2f}, {side} the threshold of {threshold:g}{'' if self.validated else ' (unvalidated)'}"
        yield f"  Reply: {_quoted(finding.turn.content)}"
        if not finding.turn.content.strip():
            yield "  The reply is empty: there is nothing to explain."
            return
        if self.reason:
            yield f"  Judge's reason: {_cut(self.reason)}"
        yield from self._effect_lines("lower" if score < threshold else "raise")
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
            yield self._no_words()
        for effect in self.earlier_turns:
            turn = turns[effect.unit.turn]
            place = f"turn {effect.unit.turn}, {turn.role}"
            yield f"  Earlier turn that {verb}s it: {place}, {_quoted(turn.content)}{_without(effect)}"

    def _no_words(self) -> str:
        """Return why no words are named."""
        measured = any(
            unit.turn == self.finding.index and score is not None
            for attribution in self.attributions
            for unit, score in zip(attribution.units, attribution.scores, strict=True)
        )
        if not measured:
            return "  The reply is too short to be divided into parts."
        noise = self.attributions[0].noise or 0.0
        return f"  No part of the reply changes the score by more than the judge's noise ({noise:.2f})."

    def _contrast_lines(self, contrast: Contrast) -> Iterator[str]:
        yield f"  Edit: {contrast_outcome(contrast, self.finding.rubric.threshold)}"
        for edit in contrast.edits if contrast.found else ():
            after = _quoted(edit.after) if edit.after.strip() else "nothing"
            yield f"    {_quoted(edit.before)} becomes {after}"


def _without(effect: UnitEffect) -> str:
    return f" ({effect.without:.2f} without)"


def _overlap(first: Unit, second: Unit) -> bool:
    return first.turn == second.turn and first.start < second.end and second.start < first.end


def _is_most_of(part: UnitEffect, unit: UnitEffect) -> bool:
    """Return whether a smaller unit inside of another has most of its effect."""
    smaller = part.unit.end - part.unit.start < unit.unit.end - unit.unit.start
    return smaller and _overlap(part.unit, unit.unit) and abs(part.effect) >= _MOSTLY * abs(unit.effect)


def _quoted(text: str) -> str:
    return f'"{_cut(text)}"'


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
