"""Groups of turns whose mean score differs from that of the other turns by more than chance."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convexplain.agreement.bootstrap import MIN_DIALOGUES
from convexplain.store.paired_scores import Floats
from convexplain.store.score_sums import ScoreSums, depth_name
from convexplain.store.turn_scores import ConversationGroup

GroupField = Literal["source", "bot", "day", "depth"]

_MOST_Q = 0.05
_LEAST_DIFFERENCE = 0.05  # of mean scores: among very many turns chance is ruled out for differences of no importance


@dataclass(frozen=True, slots=True)
class MeanScore:
    """A mean score with its 95 % interval over conversations, None below five conversations."""

    value: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class GroupDifference:
    """A group of turns that scores otherwise than the remaining turns of the run.

    Attributes:
        rubric: the maxim's id.
        field: `source`, `bot`, `day` (on which the conversation began) or `depth` (indices of turns).
        value: the group: a name, a day as `2026-11-02`, or turns as `4–7`.
        turns, conversations: the number of scored turns in it, and of their conversations.
        mean, mean_elsewhere: mean scores in it and outside it, in [0, 1].
        below, below_elsewhere: the shares of turns below the threshold in it and outside it, in [0, 1].
        interval: the 95 % interval of mean − mean_elsewhere.
        q: the p-value of the difference after Benjamini and Hochberg's correction for all groups and maxims.
    """

    rubric: str
    field: GroupField
    value: str
    turns: int
    conversations: int
    mean: float
    mean_elsewhere: float
    below: float
    below_elsewhere: float
    interval: tuple[float, float]
    q: float

    @property
    def difference(self) -> float:
        """Return by how much its mean score is above that of the remaining turns."""
        return self.mean - self.mean_elsewhere


def mean_score(sums: ScoreSums) -> MeanScore | None:
    """Return the mean score of all turns; None where none has a score. Turns of one conversation are alike."""
    if not len(sums.numbers):
        return None
    mean = float(sums.totals.sum() / sums.counts.sum())
    _, conversations = np.unique(sums.numbers, return_inverse=True)
    residuals = np.bincount(conversations, sums.totals - mean * sums.counts) / sums.counts.sum()
    if len(residuals) < MIN_DIALOGUES:
        return MeanScore(mean, None)
    half = _quantile(len(residuals) - 1) * _error(residuals)
    return MeanScore(mean, (max(0.0, mean - half), min(1.0, mean + half)))


def group_differences(
    sums: Mapping[str, ScoreSums], groups: Mapping[int, ConversationGroup], flat: frozenset[str] = frozenset()
) -> list[GroupDifference]:
    """Return the groups of turns that differ beyond chance, the lowest against the remaining turns first.

    Each group of at least five conversations, with five outside of it, is held against the remaining turns: the
    difference of the means, with conversations as what varies, by Student's t. The p-values of all groups and maxims
    are corrected together by Benjamini and Hochberg's procedure. Returned are those with q up to 0.05 whose means
    differ by at least 0.05.

    Args:
        sums: of the run's scores, by the maxims' ids.
        groups: of the run's conversations, by their numbers in the store.
        flat: ids of maxims that judge whole conversations: their turns have no depth.
    """
    from scipy.stats import false_discovery_control  # type: ignore[import-untyped]  # slow to import

    differences: list[GroupDifference] = []
    p_values: list[float] = []
    for rubric, scores in sums.items():
        _, conversations = np.unique(scores.numbers, return_inverse=True)
        for field, names in _names(scores, groups, with_depth=rubric not in flat).items():
            codes = {name: code for code, name in enumerate(sorted(set(names)))}
            rows = np.array([codes[name] for name in names])
            for name in codes:
                tested = _difference(rubric, field, name, scores, conversations, rows == codes[name]) if name else None
                if tested is not None:
                    differences.append(tested[0])
                    p_values.append(tested[1])
    q_values = false_discovery_control(p_values) if p_values else []
    told_apart = [
        replace(difference, q=float(q))
        for difference, q in zip(differences, q_values, strict=True)
        if q <= _MOST_Q and abs(difference.difference) >= _LEAST_DIFFERENCE
    ]
    return sorted(told_apart, key=lambda difference: difference.difference)


def _names(
    scores: ScoreSums, groups: Mapping[int, ConversationGroup], *, with_depth: bool
) -> dict[GroupField, list[str]]:
    """Return for each field the name of each row's group; empty where the row has none."""
    of_rows = [groups.get(number) for number in scores.numbers.tolist()]
    names: dict[GroupField, list[str]] = {
        "source": [group.source if group else "" for group in of_rows],
        "bot": [group.bot if group else "" for group in of_rows],
        "day": [group.began_at.date().isoformat() if group and group.began_at else "" for group in of_rows],
    }
    if with_depth:
        names["depth"] = [depth_name(depth) for depth in scores.depths.tolist()]
    return names


def _difference(
    rubric: str,
    field: GroupField,
    name: str,
    scores: ScoreSums,
    conversations: NDArray[np.intp],
    inside: NDArray[np.bool_],
) -> tuple[GroupDifference, float] | None:
    """Return a group against the remaining turns with its p-value; None where either is too small."""
    sizes = [int(np.count_nonzero(np.bincount(conversations[side]))) for side in (inside, ~inside)]
    if min(sizes) < MIN_DIALOGUES:
        return None
    (mean, low, part), (mean_elsewhere, low_elsewhere, part_elsewhere) = (
        _side(scores, conversations, side) for side in (inside, ~inside)
    )
    difference, error, freedom = mean - mean_elsewhere, _error(part - part_elsewhere), min(sizes) - 1
    half = _quantile(freedom) * error
    result = GroupDifference(
        rubric=rubric,
        field=field,
        value=name,
        turns=int(scores.counts[inside].sum()),
        conversations=sizes[0],
        mean=mean,
        mean_elsewhere=mean_elsewhere,
        below=low,
        below_elsewhere=low_elsewhere,
        interval=(difference - half, difference + half),
        q=1.0,
    )
    return result, _p_value(difference, error, freedom)


def _side(scores: ScoreSums, conversations: NDArray[np.intp], side: NDArray[np.bool_]) -> tuple[float, float, Floats]:
    """Return the mean score of some rows, their share below, and what each conversation adds to the mean's error."""
    counts, totals = scores.counts[side], scores.totals[side]
    n = counts.sum()
    mean = float(totals.sum() / n)
    width = int(conversations.max()) + 1
    parts = np.bincount(conversations[side], totals - mean * counts, minlength=width) / n
    return mean, float(scores.below[side].sum() / n), parts


def _error(parts: Floats) -> float:
    """Return the standard error of a statistic that is a sum of parts, one a conversation."""
    n = len(parts)
    return sqrt(n / (n - 1) * float((parts**2).sum()))


def _quantile(freedom: int) -> float:
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # takes long to import

    return float(stdtrit(freedom, 0.975))


def _p_value(difference: float, error: float, freedom: int) -> float:
    from scipy.special import stdtr

    if error <= 0:
        return 0.0 if difference else 1.0
    return float(2 * stdtr(freedom, -abs(difference) / error))
