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
    """

    units: tuple[Unit, Unit]
    kind: PairKind
    raises: bool
    without_first: float
    without_second: float
    without_both: float


def pair_effects(attribution: Attribution) -> list[PairEffect]:
    """Return the pairs of an attribution that count together, the largest interaction first.

    Where the noise of the judge is known, a pair is left out if what one unit does to the score differs by less than
    its noise between texts with the other unit and texts without it.
    """
    effects = (_pair_effect(attribution, interaction) for interaction in attribution.interactions)
    return [effect for effect in effects if effect is not None]


def _pair_effect(attribution: Attribution, interaction: Interaction) -> PairEffect | None:
    first, second = (attribution.scores[place] for place in interaction.units)
    full, index = attribution.full, interaction.value
    if full is None or first is None or second is None:
        return None

    def without(loss: float) -> float:
        value = attribution.value_of(full - loss)
        assert value is not None
        return value

    # A score is a mean over texts with the other unit and texts without it; between these two lies the interaction.
    first_loss, second_loss = first + index / 2, second + index / 2
    both = first + second
    difference = without(0.0) - without(first_loss) - without(second_loss) + without(both)
    # A difference of two differences: its noise is that of one, times the square root of 2.
    if attribution.noise is not None and abs(difference) < sqrt(2) * attribution.noise:
        return None
    return PairEffect(
        (attribution.units[interaction.units[0]], attribution.units[interaction.units[1]]),
        _kind(first, second, index),
        both > 0,
        without(first_loss),
        without(second_loss),
        without(both),
    )


def _kind(first: float, second: float, index: float) -> PairKind:
    both = first + second
    if first * second <= 0:
        return "conditional"
    if index * both > 0:
        remaining = max(abs(first - index / 2), abs(second - index / 2))  # of each where the other is gone
        return "only together" if remaining <= _SMALL * abs(both) else "more together"
    remaining = max(abs(first + index / 2), abs(second + index / 2))  # of each where the other is there
    return "either" if remaining <= _SMALL * abs(both) else "less together"


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
