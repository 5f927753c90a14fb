"""The order in which people label turns: random ones, those with the lowest scores, and uncertain ones in turn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .bootstrap import Floats

Stratum = Literal["random", "lowest", "uncertain"]
"""Why a turn is in the queue: by chance, by its low score, or because its score is near the middle."""
ROTATION: tuple[Stratum, ...] = ("random", "lowest", "uncertain")

Numbers = NDArray[np.uint64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]

_AHEAD = 4  # turns among which reviewers differ, so that two of them seldom get the same one
_COMPLETE = 0.9  # share of the turns drawn at random that have to be labelled: people skip some


@dataclass(frozen=True, slots=True)
class Pick:
    """A turn of the queue: its index, and why it is there; None where nothing chose it but a label that it has."""

    index: int
    stratum: Stratum | None


def draw_numbers(conversations: Sequence[int], turns: Sequence[int], seed: int) -> Numbers:
    """Return a random number for each turn that depends on nothing but the turn and the seed.

    Further turns do not change the numbers of earlier ones. The mixing function is that of SplitMix64.

    Args:
        conversations: the number of each turn's conversation.
        turns: its index in the conversation.
        seed: another seed gives other numbers.
    """
    with np.errstate(over="ignore"):
        mixed = np.array(conversations, dtype=np.uint64) << np.uint64(20)
        mixed = (mixed + np.array(turns, dtype=np.uint64)) ^ np.uint64(seed % 2**64)
        for _ in range(2):  # near places and near seeds need two rounds
            mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed = mixed ^ (mixed >> np.uint64(31))
    numbers: Numbers = mixed
    return numbers


def triage(scores: Floats, draws: Numbers, spread: Numbers, open_turns: Flags, middle: float) -> Iterator[Pick]:
    """Yield the turns that a person labels next: in turn a random one, the lowest and the most uncertain one.

    The random ones come in the order of their draws, whatever was labelled already, so that the first ones of that
    order are a random sample of all turns (`random_sample`).

    Args:
        scores: of all scored turns, in [0, 1].
        draws: their random numbers, the same for all reviewers.
        spread: their random numbers for this reviewer, by which every four neighbours of an order are mixed.
        open_turns: the turns that may come.
        middle: scores near it are uncertain.
    """
    orders = (np.argsort(draws), np.argsort(scores, kind="stable"), np.argsort(np.abs(scores - middle), kind="stable"))
    queues = [iter(_spread(order[open_turns[order]], spread)) for order in orders]
    taken: set[int] = set()
    for stratum, queue in cycle(zip(ROTATION, queues, strict=True)):
        index = next((int(index) for index in queue if int(index) not in taken), None)
        if index is None:  # each queue holds all turns
            return
        taken.add(index)
        yield Pick(index, stratum)


def random_sample(draws: Numbers, labelled: Flags) -> Indices:
    """Return the labelled turns that are a random sample of all: of the first draws, as far as nine in ten have labels.

    It does not matter why they were labelled. Of those that people skip, nothing is known.
    """
    order: Indices = np.argsort(draws)
    counts = np.cumsum(labelled[order])
    complete = np.flatnonzero(counts >= _COMPLETE * np.arange(1, len(order) + 1))
    first = order[: int(complete[-1]) + 1] if len(complete) else order[:0]
    return first[labelled[first]]


def _spread(order: Indices, spread: Numbers) -> Indices:
    blocks = np.arange(len(order)) // _AHEAD
    return order[np.lexsort((spread[order], blocks))]
