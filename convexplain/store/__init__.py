"""The run store: everything that a run reads, asks and finds, in one database."""

from .attributions import (
    attribution_body,
    attributions,
    keep_attributions,
    known_attributions,
    newest_attributions,
)
from .contrasts import contrast_body, contrasts, keep_contrast, known_contrast
from .importing import Kept, keep_conversations
from .noise import keep_noise_floor, noise_floor
from .ratings import keep_ratings, ratings
from .scored import ScoredTurn, run_rubrics, scored_turns
from .store import Run, RunStore
from .summary import JudgedTurn, MaximSummary, Summary, score_histogram, summarise

__all__ = [
    "JudgedTurn",
    "Kept",
    "MaximSummary",
    "Run",
    "RunStore",
    "ScoredTurn",
    "Summary",
    "attribution_body",
    "attributions",
    "contrast_body",
    "contrasts",
    "keep_attributions",
    "keep_contrast",
    "keep_conversations",
    "keep_noise_floor",
    "keep_ratings",
    "known_attributions",
    "known_contrast",
    "newest_attributions",
    "noise_floor",
    "ratings",
    "run_rubrics",
    "score_histogram",
    "scored_turns",
    "summarise",
]
