"""Pictures of pairs of units that count together: the score with and without each of the two, as a small table."""

from collections.abc import Sequence
from dataclasses import dataclass

from convexplain.explain.interactions import pair_effects, pair_sentence
from convexplain.types import Attribution, Conversation


@dataclass(frozen=True, slots=True)
class PairPicture:
    """The picture of one pair.

    Attributes:
        sentence: what the two do, in words that quote them.
        rows: for the text with the first unit, and without it: the scores with the second unit and without it, in
            [0, 1]. The first score is that of the text as it is.
    """

    sentence: str
    rows: tuple[tuple[float, float], tuple[float, float]]


def pair_pictures(conversation: Conversation, levels: Sequence[Attribution]) -> list[PairPicture]:
    """Return the pictures of all pairs of a turn's attributions that count together, from coarse to fine."""
    return [
        PairPicture(
            pair_sentence(conversation, effect),
            ((effect.unchanged, effect.without_second), (effect.without_first, effect.without_both)),
        )
        for level in levels
        if level.of_score
        for effect in pair_effects(level)
    ]
