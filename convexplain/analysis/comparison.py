"""Two runs turn by turn: shifts of scores, turns that changed sides of a threshold, agreement.

Runs without a turn in common are compared by their averages: `convexplain.analysis.averages`.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convexplain.agreement import confusion, kappa, spearman
from convexplain.store.paired_scores import Floats, Numbers, PairedScores

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
        interval: the 95 % interval of the shift (Student's t, over conversations); None below two conversations.
        fell, rose: turns that went below the threshold, and that rose above it.
        spearman, kappa: agreement of scores, and of the sides of the threshold; None where it is undefined.
        counts: shifts in `BINS` equal parts of [-1, 1].
        by_id: some turns were matched by their conversations' ids.
        by_messages: some were matched by the user's messages in their conversations.
        same_texts: both runs have judged the same texts, so that only their judges can differ.
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
    by_messages: bool = False
    same_texts: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return every field as a JSON value."""
        return asdict(self)


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
        by_messages=paired.by_messages,
        same_texts=paired.same_texts,
    )


def moved_turns(paired: PairedScores, direction: Direction, least: float = 0.0) -> Numbers:
    """Return the positions in `paired` of the turns whose score moved, the largest movement first.

    Args:
        paired: the turns.
        direction: `fell`, `rose`, or `all`.
        least: only scores that differ by more than this, in [0, 1].
    """
    shifts = paired.after - paired.before
    drops = {"fell": -shifts, "rose": shifts, "all": np.abs(shifts)}[direction]
    return _ordered(-drops, drops > least)


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


def _interval(shifts: Floats, groups: Numbers) -> tuple[float, float] | None:
    """The interval of the mean shift. Turns of one conversation are alike, so conversations are what varies."""
    from scipy.stats import t  # type: ignore[import-untyped]  # slow to import

    mean, count = shifts.mean(), int(groups.max()) + 1
    if count < 2:
        return None
    sums = np.bincount(groups, shifts - mean)
    error = math.sqrt(count / (count - 1) * float((sums**2).sum())) / len(shifts)
    half = float(t.ppf(0.975, count - 1)) * error
    return float(mean - half), float(mean + half)


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else number
