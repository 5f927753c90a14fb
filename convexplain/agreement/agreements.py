"""The agreement of judges with people on one rubric, computed from labelled turns and judgements."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from convexplain.fidelity import Estimate
from convexplain.types import Conversation, Judgement, Rubric

from .bootstrap import MIN_DIALOGUES, Draws, Floats, Statistic
from .categories import confusion
from .escalation_curves import EscalationCurve, escalation_curve
from .labels import LabelledTurn, group_of
from .measures import MEASURES, ScoreTable, rated_levels, undefined_reason
from .pairs import JudgedPair, pair_agreement
from .raters import alpha, ceiling, rating_arrays
from .reliability import reliability
from .results import Disagreement, JudgeAgreement, JudgeComparison, RubricAgreement
from .usefulness import CONSTANT, Usefulness, usefulness

_LENGTH, _PLACE = "length in words", "turn number"
_FEW_TURNS = 30
_FEW_GROUPS = 10
_NO_ALPHA = "no turn has two ratings, or all ratings are the same"
_NO_CEILING = "no rater shares three turns with other raters, or all ratings are the same"

_NamedTable: TypeAlias = tuple[str, ScoreTable]
"""A judge's name and its scores."""


@dataclass(frozen=True, slots=True)
class RubricJudgements:
    """One judge's judgements on one rubric.

    Attributes:
        name: the judge's name.
        run: the run that holds them.
        judgement: returns the judgement of a turn; None if there is none.
        threshold: the judge flags turns below it; None = the rubric's.
    """

    name: str
    run: int | None
    judgement: Callable[[Conversation, int], Judgement | None]
    threshold: float | None = None


def agreement(
    rubric: Rubric,
    turns: Sequence[LabelledTurn],
    judges: Sequence[RubricJudgements],
    *,
    pairs: Sequence[JudgedPair] = (),
    group: Callable[[Conversation], Hashable] = group_of,
    seed: int = 0,
) -> RubricAgreement:
    """Return the agreement of judges with people on one rubric.

    Args:
        rubric: the rubric of judgements and labels.
        turns: the labelled turns, each once.
        judges: the judges.
        pairs: preference pairs, with the judges' scores of both sides.
        group: returns the dialogue of a conversation; the intervals draw whole dialogues.
        seed: the same seed gives the same intervals.
    """
    people = _People(rubric, turns, [group(turn.conversation) for turn in turns], seed)
    judgements = [[judge.judgement(turn.conversation, turn.turn) for turn in turns] for judge in judges]
    tables = [
        (judge.name, replace(people.table(_scores(column)), cut=judge.threshold))
        for judge, column in zip(judges, judgements, strict=True)
    ]
    numbers = turn_baselines(turns)
    agreements = [
        replace(
            _judge_agreement(judge, turns, column, table, people.measures(table)),
            usefulness=people.usefulness(table, numbers) if turns else None,
        )
        for judge, column, (_, table) in zip(judges, judgements, tables, strict=True)
    ]
    baselines = [people.baseline(name, np.array(column)) for name, column in numbers.items()]
    if turns:
        mean = float(people.humans.mean())
        baselines.append(people.baseline(CONSTANT, np.full(len(turns), mean), on_scale=True))
    draws, ratings = Draws(people.groups, seed), rating_arrays([turn.ratings for turn in turns])
    return RubricAgreement(
        rubric=rubric,
        turns=len(turns),
        dialogues=draws.groups,
        ratings=len(ratings.scores),
        raters=int(ratings.raters.max(initial=-1)) + 1,
        positive=people.table(people.humans).good[1],
        steps=people.steps,
        alpha=draws.estimate(alpha(ratings), _NO_ALPHA),
        ceiling=draws.estimate(ceiling(ratings), _NO_CEILING),
        judges=tuple(agreements),
        baselines=tuple(baselines),
        comparisons=tuple(people.comparison(first, second) for first, second in combinations(tables, 2)),
        pairs=pair_agreement(pairs, [judge.name for judge in judges], group, seed) if pairs else None,
        notes=_notes(len(turns), draws.groups, people.humans, agreements, baselines),
        escalations=tuple(people.escalation(cheap, strong) for cheap, strong in combinations(tables, 2)),
    )


def turn_baselines(turns: Sequence[LabelledTurn]) -> dict[str, list[float]]:
    """Return numbers of turns that know nothing of their meaning, by their names: a judge has to order them better."""
    return {_LENGTH: [float(turn.words) for turn in turns], _PLACE: [float(turn.turn) for turn in turns]}


