"""Samples of a log's turns for a strong judge to label: drawn with a seed, spread over dialogues and positions."""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from convexplain.errors import UsageError
from convexplain.types import Conversation

from .head_training import TurnKey

MIN_TURNS = 100
"""Turns with a label of the teacher that a student needs: fewer are not worth a held-out part."""
MIN_HELD_OUT = 40
"""Turns that are held out at least, where half of the dialogues have so many."""
MIN_DIALOGUES = 10
HELD_OUT = 0.2
"""Share of the dialogues, and of the sample, that no student learns from."""
_BINS = 10  # of equal width, between the lowest and the highest score

Group = Callable[[Conversation], Hashable]


@dataclass(frozen=True, slots=True)
class SplitTurns:
    """Turns of a log, split by dialogue.

    Attributes:
        held_out: the sample of the held-out dialogues, drawn at random.
        training: turns of the training dialogues in a random order, spread over dialogues and positions.
        size: how many of the training turns make up the sample.
    """

    held_out: tuple[TurnKey, ...]
    training: tuple[TurnKey, ...]
    size: int


def split_turns(
    turns: Sequence[TurnKey], n: int, group: Group, seed: int = 0, labelled: Collection[TurnKey] = frozenset()
) -> SplitTurns:
    """Split the turns of a log by dialogue, and draw the held-out part of a sample.

    A fifth of the dialogues is held out, and more where they have fewer than `MIN_HELD_OUT` turns, up to half of them.

    Args:
        turns: all assistant turns of the log, each once.
        n: the size of the whole sample; all turns where there are fewer.
        group: returns the dialogue of a conversation.
        seed: the same seed gives the same split.
        labelled: turns that people have labelled: their dialogues are held out first, and they are drawn first.

    Raises:
        UsageError: n is too small, or there are too few turns or dialogues.
    """
    if n < MIN_TURNS:
        raise UsageError(f"turns={n} is not valid; a student needs at least {MIN_TURNS} turns of its teacher")
    by_dialogue: dict[Hashable, list[TurnKey]] = defaultdict(list)
    for key in turns:
        by_dialogue[group(key[0])].append(key)
    if len(turns) < MIN_TURNS or len(by_dialogue) < MIN_DIALOGUES:
        raise UsageError(
            f"{len(turns):,} assistant turns in {len(by_dialogue):,} dialogues are too few to learn from a teacher; "
            f"at least {MIN_TURNS} turns in {MIN_DIALOGUES} dialogues are needed"
        )
    rng = np.random.default_rng(seed)
    dialogues = list(by_dialogue)
    shuffled = [dialogues[i] for i in rng.permutation(len(dialogues))]
    shuffled.sort(key=lambda dialogue: not any(key in labelled for key in by_dialogue[dialogue]))
    target = max(MIN_HELD_OUT, math.ceil(HELD_OUT * min(n, len(turns))))
    count = available = 0
    while count < len(shuffled) // 2 and (available < target or count < HELD_OUT * len(shuffled)):
        available += len(by_dialogue[shuffled[count]])
        count += 1
    candidates = [key for dialogue in shuffled[:count] for key in by_dialogue[dialogue]]
    first = spread([key for key in candidates if key in labelled], group, rng)
    held_out = [*first, *spread([key for key in candidates if key not in labelled], group, rng)][:target]
    training = spread([key for dialogue in shuffled[count:] for key in by_dialogue[dialogue]], group, rng)
    return SplitTurns(tuple(held_out), tuple(training), min(n - len(held_out), len(training)))


def spread(turns: Sequence[TurnKey], group: Group, rng: np.random.Generator) -> list[TurnKey]:
    """Return the turns in a random order in which each dialogue has one turn before any dialogue has two."""
    by_dialogue: dict[Hashable, list[TurnKey]] = defaultdict(list)
    for i in rng.permutation(len(turns)).tolist():
        by_dialogue[group(turns[i][0])].append(turns[i])
    ranked = [(rank, key) for members in by_dialogue.values() for rank, key in enumerate(members)]
    return [key for _, key in sorted(ranked, key=lambda pair: pair[0])]


def draw_sample(
    pool: Sequence[TurnKey], scores: Sequence[Mapping[TurnKey, float]], n: int, seed: int = 0
) -> list[TurnKey]:
    """Return a sample of a pool of turns: half of it as the pool comes, half of it spread over the range of scores.

    Rare scores are drawn as often as frequent ones, so that the few bad turns of a good log are in the sample.

    Args:
        pool: turns in a random order.
        scores: the student's scores of the pool on each maxim that it scores already, in [0, 1]; those maxims have
            equal shares. Without any, the whole sample is as the pool comes.
        n: the size of the sample.
        seed: the same seed gives the same sample.
    """
    if not scores:
        return list(pool[:n])
    sample = dict.fromkeys(pool[: n - n // 2])
    rng = np.random.default_rng(seed)
    orders = [_over_range({key: by_turn[key] for key in pool if key in by_turn}, rng) for by_turn in scores]
    for keys in zip(*orders, strict=False):
        for key in keys:
            if len(sample) < n:
                sample[key] = None
    for key in pool:  # where turns have no score
        if len(sample) < n:
            sample[key] = None
    return list(sample)


def _over_range(scores: Mapping[TurnKey, float], rng: np.random.Generator) -> list[TurnKey]:
    """Return turns in an order that takes one of each bin of scores in turn, the lowest bin first."""
    keys, values = list(scores), np.array(list(scores.values()), dtype=np.float64)
    if not len(keys):
        return []
    width = float(np.ptp(values)) or 1.0
    bins = np.minimum(((values - values.min()) / width * _BINS).astype(int), _BINS - 1)
    members: dict[int, list[TurnKey]] = defaultdict(list)
    for i in rng.permutation(len(keys)).tolist():
        members[int(bins[i])].append(keys[i])
    ranked = [(rank, number, key) for number, turns in members.items() for rank, key in enumerate(turns)]
    return [key for _, _, key in sorted(ranked, key=lambda row: row[:2])]
