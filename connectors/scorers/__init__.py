"""The scalarizers and scoring functions, the models behind them, and how users name them."""

from convexplain.connectors.kinds import find_kind
from convexplain.errors import UsageError
from convexplain.judges.scoring import ScoringFunction

from .bartscore import BartScore
from .bertscore import BertScore
from .embeddings import SentenceEmbeddings
from .kind import SCALARIZERS, SCORES, ScalarizerKind, ScoreKind, similarity_kind
from .nli import NLIModel
from .preference import PreferenceModel
from .summary import SummarySimilarity

__all__ = [
    "SCALARIZERS",
    "SCORES",
    "BartScore",
    "BertScore",
    "NLIModel",
    "PreferenceModel",
    "ScalarizerKind",
    "ScoreKind",
    "SentenceEmbeddings",
    "SummarySimilarity",
    "find_scalarizer",
    "find_score",
    "open_score",
    "similarity_kind",
]


def open_score(name: str) -> ScoringFunction:
    """Open the scoring function that a user named; without a model's name with the model of the CELL paper.

    Nothing is loaded before the first score is asked for. That call raises MissingExtraError where torch or
    transformers is not installed, and UnavailableError where the model cannot be had or is none for this score.

    Raises:
        UsageError: no scoring function is named like that, or it is one of a chat model, which has to be opened.
        MissingExtraError: sacrebleu is not installed (`bleu-summ`).
    """
    kind, target = find_score(name)
    if kind.chat_model(target) is not None:
        raise UsageError(f"score {name!r} asks a chat model, which has to be opened first")
    return kind.make(target)


def find_score(name: str) -> tuple[ScoreKind, str]:
    """Return the kind of scoring function that a user named, and its target, as in `contradiction:chat`.

    Raises:
        UsageError: no scoring function is named like that.
    """
    kind, target = find_kind(SCORES, name)
    if kind.make_of_chat is not None and target == "chat=":
        raise UsageError(f"score {name!r} names no model; write {kind.name}:chat=MODEL, or {kind.name}:chat")
    return kind, target


def find_scalarizer(name: str) -> tuple[ScalarizerKind, str]:
    """Return the kind of scalarizer that a user named, and its target, as in `bertscore:REPO_OR_FOLDER`.

    Without a target, a similarity takes the model that its paper or its code uses; `summary` compares the summaries
    with `BartScore` by the same model. Its first value raises MissingExtraError where torch or transformers is not
    installed, and UnavailableError where the model cannot be had or is none for this similarity.

    Raises:
        UsageError: no scalarizer is named like that.
    """
    return find_kind(SCALARIZERS, name)
