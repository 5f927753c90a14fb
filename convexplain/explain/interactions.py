"""Pairs of units that count together, as a reader sees them: the score without each of the two and without both."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal, TypeAlias

from convexplain.types import Attribution, Conversation, Interaction, Unit

PairKind: TypeAlias = Literal["only together", "more together", "either", "less together", "conditional"]
"""How two units count: each does nothing without the other; more together than the sum of the two; either has the whole
effect; less together than the sum; one raises and the other lowers the value, and each changes what the other does."""

PAIRS_HEADING = (
    "Parts that count together (the effect of a part by itself, above, is a mean over texts with and without the other)"
)
_SMALL = 0.25  # of the effect of both: a smaller effect of a unit by itself is none
_ROUNDING = 1e-9
_LONGEST = 70  # characters of a unit that are quoted

_PHRASES: dict[PairKind, str] = {
    "only together": "{verb} {value} only together",
    "more together": "{verb} {value}, together by more than the sum of the two",
    "either": "{verb} {value} as much alone as together (either is enough)",
    "less together": "{verb} {value}, together by less than the sum of the two",
    "conditional": "change each other's effect on {value}",
}


@dataclass(frozen=True, slots=True)
class PairEffect:
    """Two units and what they do together.

    Attributes:
        units: the two, in the order of the text.
        kind: how they count.
        raises: True where the two together raise the value, False where they lower it.
        without_first, without_second, without_both: the value without them by the fitted surrogate, in [0, 1] where the
            values are log-odds.
        unchanged: the value of the whole text.
    """

    units: tuple[Unit, Unit]
    kind: PairKind
    raises: bool
    without_first: float
    without_second: float
    without_both: float
    unchanged: float


def pair_effects(attribution: Attribution) -> list[PairEffect]:
    """Return the pairs of an attribution that count together in the text as it is, the largest interaction first.

    Left out is a pair that counts together in other texts only (of three units of which any is enough, two may go), and
    where the noise of the judge is known one of which what a unit does to the score differs by less than its noise
    between the texts with the other unit and without it. Interactions without fitted values are left out too.
    """
    effects = (_pair_effect(attribution, interaction) for interaction in attribution.interactions)
    return [effect for effect in effects if effect is not None]


def _pair_effect(attribution: Attribution, interaction: Interaction) -> PairEffect | None:
    first, second = interaction.units
    full, fitted = attribution.full, interaction.fitted
    if full is None or fitted is None or attribution.scores[first] is None or attribution.scores[second] is None:
        return None
    if abs(_difference(fitted)) <= _SMALL * abs(interaction.value):
        return None
    # The fit's changes, beside the value of the whole text as it was measured.
    unchanged, without_first, without_second, without_both = (
        float(score) for value in fitted if (score := attribution.value_of(full - (fitted[0] - value))) is not None
    )
    difference = _difference((unchanged, without_first, without_second, without_both))
    # A difference of two differences: its noise is that of one, times the square root of 2.
    if abs(difference) <= _ROUNDING or (
        attribution.noise is not None and abs(difference) < sqrt(2) * attribution.noise
    ):
        return None
    return PairEffect(
        (attribution.units[first], attribution.units[second]),
        _kind(unchanged, without_first, without_second, without_both),
        unchanged > without_both,
        without_first,
        without_second,
        without_both,
        unchanged,
    )


def _difference(values: tuple[float, float, float, float]) -> float:
    """By how much what one unit does is larger with the other unit than without it."""
    unchanged, without_first, without_second, without_both = values
    return unchanged - without_first - without_second + without_both


def _kind(unchanged: float, without_first: float, without_second: float, without_both: float) -> PairKind:
    both = unchanged - without_both
    beside = (unchanged - without_first, unchanged - without_second)  # what each does where the other is there
    alone = (without_second - without_both, without_first - without_both)  # and where it is gone
    if max(map(abs, alone)) <= _SMALL * abs(both):
        return "only together"
    if max(map(abs, beside)) <= _SMALL * abs(both):
        return "either"
    if min(effect * both for effect in (*beside, *alone)) < -_ROUNDING or abs(both) <= _ROUNDING:
        return "conditional"
    return "more together" if abs(both) > abs(sum(alone)) else "less together"


def pair_sentence(conversation: Conversation, effect: PairEffect, value: str = "the score") -> str:
    """Return a pair's effect as a sentence that quotes both units.

    Args:
        conversation: the conversation.
        effect: the effect.
        value: the name of what is attributed.
    """
    first, second = (_named(conversation, unit) for unit in effect.units)
    phrase = _PHRASES[effect.kind].format(verb="raise" if effect.raises else "lower", value=value)
    numbers = (
        f"{effect.without_first:.2f} without the first, {effect.without_second:.2f} without the second, "
        f"{effect.without_both:.2f} without both"
    )
    return f"T{first[1:]} and {second} {phrase}: {numbers}."


def pair_sentences(conversation: Conversation, levels: Sequence[Attribution]) -> list[str]:
    """Return the sentences about all pairs of a turn's attributions, from coarse to fine."""
    return [
        pair_sentence(conversation, effect, "the score" if level.of_score else "the value")
        for level in levels
        for effect in pair_effects(level)
    ]


def _named(conversation: Conversation, unit: Unit) -> str:
    line = " ".join(unit.of(conversation.turns[unit.turn].content).split())
    quoted = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
    return f'turn {unit.turn}, "{quoted}",'
