"""Groups of turns whose mean score differs from that of the other turns by more than chance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convexplain.agreement.bootstrap import MIN_DIALOGUES
from convexplain.store.paired_scores import Floats
from convexplain.store.score_sums import ScoreSums, depth_name
from convexplain.store.turn_scores import ConversationGroup

GroupField = Literal["source", "bot", "day", "depth"]

_MOST_Q = 0.05
_LEAST_DIFFERENCE = 0.05  # of mean scores: among very many turns chance is ruled out for differences of no importance

_UNKNOWN = ConversationGroup("", "", None)


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

    tests = [
        test
        for rubric, scores in sums.items()
        if len(scores.numbers)
        for cells in _fields(scores, groups, with_depth=rubric not in flat)
        for test in _tests(rubric, cells)
    ]
    q_values = false_discovery_control([p for _, p in tests]) if tests else []
    differences = [replace(difference, q=float(q)) for (difference, _), q in zip(tests, q_values, strict=True)]
    clear = (group for group in differences if group.q <= _MOST_Q and abs(group.difference) >= _LEAST_DIFFERENCE)
    return sorted(clear, key=lambda difference: difference.difference)


@dataclass(frozen=True, slots=True)
class _Cells:
    """The scores of a run in cells, one for each conversation and group of a field.

    Attributes:
        field: the field.
        names: the group of each cell; empty where it has none.
        turns: the number of the cell's turns.
        counts, totals, below: of the cell's turns, as they count for the logs in a sample.
        all_counts, all_totals: those of the cell's whole conversation.
        conversation_counts, conversation_totals: those of all conversations.
    """

    field: GroupField
    names: Sequence[str]
    turns: Floats
    counts: Floats
    totals: Floats
    below: Floats
    all_counts: Floats
    all_totals: Floats
    conversation_counts: Floats
    conversation_totals: Floats


def _fields(scores: ScoreSums, groups: Mapping[int, ConversationGroup], *, with_depth: bool) -> Iterator[_Cells]:
    """Yield the cells of each field."""
    numbers, rows = np.unique(scores.numbers, return_inverse=True)
    turns = _sums(rows, scores.counts)
    columns = scores.weighted(scores.counts), scores.weighted(scores.totals), scores.weighted(scores.below)
    counts, totals, below = (_sums(rows, column) for column in columns)
    of_conversations = [groups.get(number, _UNKNOWN) for number in numbers.tolist()]
    names: dict[GroupField, list[str]] = {
        "source": [group.source for group in of_conversations],
        "bot": [group.bot for group in of_conversations],
        "day": [group.began_at.date().isoformat() if group.began_at else "" for group in of_conversations],
    }
    for field, column in names.items():
        yield _Cells(field, column, turns, counts, totals, below, counts, totals, counts, totals)
    if with_depth:
        depths = [depth_name(depth) for depth in scores.depths.tolist()]
        yield _Cells("depth", depths, scores.counts, *columns, counts[rows], totals[rows], counts, totals)


def _tests(rubric: str, cells: _Cells) -> Iterator[tuple[GroupDifference, float]]:
    """Yield each group of a field against the remaining turns, with its p-value; those that are too small are left out.

    The error of the difference is that of a sum of one part for each conversation: what its turns in the group add to
    the error of the group's mean, less what its remaining turns add to the error of theirs.
    """
    names, codes = np.unique(np.array(cells.names, dtype=str), return_inverse=True)
    n, total = cells.conversation_counts.sum(), cells.conversation_totals.sum()
    conversations = len(cells.conversation_counts)
    inside, totals, below = (_sums(codes, column) for column in (cells.counts, cells.totals, cells.below))
    turns = _sums(codes, cells.turns)
    sizes = np.bincount(codes)
    sizes_elsewhere = conversations - _sums(codes, cells.counts == cells.all_counts).astype(np.intp)
    tested = (sizes >= MIN_DIALOGUES) & (sizes_elsewhere >= MIN_DIALOGUES) & (names != "")
    outside = np.where(tested, n - inside, 1)  # 1: not divided by where nothing is outside
    means, means_elsewhere = totals / inside, (total - totals) / outside
    squares = np.maximum(_squares(cells, codes, means, means_elsewhere, inside, outside), 0)
    errors = np.sqrt(conversations / max(conversations - 1, 1) * squares)
    for i in np.flatnonzero(tested):
        freedom = int(min(sizes[i], sizes_elsewhere[i])) - 1
        difference, half = float(means[i] - means_elsewhere[i]), _quantile(freedom) * float(errors[i])
        result = GroupDifference(
            rubric=rubric,
            field=cells.field,
            value=str(names[i]),
            turns=int(turns[i]),
            conversations=int(sizes[i]),
            mean=float(means[i]),
            mean_elsewhere=float(means_elsewhere[i]),
            below=float(below[i] / inside[i]),
            below_elsewhere=float((cells.below.sum() - below[i]) / outside[i]),
            interval=(difference - half, difference + half),
            q=1.0,
        )
        yield result, _p_value(difference, float(errors[i]), freedom)


def _squares(
    cells: _Cells, codes: NDArray[np.intp], means: Floats, means_elsewhere: Floats, inside: Floats, outside: Floats
) -> Floats:
    """Return for each group the sum of the squared parts of all conversations."""
    counts, totals = cells.conversation_counts, cells.conversation_totals
    mean, mean_elsewhere = means[codes], means_elsewhere[codes]
    part = (cells.totals - mean * cells.counts) / inside[codes]
    remaining = (cells.all_totals - cells.totals) - mean_elsewhere * (cells.all_counts - cells.counts)
    squares = _sums(codes, (part - remaining / outside[codes]) ** 2)
    of_all = (totals**2).sum() - 2 * means_elsewhere * (totals * counts).sum() + means_elsewhere**2 * (counts**2).sum()
    of_cells = _sums(codes, (cells.all_totals - mean_elsewhere * cells.all_counts) ** 2)
    return np.asarray(squares + (of_all - of_cells) / outside**2)


def _sums(groups: NDArray[np.intp], column: NDArray[Any]) -> Floats:
    """Return the sum of a column for each group."""
    return np.bincount(groups, column).astype(np.float64)


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
