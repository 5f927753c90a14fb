"""How far a judge agrees with people, each number with its uncertainty over dialogues."""

from .agreements import (
    Comparison,
    Disagreement,
    JudgeAgreement,
    Judged,
    RubricAgreement,
    agreement,
)
from .bodies import agreement_body
from .bootstrap import Draws, Statistic
from .escalation import Escalated, EscalationCurve, escalation_curve
from .pairs import JudgedPair, PairAgreement, pair_agreement
from .ranks import auc, halves, kendall, partial_spearman, spearman
from .raters import alpha, ceiling, ratings_of
from .reliability import Bin, bias, brier, ece, equal_mass, reliability
from .sides import Confusion, confusion, kappa, levels, nearest, weighted_kappa
from .tables import MEASURES, LabelledTurn, Measure, Table, dialogue_of, group_of, steps_of
from .wording import MARKS, explain_line, number

__all__ = [
    "MARKS",
    "MEASURES",
    "Bin",
    "Comparison",
    "Confusion",
    "Disagreement",
    "Draws",
    "Escalated",
    "EscalationCurve",
    "JudgeAgreement",
    "Judged",
    "JudgedPair",
    "LabelledTurn",
    "Measure",
    "PairAgreement",
    "RubricAgreement",
    "Statistic",
    "Table",
    "agreement",
    "agreement_body",
    "alpha",
    "auc",
    "bias",
    "brier",
    "ceiling",
    "confusion",
    "dialogue_of",
    "ece",
    "equal_mass",
    "escalation_curve",
    "explain_line",
    "group_of",
    "halves",
    "kappa",
    "kendall",
    "levels",
    "nearest",
    "number",
    "pair_agreement",
    "partial_spearman",
    "ratings_of",
    "reliability",
    "spearman",
    "steps_of",
    "weighted_kappa",
]
