"""The run store: everything that a run reads, asks and finds, in one database."""

from .attributions import (
    attribution_body,
    attributions,
    keep_attributions,
    known_attributions,
    newest_attributions,
)
from .calibrations import calibration, calibrations, keep_calibration, remove_calibration
from .contrasts import (
    contrast_body,
    contrasts,
    keep_contrast,
    known_contrast,
    numbered_contrasts,
    turn_contrasts,
)
from .curves import AnswerScore, scores_by_answer
from .importing import Kept, keep_conversations
from .noise import keep_noise_floor, noise_floor
from .ratings import RatedTurn, keep_ratings, rated_turns, ratings, turn_ratings, unrated_turns
from .reviews import Review, keep_review, reviews
from .scored import ScoredTurn, run_rubrics, scored_places, scored_turns
from .store import Run, RunStore
from .summary import JudgedTurn, MaximSummary, Summary, explained_turns, score_histogram, summarise

__all__ = [
    "AnswerScore",
    "JudgedTurn",
    "Kept",
    "MaximSummary",
    "RatedTurn",
    "Review",
    "Run",
    "RunStore",
    "ScoredTurn",
    "Summary",
    "attribution_body",
    "attributions",
    "calibration",
    "calibrations",
    "contrast_body",
    "contrasts",
    "explained_turns",
    "keep_attributions",
    "keep_calibration",
    "keep_contrast",
    "keep_conversations",
    "keep_noise_floor",
    "keep_ratings",
    "keep_review",
    "known_attributions",
    "known_contrast",
    "newest_attributions",
    "noise_floor",
    "numbered_contrasts",
    "rated_turns",
    "ratings",
    "remove_calibration",
    "reviews",
    "run_rubrics",
    "score_histogram",
    "scored_places",
    "scored_turns",
    "scores_by_answer",
    "summarise",
    "turn_contrasts",
    "turn_ratings",
    "unrated_turns",
]
