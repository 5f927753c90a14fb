"""The run store: everything that a run reads, asks and finds, in one database."""

from .contrasts import (
    ScoredTurn,
    contrast_body,
    contrasts,
    keep_contrast,
    keep_noise_floor,
    known_contrast,
    noise_floor,
    run_rubrics,
    scored_turns,
)
from .store import Run, RunStore
from .summary import JudgedTurn, MaximSummary, Summary, score_histogram, summarise

__all__ = [
    "JudgedTurn",
    "MaximSummary",
    "Run",
    "RunStore",
    "ScoredTurn",
    "Summary",
    "contrast_body",
    "contrasts",
    "keep_contrast",
    "keep_noise_floor",
    "known_contrast",
    "noise_floor",
    "run_rubrics",
    "score_histogram",
    "scored_turns",
    "summarise",
]
