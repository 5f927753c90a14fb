"""The agreement of judges with people, each number with its uncertainty over dialogues."""

from .agreements import RubricJudgements, agreement
from .bootstrap import Draws, Statistic
from .categories import Confusion, confusion, kappa, levels, nearest_level, weighted_kappa
from .escalation_curves import EscalationCurve, EscalationPoint, escalation_curve
from .formatting import MARKS, format_estimate, format_share
from .labels import LabelledTurn, PreferenceLabel, dialogue_of, group_of
from .measures import MEASURES, AgreementMeasure, ScoreTable, rated_levels
from .pairs import JudgedPair, PairAgreement, pair_agreement
from .ranks import auc, kendall, partial_spearman, positive_rows, spearman
from .raters import alpha, ceiling, rating_arrays
from .reliability import Bin, bias, brier, ece, equal_mass, reliability
from .results import Disagreement, JudgeAgreement, JudgeComparison, RubricAgreement, explain_command
from .serialization import agreement_body
from .shares import share_estimate
from .usefulness import Use, Usefulness

__all__ = [
    "MARKS",
    "MEASURES",
    "AgreementMeasure",
    "Bin",
    "Confusion",
    "Disagreement",
    "Draws",
    "EscalationCurve",
    "EscalationPoint",
    "JudgeAgreement",
    "JudgeComparison",
    "JudgedPair",
    "LabelledTurn",
    "PairAgreement",
    "PreferenceLabel",
    "RubricAgreement",
    "RubricJudgements",
    "ScoreTable",
    "Statistic",
    "Use",
    "Usefulness",
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
    "explain_command",
    "format_estimate",
    "format_share",
    "group_of",
    "kappa",
    "kendall",
    "levels",
    "nearest_level",
    "pair_agreement",
    "partial_spearman",
    "positive_rows",
    "rated_levels",
    "rating_arrays",
    "reliability",
    "share_estimate",
    "spearman",
    "weighted_kappa",
]
