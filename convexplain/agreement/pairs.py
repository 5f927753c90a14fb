"""Pairs of answers of which people preferred one: how often does a judge prefer the same?"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from convexplain.fidelity import Estimate
from convexplain.types import Conversation

from .bootstrap import Draws, Floats, Statistic, ratio
from .labelled import Preference, last_answer


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """A pair and what judges say of it.

    Attributes:
        pair: the pair.
        scores: for each judge the score of the preferred answer and of the other one; None where one is missing.
    """

    pair: Preference
    scores: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """How often the preferred answer scores higher; a tie counts half, so that 0.5 is chance.

    Attributes:
        n: pairs.
        accuracy: a judge's name, or a baseline's, to the share; its n are the pairs that it has scored.
        differences: (first, second, the first one's share less the second one's on the pairs that both have scored).
    """

    n: int
    accuracy: Mapping[str, Estimate]
    differences: tuple[tuple[str, str, Estimate], ...]


def pair_agreement(
    pairs: Sequence[JudgedPair], judges: Sequence[str], group: Callable[[Conversation], Hashable], seed: int = 0
) -> PairAgreement:
    """Holds judges against preferences, with the length of the answers beside them."""
    groups = _together([(group(item.pair.chosen), group(item.pair.rejected)) for item in pairs])
    right: dict[str, Floats] = {
        name: np.array([_right(item.scores[i]) for item in pairs], dtype=np.float64) for i, name in enumerate(judges)
    }
    longer = np.array([_right((_words(item.pair.chosen), _words(item.pair.rejected))) for item in pairs])

    def estimate(values: Floats) -> Estimate:
        rows = np.flatnonzero(np.isfinite(values))
        return Draws([groups[i] for i in rows], seed).estimate(_mean(values[rows]), "no pair has two scores")

    return PairAgreement(
        n=len(pairs),
        accuracy={name: estimate(values) for name, values in {**right, "the longer one": longer}.items()},
        differences=tuple((one, other, estimate(right[one] - right[other])) for one, other in combinations(right, 2)),
    )


def _together(sides: Sequence[tuple[Hashable, Hashable]]) -> list[Hashable]:
    """What each pair is drawn together with: pairs of the same dialogues, as when people contradict each other."""
    leaders: dict[Hashable, Hashable] = {}

    def leader(one: Hashable) -> Hashable:
        while (next_ := leaders.setdefault(one, one)) != one:
            leaders[one] = leaders[next_]
            one = next_
        return one

    for chosen, rejected in sides:
        leaders[leader(rejected)] = leader(chosen)
    return [leader(chosen) for chosen, _ in sides]


def _right(scores: tuple[float, float] | None) -> float:
    if scores is None:
        return float("nan")
    chosen, rejected = scores
    return 0.5 if chosen == rejected else float(chosen > rejected)


def _words(conversation: Conversation) -> float:
    turn = last_answer(conversation)
    return 0.0 if turn is None else float(len(conversation.turns[turn].content.split()))


def _mean(values: Floats) -> Statistic:
    return lambda weights: ratio((weights * values).sum(axis=1), weights.sum(axis=1))
