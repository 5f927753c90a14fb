"""Preference pairs: the share in which a judge prefers the same answer as people."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from convexplain.fidelity import Estimate
from convexplain.types import Conversation

from .bootstrap import Draws, Floats, Statistic, ratio
from .labels import PreferenceLabel, last_answer


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """A preference pair with the judges' scores.

    Attributes:
        pair: the pair.
        scores: for each judge the scores of the preferred and of the rejected answer; None if one is missing.
    """

    pair: PreferenceLabel
    scores: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """The share of pairs in which the preferred answer scores higher; a tie counts half, so that 0.5 is chance.

    Attributes:
        n: the number of pairs.
        accuracy: shares by the name of the judge or baseline; n of a share is the number of pairs with two scores.
        differences: (first, second, the first one's share less the second one's on the pairs that both have scored).
    """

    n: int
    accuracy: Mapping[str, Estimate]
    differences: tuple[tuple[str, str, Estimate], ...]


def pair_agreement(
    pairs: Sequence[JudgedPair], judges: Sequence[str], group: Callable[[Conversation], Hashable], seed: int = 0
) -> PairAgreement:
    """Return the agreement of judges with preferences, and of the length of the answers as a baseline."""
    groups = _linked_dialogues([(group(judged.pair.chosen), group(judged.pair.rejected)) for judged in pairs])
    wins: dict[str, Floats] = {
        name: np.array([_win(judged.scores[i]) for judged in pairs], dtype=np.float64) for i, name in enumerate(judges)
    }
    longer = np.array([_win((_words(judged.pair.chosen), _words(judged.pair.rejected))) for judged in pairs])

    def estimate(values: Floats) -> Estimate:
        rows = np.flatnonzero(np.isfinite(values))
        return Draws([groups[i] for i in rows], seed).estimate(_mean(values[rows]), "no pair has two scores")

    return PairAgreement(
        n=len(pairs),
        accuracy={name: estimate(values) for name, values in {**wins, "the longer one": longer}.items()},
        differences=tuple(
            (first, second, estimate(wins[first] - wins[second])) for first, second in combinations(wins, 2)
        ),
    )


def _linked_dialogues(sides: Sequence[tuple[Hashable, Hashable]]) -> list[Hashable]:
    """Return for each pair a dialogue that stands for all dialogues linked to it by pairs; these are drawn together."""
    leaders: dict[Hashable, Hashable] = {}

    def leader(dialogue: Hashable) -> Hashable:
        while (parent := leaders.setdefault(dialogue, dialogue)) != dialogue:
            leaders[dialogue] = leaders[parent]
            dialogue = parent
        return dialogue

    for chosen, rejected in sides:
        leaders[leader(rejected)] = leader(chosen)
    return [leader(chosen) for chosen, _ in sides]


def _win(scores: tuple[float, float] | None) -> float:
    if scores is None:
        return float("nan")
    chosen, rejected = scores
    return 0.5 if chosen == rejected else float(chosen > rejected)


def _words(conversation: Conversation) -> float:
    turn = last_answer(conversation)
    return 0.0 if turn is None else float(len(conversation.turns[turn].content.split()))


def _mean(values: Floats) -> Statistic:
    return lambda weights: ratio((weights * values).sum(axis=1), weights.sum(axis=1))
