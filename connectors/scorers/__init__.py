"""The models behind scoring functions and similarities, and how a user names them."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from convexplain.errors import UsageError
from convexplain.judges.scoring import BleuSumm, Contradiction, Preference, ScoringFunction
from convexplain.judges.similarity import NLILogOdds, Similarity

from .embeddings import SentenceEmbeddings
from .nli import NLI, NLIModel
from .preference import STEAM_SHP, PreferenceModel
from .similarity import BART, ROBERTA, BartScore, BertScore, SummarySimilarity

__all__ = [
    "NAMES",
    "SIMILARITIES",
    "BartScore",
    "BertScore",
    "NLIModel",
    "PreferenceModel",
    "SentenceEmbeddings",
    "SummarySimilarity",
    "open_score",
    "open_similarity",
]

T = TypeVar("T")

# What users may write.
NAMES = "contradiction, contradiction:REPO_OR_FOLDER, preference, preference:REPO_OR_FOLDER, bleu-summ"
SIMILARITIES = "bertscore, bartscore, summary, nli; each also with :REPO_OR_FOLDER behind it"

_WITH_MODEL: dict[str, tuple[Callable[[str], ScoringFunction], str]] = {
    "contradiction": (lambda source: Contradiction(NLIModel(source)), NLI),
    "preference": (lambda source: Preference(PreferenceModel(source)), STEAM_SHP),
}
_SIMILARITIES: dict[str, tuple[Callable[[str], Similarity], str]] = {
    "bertscore": (BertScore, ROBERTA),
    "bartscore": (BartScore, BART),
    "summary": (SummarySimilarity, BART),
    "nli": (lambda source: NLILogOdds(NLIModel(source, "nli")), NLI),
}


def open_score(name: str) -> ScoringFunction:
    """The scoring function that a user named; without a model's name with the model of the CELL paper.

    Nothing is loaded before the first score is asked for. That call raises MissingExtraError where torch or
    transformers is not installed, and UnavailableError where the model cannot be had or is none for this score.

    Raises:
        UsageError: no scoring function is named like that.
        MissingExtraError: sacrebleu is not installed (`bleu-summ`).
    """
    if name == "bleu-summ":
        return BleuSumm()
    if (made := _made(name, _WITH_MODEL)) is not None:
        return made
    raise UsageError(f"score {name!r} is not known; valid are: {NAMES}")


def open_similarity(name: str) -> Similarity:
    """The similarity that a user named; without a model's name with the one that its paper or its code uses.

    `summary` compares the summaries with `BartScore` by the same model. Nothing is loaded before the first comparison.
    That raises MissingExtraError where torch or transformers is not installed, and UnavailableError where the model
    cannot be had or is none for this similarity.

    Raises:
        UsageError: no similarity is named like that.
    """
    if (made := _made(name, _SIMILARITIES)) is not None:
        return made
    raise UsageError(f"similarity {name!r} is not known; valid are: {SIMILARITIES}")


def _made(name: str, known: Mapping[str, tuple[Callable[[str], T], str]]) -> T | None:
    word, colon, source = name.partition(":")
    if word not in known or bool(colon) != bool(source):
        return None
    make, default = known[word]
    return make(source or default)
