"""Two runs turn by turn: shifts, flips, agreement."""

import math
from dataclasses import dataclass

import numpy as np

from convexplain.agreement import confusion, kappa, spearman
from convexplain.store import RunStore
from convexplain.store.paired_scores import Floats, Numbers, PairedScores, conversation_ids

BINS = 40
"""Equal parts of [-1, 1] in which shifts are counted."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from one run to another on one maxim.

    Attributes:
        turns: how many both have scored.
        unscored: judged by both, but scored by one at most.
        conversations: how many hold these turns.
        before, after: the mean scores.
        shift: the mean difference, after − before.
        interval: what holds it with 95 % (normal, over conversations); None below two conversations.
        fell, rose: turns that went below the threshold, and that came from below it.
        spearman, kappa: agreement of scores, and of the sides of the threshold; None where it is undefined.
        counts: shifts in `BINS` equal parts of [-1, 1].
        by_id: turns were matched by their conversations' ids.
    """

    turns: int
    unscored: int
    conversations: int
    before: float
    after: float
    shift: float
    interval: tuple[float, float] | None
    fell: int
    rose: int
    spearman: float | None
    kappa: float | None
    counts: tuple[int, ...]
    by_id: bool


@dataclass(frozen=True, slots=True)
class Shift:
    """One turn: its conversation (number and id, in the first run), the index, and both scores."""

    number: int
    conversation: str
    turn: int
    before: float
    after: float


def compare(paired: PairedScores, threshold: float) -> Comparison | None:
    """What changed; None where no turn was scored by both."""
    both = ~(np.isnan(paired.before) | np.isnan(paired.after))
    before, after = paired.before[both], paired.after[both]
    if not len(before):
        return None
    shifts = after - before
    sides = confusion(after, before, threshold)
    everything = np.ones((1, len(before)))
    _, place = np.unique(paired.numbers[both], return_inverse=True)
    return Comparison(
        turns=len(before),
        unscored=int((~both).sum()),
        conversations=int(place.max()) + 1,
        before=float(before.mean()),
        after=float(after.mean()),
        shift=float(shifts.mean()),
        interval=_interval(shifts, place),
        fell=sides.judge_bad,
        rose=sides.people_bad,
        spearman=_or_none(float(spearman(after, before)(everything)[0])),
        kappa=_or_none(
            float(kappa((after < threshold).astype(float), (before < threshold).astype(float))(everything)[0])
        ),
        counts=tuple(int(n) for n in np.histogram(shifts, BINS, (-1, 1))[0]),
        by_id=paired.by_id,
    )


def largest_shifts(
    store: RunStore, paired: PairedScores, threshold: float, kind: str, limit: int, offset: int = 0
) -> tuple[list[Shift], int]:
    """The turns that moved most, a page of them, and how many there are.

    `kind` is `all`, `fell` (went below the threshold) or `rose` (came from below it).
    """
    shifts = np.abs(paired.after - paired.before)
    low, lower = paired.before < threshold, paired.after < threshold
    meant = {"all": np.ones_like(low), "fell": ~low & lower, "rose": low & ~lower}[kind] & ~np.isnan(shifts)
    places = np.flatnonzero(meant)
    chosen = places[np.argsort(-shifts[places], kind="stable")][offset : offset + limit]
    ids = conversation_ids(store, [int(paired.numbers[i]) for i in chosen])
    found = [
        Shift(
            int(paired.numbers[i]),
            ids[int(paired.numbers[i])],
            int(paired.turns[i]),
            float(paired.before[i]),
            float(paired.after[i]),
        )
        for i in chosen
    ]
    return found, len(places)


def _interval(shifts: Floats, place: Numbers) -> tuple[float, float] | None:
    """Turns of one conversation are alike, so conversations are what varies."""
    mean, groups = shifts.mean(), int(place.max()) + 1
    if groups < 2:
        return None
    sums = np.bincount(place, shifts - mean)
    half = 1.96 * math.sqrt(groups / (groups - 1) * float((sums**2).sum())) / len(shifts)
    return float(mean - half), float(mean + half)


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
