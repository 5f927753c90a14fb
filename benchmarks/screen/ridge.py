"""A ridge regression on blocks of examples: labelled sets and planted pairs, weighted alike by family."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from features import Floats, TurnFeatures
from numpy.typing import NDArray
from planting import PlantedPair, pair_turns
from scipy.stats import rankdata
from sets import MaximSet

_KINDS = {"wrong": 0.6, "dangerous": 1.5}  # weights of kinds of planted pairs; of all others 1
_AUTHORED = 2.0  # weight of hand-written pairs beside those from other people's conversations
_ALIKE = 0.3  # weight of pairs whose turns both satisfy the maxim


@dataclass(frozen=True, slots=True)
class Block:
    """Examples that are weighted together.

    Attributes:
        features: (examples, features): centred within a set, or the difference of a pair's sides.
        targets: one for each example.
        weight: of all its examples together.
    """

    features: Floats
    targets: Floats
    weight: float


def fit_ridge(blocks: Sequence[Block], used: NDArray[np.bool_], penalty: float) -> Floats:
    """Return the weight of each feature; 0 for those that are not used."""
    width = int(used.sum())
    squares, products = np.zeros((width, width)), np.zeros(width)
    for block in blocks:
        examples = block.features[:, used]
        squares += block.weight * examples.T @ examples / len(examples)
        products += block.weight * examples.T @ block.targets / len(examples)
    weights = np.zeros(len(used))
    weights[used] = np.linalg.solve(squares + penalty * np.eye(width), products)
    return weights


def set_blocks(sets: Sequence[MaximSet], features: TurnFeatures, without: Collection[str] = ()) -> list[Block]:
    """Return the blocks of labelled sets: families weigh alike, and so do the sets of a family.

    Ranks within a set, in (-1, 1), are the targets of its turns, and 1 that of the difference of a pair.

    Args:
        sets: the sets of a maxim.
        features: what heads read of their turns.
        without: families that are left out.
    """
    used = [maxim_set for maxim_set in sets if maxim_set.family not in without]
    members = [maxim_set.family for maxim_set in used]
    blocks = []
    for maxim_set in used:
        examples, targets = set_examples(maxim_set, features)
        blocks.append(Block(examples, targets, 1 / members.count(maxim_set.family)))
    return blocks


def set_examples(maxim_set: MaximSet, features: TurnFeatures) -> tuple[Floats, Floats]:
    """Return the features and targets of a set's turns, or of its pairs."""
    source = maxim_set.labels.source
    if source.pairs:
        chosen, rejected = (
            [(side, len(side.turns) - 1) for side in sides]
            for sides in zip(*((pair.chosen, pair.rejected) for pair in source.pairs), strict=True)
        )
        return features.of(chosen) - features.of(rejected), np.ones(len(source.pairs))
    turns = [turn for turn in source.turns if (turn.conversation, turn.turn) in features.row_of]
    examples = features.of([(turn.conversation, turn.turn) for turn in turns])
    ranks = (rankdata([turn.human for turn in turns]) - 0.5) / len(turns)
    return examples - examples.mean(0), 2 * ranks - 1


def planted_blocks(
    pairs: Sequence[PlantedPair], features: TurnFeatures, maxim: str, weight: float = 1.0
) -> list[Block]:
    """Return the blocks of planted pairs, which weigh together about as much as a family of sets.

    Args:
        pairs: the pairs.
        features: what heads read of their turns.
        maxim: which labels count. Pairs of which both turns satisfy it are to have no difference.
        weight: of all together.
    """
    groups: dict[tuple[str, str], list[PlantedPair]] = {}
    for pair in pairs:
        if pair.separates(maxim):
            groups.setdefault((pair.origin, pair.kind), []).append(pair)
        elif pair.agrees(maxim):
            groups.setdefault((pair.origin, "good"), []).append(pair)
    shares = {key: (_AUTHORED if key[0] == "authored" else 1.0) * _KINDS.get(key[1], 1.0) for key in groups}
    total = sum(shares.values())
    blocks = []
    for (origin, kind), members in groups.items():
        target, factor = (0.0, _ALIKE) if kind == "good" else (1.0, 1.0)
        share = weight * factor * shares[origin, kind] / total
        blocks.append(Block(pair_differences(members, features), np.full(len(members), target), share))
    return blocks


def pair_differences(pairs: Sequence[PlantedPair], features: TurnFeatures) -> Floats:
    """Return the features of each pair's good turn less those of its bad one."""
    turns = features.of(pair_turns(pairs))
    return turns[0::2] - turns[1::2]
