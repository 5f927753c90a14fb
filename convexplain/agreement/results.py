"""Results of an agreement: judges and baselines against people, on one rubric."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from convexplain.fidelity import Estimate
from convexplain.text.visible import one_line
from convexplain.types import Judgement, Rubric

from .categories import Confusion
from .escalation_curves import EscalationCurve
from .labels import LabelledTurn
from .pairs import PairAgreement
from .reliability import Bin
from .usefulness import Usefulness


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A turn on which judge and people differ.

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
    """The agreement of one judge, or of a baseline, with people.

    Attributes:
        name: the judge's.
        run: the run of its judgements; None for a baseline.
        n: turns with a label and a score.
        unscored: reasons for missing scores, each with its number of labelled turns, the most frequent first.
        measures: estimates by the measures' names; for a baseline only measures of order.
        confusion, bins: counts at the threshold, and the reliability curve; None and empty for a baseline.
        disagreements: turns with a label and a score, the widest gap first.
        threshold: the judge flags turns below it; None for a baseline.
        usefulness: the use that its scores may be put to; None for a baseline, and without labelled turns.
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
    usefulness: Usefulness | None = None


@dataclass(frozen=True, slots=True)
class JudgeComparison:
    """Two judges compared on the turns that both have scored.

    Attributes:
        first, second: their names.
        differences: the first one's measure less the second one's.
    """

    first: str
    second: str
    differences: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class RubricAgreement:
    """The agreement of judges with people on one rubric.

    Attributes:
        rubric: the rubric.
        turns, dialogues, ratings, raters: the numbers of labelled turns, of their dialogues, of ratings, and of raters
            with a name.
        positive: the rule by which turns count as good for the AUC.
        steps: the levels for kappa.
        alpha: Krippendorff's alpha of the raters.
        ceiling: one rater's correlation with the other raters.
        judges: the judges.
        baselines: length, turn number, and the best constant (people's mean for every turn).
        comparisons: one for each two judges.
        pairs: the share of pairs in which the preferred answer scored higher.
        notes: warnings for the reader.
        escalations: for each two judges, the agreement of a cascade of them; the first one is the cheap one.
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
    comparisons: tuple[JudgeComparison, ...]
    pairs: PairAgreement | None
    notes: tuple[str, ...]
    escalations: tuple[EscalationCurve, ...] = ()


def explain_command(judge: JudgeAgreement, disagreement: Disagreement, rubric: str) -> str:
    """Return the command that explains the score of a judged turn."""
    place = shlex.quote(f"{disagreement.turn.conversation.id}:{disagreement.turn.turn}")
    return one_line(f"convexplain explain {judge.run} --turn {place} --rubric {shlex.quote(rubric)}")
