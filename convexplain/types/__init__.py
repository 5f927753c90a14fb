"""The words of the domain as small frozen types. Nothing here computes or performs I/O."""

from .attributions import Attribution, AttributionLevel, Interaction
from .canonical_json import sha256_json
from .contrasts import Contrast, Goal, ParetoPoint, Question
from .conversations import ROLES, Conversation, Role, Turn, plain_turn
from .judgements import Evidence, EvidenceKind, Judgement, QuoteCheck, Rating
from .rubrics import Example, Label, Rubric, RubricScope
from .scores import log_odds, probability, score_of
from .units import LEVELS, Edit, Level, Unit

__all__ = [
    "LEVELS",
    "ROLES",
    "Attribution",
    "AttributionLevel",
    "Contrast",
    "Conversation",
    "Edit",
    "Evidence",
    "EvidenceKind",
    "Example",
    "Goal",
    "Interaction",
    "Judgement",
    "Label",
    "Level",
    "ParetoPoint",
    "Question",
    "QuoteCheck",
    "Rating",
    "Role",
    "Rubric",
    "RubricScope",
    "Turn",
    "Unit",
    "log_odds",
    "plain_turn",
    "probability",
    "score_of",
    "sha256_json",
]
