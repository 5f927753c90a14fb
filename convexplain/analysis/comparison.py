"""Two runs turn by turn: shifts of scores, turns that changed sides of a threshold, agreement.

Runs without a turn in common are compared by their averages: `convexplain.analysis.averages`.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convexplain.agreement import confusion, kappa, spearman
from convexplain.store import RunStore
from convexplain.store.conversations import turn_excerpts
from convexplain.store.paired_scores import Floats, Numbers, PairedScores, conversation_ids

BINS = 40
"""Equal parts of [-1, 1] in which shifts are counted."""

Direction = Literal["all", "fell", "rose"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The change from one run to another on one maxim.

    Attributes:
        turns: how many both have scored.
        unscored: judged by both, but scored by one at most.
        conversations: how many hold these turns.
        before, after: the mean scores.
        shift: the mean difference, after − before.
        interval: the 95 % interval of the shift (normal, over conversations); None below two conversations.
        fell, rose: turns that went below the threshold, and that rose above it.
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

    def to_dict(self) -> dict[str, Any]:
        """Return every field as a JSON value."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Shift:
    """One turn: its conversation (number and id, in the first run), the index, both scores and both texts."""

    number: int
    conversation: str
    turn: int
    before: float
    after: float
    text_before: str
    text_after: str

    def to_dict(self) -> dict[str, Any]:
        """Return the turn as JSON values, without the store's own number."""
        body = asdict(self)
        return {"conversation_id": body.pop("conversation"), **{name: body[name] for name in body if name != "number"}}


def compare(paired: PairedScores, threshold: float) -> Comparison | None:
    """Return what changed; None where no turn was scored by both."""
    both = ~(np.isnan(paired.before) | np.isnan(paired.after))
    before, after = paired.before[both], paired.after[both]
    if not len(before):
        return None
    shifts = after - before
    sides = confusion(after, before, threshold)
    all_turns = np.ones((1, len(before)))
    _, groups = np.unique(paired.numbers[both], return_inverse=True)
    return Comparison(
        turns=len(before),
        unscored=int((~both).sum()),
        conversations=int(groups.max()) + 1,
        before=float(before.mean()),
        after=float(after.mean()),
        shift=float(shifts.mean()),
        interval=_interval(shifts, groups),
        fell=sides.judge_bad,
        rose=sides.people_bad,
        spearman=_or_none(float(spearman(after, before)(all_turns)[0])),
        kappa=_or_none(
            float(kappa((after < threshold).astype(float), (before < threshold).astype(float))(all_turns)[0])
        ),
        counts=tuple(int(n) for n in np.histogram(shifts, BINS, (-1, 1))[0]),
        by_id=paired.by_id,
    )


def largest_shifts(
    store: RunStore, paired: PairedScores, threshold: float, direction: Direction, limit: int, offset: int = 0
) -> tuple[list[Shift], int]:
    """Return a page of the turns that moved most, and how many there are.

    `direction` is `all`, `fell` (went below the threshold) or `rose` (rose above it).
    """
    shifts = np.abs(paired.after - paired.before)
    low, lower = paired.before < threshold, paired.after < threshold
    chosen = {"all": np.ones_like(low), "fell": ~low & lower, "rose": low & ~lower}[direction] & ~np.isnan(shifts)
    order = _ordered(-shifts, chosen)
    return _shifts(store, paired, order[offset : offset + limit]), len(order)


def shifts_beyond_noise(
    store: RunStore, paired: PairedScores, noise: float, limit: int
) -> tuple[tuple[list[Shift], int], tuple[list[Shift], int]]:
    """Return the turns whose score fell most, and those whose score rose most, each with how many there are.

    Args:
        store: the store.
        paired: the turns.
        noise: only scores that differ by more than this, in [0, 1].
        limit: so many turns in each list at most.
    """
    shifts = paired.after - paired.before
    falls, rises = _ordered(shifts, shifts < -noise), _ordered(-shifts, shifts > noise)
    return (
        (_shifts(store, paired, falls[:limit]), len(falls)),
        (_shifts(store, paired, rises[:limit]), len(rises)),
    )


def difference_noise(first: float, second: float) -> float:
    """Return by how much two judges' scores of one turn may differ by noise alone.

    A noise floor is the 95th percentile of the difference between two judgements of one judge, √2 · 1.96 standard
    deviations of its scores where these are normal; those of two judges differ by √((first² + second²) / 2) then.

    Args:
        first, second: the judges' noise floors, in [0, 1].
    """
    return math.sqrt((first**2 + second**2) / 2)


def _ordered(keys: Floats, chosen: NDArray[np.bool_]) -> Numbers:
    """Positions of the chosen turns, the smallest key first, equal ones in their order."""
    places = np.flatnonzero(chosen)
    return places[np.argsort(keys[places], kind="stable")]


def _shifts(store: RunStore, paired: PairedScores, places: Numbers) -> list[Shift]:
    ids = conversation_ids(store, [int(paired.numbers[i]) for i in places])
    before, after = (
        turn_excerpts(store, [(int(numbers[i]), int(turns[i])) for i in places])
        for numbers, turns in ((paired.numbers, paired.turns), (paired.numbers_after, paired.turns_after))
    )
    return [
        Shift(
            int(paired.numbers[i]),
            ids[int(paired.numbers[i])],
            int(paired.turns[i]),
            float(paired.before[i]),
            float(paired.after[i]),
            text_before,
            text_after,
        )
        for i, text_before, text_after in zip(places, before, after, strict=True)
    ]


def _interval(shifts: Floats, groups: Numbers) -> tuple[float, float] | None:
    """The interval of the mean shift. Turns of one conversation are alike, so conversations are what varies."""
    mean, count = shifts.mean(), int(groups.max()) + 1
    if count < 2:
        return None
    sums = np.bincount(groups, shifts - mean)
    half = 1.96 * math.sqrt(count / (count - 1) * float((sums**2).sum())) / len(shifts)
    return float(mean - half), float(mean + half)


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else number
