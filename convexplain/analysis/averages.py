"""The averages of two runs as two independent samples, for runs that have scored no turn in common."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from convexplain.agreement.bootstrap import MIN_DIALOGUES, Draws
from convexplain.store.paired_scores import Floats, RunScores


@dataclass(frozen=True, slots=True)
class AverageComparison:
    """The difference of two runs' mean scores on one maxim, where different conversations were judged.

    Attributes:
        turns: how many turns the first and the second run have scored.
        conversations: how many conversations hold these turns, in the first and the second run.
        before, after: the mean scores.
        below_before, below_after: shares of turns below the threshold, in [0, 1].
        shift: the difference of the means, after − before.
        interval: its 95 % bootstrap interval over the conversations of both runs; None where a run has fewer than five.

    The turns of a sample count by how many turns of the logs they stand for. The interval is the same as that of runs
    that judged everything: it holds for other conversations of the same bots too, so a sample of all is still one.
    """

    turns: tuple[int, int]
    conversations: tuple[int, int]
    before: float
    after: float
    below_before: float
    below_after: float
    shift: float
    interval: tuple[float, float] | None

    def to_dict(self) -> dict[str, Any]:
        """Return every field as a JSON value."""
        return asdict(self)


def compare_averages(first: RunScores, second: RunScores, threshold: float, seed: int = 0) -> AverageComparison | None:
    """Return the difference of the averages; None where one of the runs has no score.

    Args:
        first, second: the scores of the runs.
        threshold: scores below it count as low in both runs.
        seed: the same seed gives the same interval.
    """
    first, second = first.scored(), second.scored()
    if not len(first.scores) or not len(second.scores):
        return None
    before, after = (float(np.average(run.scores, weights=run.weights)) for run in (first, second))
    counts = len(np.unique(first.numbers)), len(np.unique(second.numbers))
    interval = None
    if min(counts) >= MIN_DIALOGUES:
        shifts = _drawn_means(second, 2 * seed + 1) - _drawn_means(first, 2 * seed)
        low, high = np.quantile(shifts, (0.025, 0.975))
        interval = float(low), float(high)
    return AverageComparison(
        turns=(len(first.scores), len(second.scores)),
        conversations=counts,
        before=before,
        after=after,
        below_before=float(np.average(first.scores < threshold, weights=first.weights)),
        below_after=float(np.average(second.scores < threshold, weights=second.weights)),
        shift=after - before,
        interval=interval,
    )


def _drawn_means(run: RunScores, seed: int) -> Floats:
    """The mean score of each draw of conversations: all turns of a drawn conversation count."""
    _, groups = np.unique(run.numbers, return_inverse=True)
    sums, turns = np.bincount(groups, run.counts * run.scores), np.bincount(groups, run.counts)
    draws = Draws(range(len(sums)), seed)
    return np.concatenate([(weights @ sums) / (weights @ turns) for weights in draws.weights()])
