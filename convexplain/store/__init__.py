"""The run store: conversations, judgements, explanations, ratings and model calls of all runs, in one database."""

from .answer_scores import AnswerScore, scores_by_answer
from .attributions import (
    attribution_body,
    attributions,
    keep_attributions,
    newest_attributions,
    stored_attributions,
)
from .calibrations import calibration, calibrations, keep_calibration, remove_calibration
from .contrasts import (
    contrast_body,
    contrasts,
    keep_contrast,
    numbered_contrasts,
    stored_contrast,
    turn_contrasts,
)
from .conversation_import import ImportCounts, keep_conversations
from .deletion import DeletedRun, delete_run, discard_run, run_contents
from .judge_agreements import judge_agreement, keep_judge_agreement
from .low_scores import LowScore, LowTurn, low_turn_count, low_turns, scored_turn_count
from .noise_floors import keep_noise_floor, noise_floor
from .ratings import RatedTurn, keep_ratings, keep_turn_rating, noted_ratings, rated_turns, ratings, turn_ratings
from .redaction import (
    RedactionCounts,
    check_no_process,
    delete_replies,
    erase_freed_space,
    redact_conversations,
    redact_texts_of_runs,
)
from .reviews import Review, keep_review, reviews
from .run_list import RunOverview, name_run, run_overviews
from .run_records import Run
from .scored_turns import ScoredTurn, judged_indices, run_rubrics, scored_places, scored_turns, unscored_conversations
from .store import RunStore
from .summary import JudgedTurn, MaximSummary, Summary, UnscoredTurn, explained_turns, score_histogram, summarise

__all__ = [
    "AnswerScore",
    "DeletedRun",
    "ImportCounts",
    "JudgedTurn",
    "LowScore",
    "LowTurn",
    "MaximSummary",
    "RatedTurn",
    "RedactionCounts",
    "Review",
    "Run",
    "RunOverview",
    "RunStore",
    "ScoredTurn",
    "Summary",
    "UnscoredTurn",
    "attribution_body",
    "attributions",
    "calibration",
    "calibrations",
    "check_no_process",
    "contrast_body",
    "contrasts",
    "delete_replies",
    "delete_run",
    "discard_run",
    "erase_freed_space",
    "explained_turns",
    "judge_agreement",
    "judged_indices",
    "keep_attributions",
    "keep_calibration",
    "keep_contrast",
    "keep_conversations",
    "keep_judge_agreement",
    "keep_noise_floor",
    "keep_ratings",
    "keep_review",
    "keep_turn_rating",
    "low_turn_count",
    "low_turns",
    "name_run",
    "newest_attributions",
    "noise_floor",
    "noted_ratings",
    "numbered_contrasts",
    "rated_turns",
    "ratings",
    "redact_conversations",
    "redact_texts_of_runs",
    "remove_calibration",
    "reviews",
    "run_contents",
    "run_overviews",
    "run_rubrics",
    "score_histogram",
    "scored_places",
    "scored_turn_count",
    "scored_turns",
    "scores_by_answer",
    "stored_attributions",
    "stored_contrast",
    "summarise",
    "turn_contrasts",
    "turn_ratings",
    "unscored_conversations",
]
