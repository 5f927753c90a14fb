"""Every use case once; the only place where rubrics, judges, models, readers and the store are put together."""

from convexplain.connectors.editors import EDITORS
from convexplain.connectors.infillers import INFILLERS
from convexplain.connectors.kinds import usages
from convexplain.connectors.labels import LabelSettings
from convexplain.connectors.models import MODELS, ScriptedModel
from convexplain.connectors.phrase_parsers import PHRASES as PHRASE_NAMES
from convexplain.connectors.scorers import SCALARIZERS, SCORES
from convexplain.judges.check import CHECK_CALLS
from convexplain.judges.prompt import judge_request
from convexplain.judges.reference.measures import JudgeBenchmark, MaximBenchmark
from convexplain.judges.reference.reference_set import HALVES, Half
from convexplain.judges.spec import BAND, JudgeOption, JudgeOptions, JudgeSpec, judge_options

from .background import BackgroundJudge
from .calibrations import FittedCalibration, StoredCalibrations
from .changed_turns import ChangedTurn, ChangedTurns
from .cluster import Cluster
from .comparisons import MaximComparison, RunComparison
from .connections import ConnectionEntry
from .distillation_results import Distillation, DistillationPlan, DistilledHead
from .explanations import ExplainedTurn, ExplainedTurns
from .exports import Exported
from .fidelity import Fidelity, FidelitySettings
from .heads import TrainedHead
from .installation import Installation, InstallationCheck
from .judge_arguments import JudgeLike
from .judge_defaults import DefaultJudge, default_judge
from .logs import LogSettings
from .methods.base import MEMORY, default_database
from .noise import NoiseFloor, NoiseFloors
from .pair_checks import PairCheck
from .prompt_contrasts import PromptContrast
from .prompt_files import PromptCase
from .prompt_tables import PromptContrasts
from .results import AnalyzedRun, Finding, Judgements, Runs
from .tasks import AttributionTask, ContrastTask, ShortTask
from .theme_results import RunTheme, RunThemes, ThemeTurn
from .thresholds import COMPARISONS, check_threshold, threshold_remark
from .triage import LabelProgress, TriageQueue, TriageTurn
from .trust import Trust
from .turn_explanation import Explanation
from .validation import Validation, ValidationPlan
from .what_if import ScoreChange, WhatIf
from .workspace import AsyncWorkspace, Workspace

EDITOR_NAMES = usages(EDITORS.built_in.values())
INFILLER_NAMES = usages(INFILLERS.built_in.values())
SCALARIZER_NAMES = usages(SCALARIZERS.built_in.values())
SCORE_NAMES = usages(SCORES.built_in.values())

__all__ = [
    "BAND",
    "CHECK_CALLS",
    "COMPARISONS",
    "EDITOR_NAMES",
    "HALVES",
    "INFILLER_NAMES",
    "MEMORY",
    "MODELS",
    "PHRASE_NAMES",
    "SCALARIZER_NAMES",
    "SCORE_NAMES",
    "AnalyzedRun",
    "AsyncWorkspace",
    "AttributionTask",
    "BackgroundJudge",
    "ChangedTurn",
    "ChangedTurns",
    "Cluster",
    "ConnectionEntry",
    "ContrastTask",
    "DefaultJudge",
    "Distillation",
    "DistillationPlan",
    "DistilledHead",
    "ExplainedTurn",
    "ExplainedTurns",
    "Explanation",
    "Exported",
    "Fidelity",
    "FidelitySettings",
    "Finding",
    "FittedCalibration",
    "Half",
    "Installation",
    "InstallationCheck",
    "JudgeBenchmark",
    "JudgeLike",
    "JudgeOption",
    "JudgeOptions",
    "JudgeSpec",
    "Judgements",
    "LabelProgress",
    "LabelSettings",
    "LogSettings",
    "MaximBenchmark",
    "MaximComparison",
    "NoiseFloor",
    "NoiseFloors",
    "PairCheck",
    "PromptCase",
    "PromptContrast",
    "PromptContrasts",
    "RunComparison",
    "RunTheme",
    "RunThemes",
    "Runs",
    "ScoreChange",
    "ScriptedModel",
    "ShortTask",
    "StoredCalibrations",
    "ThemeTurn",
    "TrainedHead",
    "TriageQueue",
    "TriageTurn",
    "Trust",
    "Validation",
    "ValidationPlan",
    "WhatIf",
    "Workspace",
    "check_threshold",
    "default_database",
    "default_judge",
    "judge_options",
    "judge_request",
    "threshold_remark",
]
