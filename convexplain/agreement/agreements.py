"""How far judges agree with people on one rubric: everything that is said of it, computed."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from convexplain.fidelity import Estimate
from convexplain.types import Conversation, Judgement, Rubric

from .bootstrap import FEWEST, Draws, Floats, Statistic
from .escalation import EscalationCurve, escalation_curve
from .pairs import JudgedPair, PairAgreement, pair_agreement
from .raters import alpha, ceiling, ratings_of
from .reliability import Bin, reliability
from .sides import Confusion, confusion
from .tables import MEASURES, LabelledTurn, Table, group_of, steps_of, undefined

LENGTH, PLACE = "length in words", "turn number"
_FEW_TURNS = 30
_FEW_GROUPS = 10


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A turn that judge and people see differently.

    Attributes:
        turn: the turn with its ratings.
        judgement: the judge's.
        gap: score less people's mean, in [-1, 1].
    """

    turn: LabelledTurn
    judgement: Judgement
    gap: float


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """How far one judge, or a baseline, agrees with people.

    Attributes:
        name: the judge's.
        run: the run that holds its judgements; None of a baseline.
        n: turns with a label and a score.
        unscored: labelled turns that the judge has no score for, and why, the most frequent reason first.
        measures: one a measure, by its name; of a baseline those of an order only.
        confusion, bins: at the threshold, and the reliability curve; None and empty of a baseline.
        disagreements: turns that both have scored, the widest gap first.
        threshold: it flags turns below it; None of a baseline.
    """

    name: str
    run: int | None
    n: int
    unscored: Mapping[str, int]
    measures: Mapping[str, Estimate]
    confusion: Confusion | None = None
    bins: tuple[Bin, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two judges on the turns that both have scored.

    Attributes:
        first, second: their names.
        differences: the first one's measure less the second one's.
    """

    first: str
    second: str
    differences: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class RubricAgreement:
    """How far judges agree with people on one rubric.

    Attributes:
        rubric: the rubric.
        turns, dialogues, ratings, raters: how many were labelled, in how many dialogues, by how many ratings of how
            many known raters.
        positive: by which rule turns count as good for the AUC.
        steps: the levels for kappa.
        alpha: Krippendorff's alpha of the raters.
        ceiling: one rater's correlation with the others.
        judges: the judges.
        baselines: length and turn number.
        comparisons: each two judges.
        pairs: of pairs, how often the preferred one scored higher.
        notes: what a reader should know.
        escalations: for each two judges, what a cascade of them would reach; the one named first is the cheap one.
    """

    rubric: Rubric
    turns: int
    dialogues: int
    ratings: int
    raters: int
    positive: str
    steps: tuple[float, ...]
    alpha: Estimate
    ceiling: Estimate
    judges: tuple[JudgeAgreement, ...]
    baselines: tuple[JudgeAgreement, ...]
    comparisons: tuple[Comparison, ...]
    pairs: PairAgreement | None
    notes: tuple[str, ...]
    escalations: tuple[EscalationCurve, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """One judge's judgements on one rubric.

    Attributes:
        name: what to call the judge.
        run: the run that holds them.
        of: the judgement of a turn; None where there is none.
        threshold: it flags turns below it; None = below the rubric's.
    """

    name: str
    run: int | None
    of: Callable[[Conversation, int], Judgement | None]
    threshold: float | None = None


def agreement(
    rubric: Rubric,
    turns: Sequence[LabelledTurn],
    judges: Sequence[Judged],
    *,
    pairs: Sequence[JudgedPair] = (),
    group: Callable[[Conversation], Hashable] = group_of,
    seed: int = 0,
) -> RubricAgreement:
    """Holds judges against people.

    Args:
        rubric: what was judged and labelled.
        turns: the labelled turns, each once.
        judges: the judges.
        pairs: pairs of which one was preferred, with what the judges say of both.
        group: what turns are drawn together with, for the intervals.
        seed: the same seed gives the same intervals.
    """
    people = _People(rubric, turns, [group(turn.conversation) for turn in turns], seed)
    found = [[judge.of(turn.conversation, turn.turn) for turn in turns] for judge in judges]
    tables = [
        replace(people.table(_scores(judgements)), cut=judge.threshold)
        for judge, judgements in zip(judges, found, strict=True)
    ]
    agreements = [
        _judge(judge, turns, judgements, table, people.measured(table))
        for judge, judgements, table in zip(judges, found, tables, strict=True)
    ]
    baselines = [
        people.baseline(LENGTH, [turn.words for turn in turns]),
        people.baseline(PLACE, [turn.turn for turn in turns]),
    ]
    draws, ratings = Draws(people.groups, seed), ratings_of([turn.ratings for turn in turns])
    return RubricAgreement(
        rubric=rubric,
        turns=len(turns),
        dialogues=draws.groups,
        ratings=len(ratings.scores),
        raters=int(ratings.raters.max(initial=-1)) + 1,
        positive=people.table(people.humans).good[1],
        steps=people.steps,
        alpha=draws.estimate(alpha(ratings), "no turn has two ratings, or all ratings are the same"),
        ceiling=draws.estimate(ceiling(ratings), "no rater shares three turns with others, or all say the same"),
        judges=tuple(agreements),
        baselines=tuple(baselines),
        comparisons=tuple(
            Comparison(judges[i].name, judges[j].name, people.differences(tables[i], tables[j]))
            for i, j in combinations(range(len(judges)), 2)
        ),
        pairs=pair_agreement(pairs, [judge.name for judge in judges], group, seed) if pairs else None,
        notes=_notes(len(turns), draws.groups, people.humans, agreements, baselines),
        escalations=tuple(
            escalation_curve(
                (judges[i].name, judges[j].name),
                tables[i].scores,
                tables[j].scores,
                people.humans,
                tables[i].flags_below,
                people.groups,
                seed,
            )
            for i, j in combinations(range(len(judges)), 2)
        ),
    )


class _People:
    """What people said, and how numbers are held against it."""

    def __init__(self, rubric: Rubric, turns: Sequence[LabelledTurn], groups: Sequence[Hashable], seed: int) -> None:
        self.groups = groups
        self.humans = np.array([turn.human for turn in turns], dtype=np.float64)
        self.steps = steps_of(turns)
        self._threshold = rubric.threshold
        self._seed = seed

    def table(self, scores: Floats, on_scale: bool = True) -> Table:
        """Numbers, one a turn, NaN where one is missing."""
        return Table(scores, self.humans, self._threshold, self.steps, on_scale)

    def measured(self, table: Table) -> dict[str, Estimate]:
        """All measures that the table's numbers allow, on the turns that have one."""
        rows = np.isfinite(table.scores)
        some, draws = table.among(rows), self._draws(rows)
        return {
            measure.name: draws.estimate(measure.of(some), undefined(measure, some))
            for measure in MEASURES
            if table.on_scale or not measure.on_scale
        }

    def baseline(self, name: str, values: Sequence[int]) -> JudgeAgreement:
        """What an order that knows nothing of the maxim reaches."""
        table = self.table(np.array(values, dtype=np.float64), on_scale=False)
        return JudgeAgreement(name, None, len(values), {}, self.measured(table))

    def differences(self, one: Table, other: Table) -> dict[str, Estimate]:
        """The first one's measures less the second one's, on the turns that both have scored, drawn together."""
        rows = np.isfinite(one.scores) & np.isfinite(other.scores)
        first, second, draws = one.among(rows), other.among(rows), self._draws(rows)
        found = {}
        for measure in MEASURES:
            reason = undefined(measure, first) or undefined(measure, second)
            found[measure.name] = draws.estimate(_less(measure.of(first), measure.of(second)), reason)
        return found

    def _draws(self, rows: NDArray[np.bool_]) -> Draws:
        return Draws([group for group, drawn in zip(self.groups, rows, strict=True) if drawn], self._seed)


def _scores(judgements: Sequence[Judgement | None]) -> Floats:
    """NaN where there is no score."""
    return np.array([np.nan if one is None or one.score is None else one.score for one in judgements], dtype=np.float64)


def _less(one: Statistic, other: Statistic) -> Statistic:
    return lambda weights: one(weights) - other(weights)


def _judge(
    judge: Judged,
    turns: Sequence[LabelledTurn],
    judgements: Sequence[Judgement | None],
    table: Table,
    measures: Mapping[str, Estimate],
) -> JudgeAgreement:
    known = table.among(np.isfinite(table.scores))
    unscored: dict[str, int] = {}
    gaps = []
    for turn, judgement in zip(turns, judgements, strict=True):
        if judgement is None or judgement.score is None:
            reason = "it has not judged this turn" if judgement is None else judgement.reason or "no reason given"
            unscored[reason] = unscored.get(reason, 0) + 1
        else:
            gaps.append(Disagreement(turn, judgement, judgement.score - turn.human))
    return JudgeAgreement(
        name=judge.name,
        run=judge.run,
        n=len(known.scores),
        unscored=dict(sorted(unscored.items(), key=lambda item: -item[1])),
        measures=measures,
        confusion=confusion(known.scores, known.humans, known.threshold, known.cut),
        bins=reliability(known.scores, known.humans),
        disagreements=tuple(sorted(gaps, key=lambda gap: -abs(gap.gap))),
        threshold=table.flags_below,
    )


def _notes(
    turns: int, dialogues: int, humans: Floats, judges: Sequence[JudgeAgreement], baselines: Sequence[JudgeAgreement]
) -> tuple[str, ...]:
    """What a reader should know before believing a number."""
    if not turns:
        return ()
    notes = []
    if np.ptp(humans) == 0:
        notes.append("people's mean is the same on every turn: no order can agree with that")
    if turns < _FEW_TURNS:
        notes.append(f"{turns} labelled turns are few: read the intervals, not the numbers")
    if dialogues < FEWEST:
        notes.append(f"with fewer than {FEWEST} dialogues there are no intervals")
    elif dialogues < _FEW_GROUPS:
        notes.append(f"with {dialogues} dialogues the intervals are too narrow")
    for judge in judges:
        if judge.unscored:
            notes.append(f"{judge.name} has no score for {sum(judge.unscored.values())} of {turns} labelled turns")
        mine = judge.measures["spearman"].value
        for baseline in baselines:
            theirs = baseline.measures["spearman"].value
            if mine is not None and theirs is not None and mine <= abs(theirs):
                notes.append(
                    f"{judge.name} orders the turns no better than their {baseline.name} does "
                    f"(Spearman {mine:.2f} against {theirs:+.2f})"
                )
    return tuple(notes)
