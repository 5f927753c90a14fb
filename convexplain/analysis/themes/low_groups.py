"""Groups of turns that score low together, though few of them are below a threshold one by one.

A judge's single score is noisy, and the mean of ten turns that do the same is less so. The groups are what replies do,
by their traits, so that each has a name; a group is kept where a test says that its scores are lower than those of
other turns. This is slice discovery with an effect size and a test (Chung et al. 2019, "Slice Finder"), on groups that
are fixed before any score is read.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from statistics import mean

from .naming import leading_kind
from .similarity import failure_text
from .theme import CandidateTurn, LowScores
from .traits import HARMLESS, kind_of, traits_of

LEAST_TEXTS = 3
"""Different replies of a group at least."""
_MOST_SHARE = 0.15  # of the judged turns: what more of them do is no failure mode
_MOST_Q = 0.05
_LEAST_CHANCE = 0.75  # that a reply of the group scores lower than a plain one
_LEAST_NEW = 0.5  # of a group's turns that are in no better group
_SAME = 0.9  # share of a kind's turns from which on a pair with another kind is the same group
_LEAST_VARIANCE = 0.02  # of the chance, so that a chance of 1 in a few texts is not taken as certain
_NO_FAILURES = (
    *HARMLESS,
    "general words",
    "exclaims",
    "words in capital letters",
    "words of refusal",
    "is very short",
)
"""How kinds begin that are tested on no maxim: a refusal may be right, and a short reply too."""


@dataclass(frozen=True, slots=True)
class LowGroup:
    """A group of judged turns that score low together.

    Attributes:
        turns: their indices among the judged turns.
        kinds: what they all do: one kind of trait or two; of groups that were joined what the first of them does.
        scores: how low they score.
    """

    turns: tuple[int, ...]
    kinds: tuple[str, ...]
    scores: LowScores


@dataclass(frozen=True, slots=True)
class _Test:
    kinds: tuple[str, ...]
    turns: frozenset[int]
    rubric: str
    values: Sequence[float]
    plain: float
    chance: float
    p: float

    @property
    def lowest_chance(self) -> float:
        """Return the chance less one standard error: what is sure of it."""
        return self.chance - sqrt(max(self.chance * (1 - self.chance), _LEAST_VARIANCE) / len(self.values))


def low_groups(judged: Sequence[CandidateTurn]) -> list[LowGroup]:
    """Return the groups of turns that do the same and score lower than turns that do nothing of the kind.

    Each kind of trait, and each pair of kinds, is tested on each maxim against the plain turns, which have none of the
    kinds (Mann and Whitney's test, one-sided). One value is the mean score of the turns that say the same: a judge
    repeats its mistake on a sentence that a bot repeats. Kept are groups with q up to 0.05 (Benjamini and Hochberg's
    correction for all groups and maxims) whose replies score lower than a plain one with a chance of 0.75 at least. A
    turn is in the group with the greatest sure chance only. Groups that would have the same name are one.

    Args:
        judged: the judged turns, with those that are not flagged.
    """
    from scipy.stats import false_discovery_control  # type: ignore[import-untyped]  # slow to import

    texts = [failure_text(turn.turn).casefold() for turn in judged]
    holding, of_reply = _kinds(judged)
    rare = {kind: turns for kind, turns in holding.items() if len(turns) <= _MOST_SHARE * len(judged)}
    plain = sorted(set(range(len(judged))).difference(*rare.values()))
    tests = list(_tests(judged, texts, _candidates(holding, texts, len(judged)), plain))
    if not tests:
        return []
    q_values = false_discovery_control([test.p for test in tests])
    low_tests = [(test, float(q)) for test, q in zip(tests, q_values, strict=True) if q <= _MOST_Q]
    parts: dict[str, list[tuple[_Test, float, list[int]]]] = {}
    taken: set[int] = set()
    for test, q in sorted(low_tests, key=lambda pair: (-pair[0].lowest_chance, pair[0].kinds)):
        new = sorted(test.turns - taken)
        distinct = len({texts[i] for i in new})
        if test.chance < _LEAST_CHANCE or len(new) < _LEAST_NEW * len(test.turns) or distinct < LEAST_TEXTS:
            continue
        taken.update(new)
        parts.setdefault(_leading(holding, of_reply, new, len(judged)) or str(new), []).append((test, q, new))
    return [_joined(part, judged, texts, plain) for part in parts.values()]


def _leading(
    holding: Mapping[str, frozenset[int]], of_reply: Collection[str], turns: Sequence[int], judged: int
) -> str:
    """Return the kind that says best what these turns do, as a name says it; empty where none does."""
    counts = {kind: len(having.intersection(turns)) for kind, having in holding.items()}
    others = {kind: len(having) - counts[kind] for kind, having in holding.items()}
    return leading_kind(counts, len(turns), others, judged - len(turns), of_reply)


def _joined(
    parts: Sequence[tuple[_Test, float, Sequence[int]]],
    judged: Sequence[CandidateTurn],
    texts: Sequence[str],
    plain: Sequence[int],
) -> LowGroup:
    """Return groups as one: compared anew on the maxim of the first, with the greatest of their q."""
    first = parts[0][0]
    turns = sorted(i for _, _, new in parts for i in new)
    tested = frozenset().union(*(test.turns for test, _, _ in parts))
    values, compared = (_values(judged, texts, first.rubric, indices) for indices in (tested, plain))
    test = _test(first.kinds, tested, first.rubric, values, compared)
    flagged = sum(judged[i].flagged for i in turns)
    q = max(q for _, q, _ in parts)
    scores = LowScores(test.rubric, flagged, len(test.values), mean(test.values), test.plain, test.chance, q)
    return LowGroup(tuple(turns), first.kinds, scores)


def _kinds(judged: Sequence[CandidateTurn]) -> tuple[dict[str, frozenset[int]], set[str]]:
    """Return which turns have each kind of trait that may be a failure, and the kinds that the reply alone shows."""
    holding: dict[str, set[int]] = {}
    for i, turn in enumerate(judged):
        for kind in {kind_of(trait) for trait in traits_of(turn.turn)}:
            if not kind.startswith(_NO_FAILURES):
                holding.setdefault(kind, set()).add(i)
    of_reply = {kind_of(clause) for turn in judged for clause in turn.turn.clauses}
    return {kind: frozenset(holding[kind]) for kind in sorted(holding)}, of_reply


def _candidates(
    holding: Mapping[str, frozenset[int]], texts: Sequence[str], judged: int
) -> dict[frozenset[int], tuple[str, ...]]:
    """Return the groups that are tested, each with the fewest kinds that all its turns have."""
    named: list[tuple[tuple[str, ...], frozenset[int]]] = [((kind,), turns) for kind, turns in holding.items()]
    for (first, of_first), (second, of_second) in combinations(holding.items(), 2):
        both = of_first & of_second
        if len(both) < _SAME * min(len(of_first), len(of_second)):
            named.append(((first, second), both))
    groups: dict[frozenset[int], tuple[str, ...]] = {}
    for kinds, turns in named:
        if len(turns) <= _MOST_SHARE * judged and len({texts[i] for i in turns}) >= LEAST_TEXTS:
            groups.setdefault(turns, kinds)
    return groups


def _tests(
    judged: Sequence[CandidateTurn],
    texts: Sequence[str],
    groups: Mapping[frozenset[int], tuple[str, ...]],
    plain: Sequence[int],
) -> Iterable[_Test]:
    for rubric in sorted({rubric for turn in judged for rubric in turn.scores}):
        compared = _values(judged, texts, rubric, plain)
        for turns, kinds in groups.items():
            values = _values(judged, texts, rubric, turns)
            if compared and len(values) >= LEAST_TEXTS:
                yield _test(kinds, turns, rubric, values, compared)


def _test(
    kinds: tuple[str, ...], turns: frozenset[int], rubric: str, values: Sequence[float], compared: Sequence[float]
) -> _Test:
    from scipy.stats import mannwhitneyu  # slow to import

    result = mannwhitneyu(values, compared, alternative="less")
    chance = 1 - float(result.statistic) / (len(values) * len(compared))
    return _Test(kinds, turns, rubric, values, mean(compared), chance, float(result.pvalue))


def _values(judged: Sequence[CandidateTurn], texts: Sequence[str], rubric: str, turns: Iterable[int]) -> list[float]:
    """Return the mean score of each different text among turns."""
    scores: dict[str, list[float]] = {}
    for i in sorted(turns):
        if (score := judged[i].scores.get(rubric)) is not None:
            scores.setdefault(texts[i], []).append(score)
    return [mean(values) for values in scores.values()]