class _People:
    """People's labels of turns, and the measures of scores against them."""

    def __init__(self, rubric: Rubric, turns: Sequence[LabelledTurn], groups: Sequence[Hashable], seed: int) -> None:
        self.groups = groups
        self.humans = np.array([turn.human for turn in turns], dtype=np.float64)
        self.steps = rated_levels(turns)
        self._threshold = rubric.threshold
        self._seed = seed

    def table(self, scores: Floats, on_scale: bool = True) -> ScoreTable:
        """Return the table of scores (one a turn, NaN where one is missing) and labels."""
        return ScoreTable(scores, self.humans, self._threshold, self.steps, on_scale)

    def measures(self, table: ScoreTable) -> dict[str, Estimate]:
        """Return all measures that the table's scores allow, on the turns with a score."""
        rows = np.isfinite(table.scores)
        scored, draws = table.subset(rows), self._draws(rows)
        return {
            measure.name: measure.estimate(scored, draws)
            for measure in MEASURES
            if table.on_scale or not measure.on_scale
        }

    def baseline(self, name: str, numbers: Floats, on_scale: bool = False) -> JudgeAgreement:
        """Return the agreement of numbers that know nothing of the turns' meaning."""
        return JudgeAgreement(name, None, len(numbers), {}, self.measures(self.table(numbers, on_scale)))

    def usefulness(self, table: ScoreTable, baselines: Mapping[str, Sequence[float]]) -> Usefulness:
        """Return the use that a judge's scores may be put to, on the turns with a score."""
        rows = np.isfinite(table.scores)
        scored, numbers = table.subset(rows), {name: np.array(column)[rows] for name, column in baselines.items()}
        groups = [group for group, drawn in zip(self.groups, rows, strict=True) if drawn]
        return usefulness(
            scored.scores, scored.humans, scored.threshold, scored.flags_below, numbers, groups, self._seed
        )

    def comparison(self, first: _NamedTable, second: _NamedTable) -> JudgeComparison:
        """Return the first judge's measures less the second's, on the turns that both have scored."""
        rows = np.isfinite(first[1].scores) & np.isfinite(second[1].scores)
        a, b, draws = first[1].subset(rows), second[1].subset(rows), self._draws(rows)
        differences = {}
        for measure in MEASURES:
            reason = undefined_reason(measure, a) or undefined_reason(measure, b)
            differences[measure.name] = draws.estimate(_difference(measure.statistic(a), measure.statistic(b)), reason)
        return JudgeComparison(first[0], second[0], differences)

    def escalation(self, cheap: _NamedTable, strong: _NamedTable) -> EscalationCurve:
        """Return the escalation curve of a cascade of two judges."""
        names, scores = (cheap[0], strong[0]), (cheap[1].scores, strong[1].scores)
        return escalation_curve(names, *scores, self.humans, cheap[1].flags_below, self.groups, self._seed)

    def _draws(self, rows: NDArray[np.bool_]) -> Draws:
        return Draws([group for group, drawn in zip(self.groups, rows, strict=True) if drawn], self._seed)


def _scores(judgements: Sequence[Judgement | None]) -> Floats:
    """Return the scores, NaN where there is none."""
    scores = (None if judgement is None else judgement.score for judgement in judgements)
    return np.array([np.nan if score is None else score for score in scores], dtype=np.float64)


def _difference(first: Statistic, second: Statistic) -> Statistic:
    return lambda weights: first(weights) - second(weights)


def _judge_agreement(
    judge: RubricJudgements,
    turns: Sequence[LabelledTurn],
    judgements: Sequence[Judgement | None],
    table: ScoreTable,
    measures: Mapping[str, Estimate],
) -> JudgeAgreement:
    scored = table.subset(np.isfinite(table.scores))
    unscored: dict[str, int] = {}
    gaps = []
    for turn, judgement in zip(turns, judgements, strict=True):
        if judgement is None or judgement.score is None:
            reason = (
                "the judge has not judged this turn" if judgement is None else judgement.reason or "no reason given"
            )
            unscored[reason] = unscored.get(reason, 0) + 1
        else:
            gaps.append(Disagreement(turn, judgement, judgement.score - turn.human))
    return JudgeAgreement(
        name=judge.name,
        run=judge.run,
        n=len(scored.scores),
        unscored=dict(sorted(unscored.items(), key=lambda count: -count[1])),
        measures=measures,
        confusion=confusion(scored.scores, scored.humans, scored.threshold, scored.cut),
        bins=reliability(scored.scores, scored.humans),
        disagreements=tuple(sorted(gaps, key=lambda gap: -abs(gap.gap))),
        threshold=table.flags_below,
    )


def _notes(
    turns: int, dialogues: int, humans: Floats, judges: Sequence[JudgeAgreement], baselines: Sequence[JudgeAgreement]
) -> tuple[str, ...]:
    """Return warnings for the reader of the measures."""
    if not turns:
        return ()
    notes = []
    if np.ptp(humans) == 0:
        notes.append("people's mean is the same on every turn: no order can agree with that")
    if turns < _FEW_TURNS:
        notes.append(f"{turns} labelled turns are few: read the intervals, not the numbers")
    if dialogues < MIN_DIALOGUES:
        notes.append(f"with fewer than {MIN_DIALOGUES} dialogues there are no intervals")
    elif dialogues < _FEW_GROUPS:
        notes.append(f"with {dialogues} dialogues the intervals are too narrow")
    for judge in judges:
        if judge.unscored:
            notes.append(f"{judge.name} has no score for {sum(judge.unscored.values())} of {turns} labelled turns")
        judge_order = judge.measures["spearman"].value
        for baseline in baselines:
            order = baseline.measures["spearman"].value
            if judge_order is not None and order is not None and judge_order <= abs(order):
                notes.append(
                    f"{judge.name} orders the turns no better than their {baseline.name} does "
                    f"(Spearman {judge_order:.2f} against {order:+.2f})"
                )
    return tuple(notes)
