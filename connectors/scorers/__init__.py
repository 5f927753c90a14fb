"""The models behind the scoring functions, and how a user names a scoring function."""

from collections.abc import Callable

from convexplain.errors import UsageError
from convexplain.judges.scoring import BleuSumm, Contradiction, Preference, ScoringFunction

from .embeddings import SentenceEmbeddings
from .nli import NLI, NLIModel
from .preference import STEAM_SHP, PreferenceModel

__all__ = ["NAMES", "NLIModel", "PreferenceModel", "SentenceEmbeddings", "open_score"]

# What users may write.
NAMES = "contradiction, contradiction:REPO_OR_FOLDER, preference, preference:REPO_OR_FOLDER, bleu-summ"

_WITH_MODEL: dict[str, tuple[Callable[[str], ScoringFunction], str]] = {
    "contradiction": (lambda source: Contradiction(NLIModel(source)), NLI),
    "preference": (lambda source: Preference(PreferenceModel(source)), STEAM_SHP),
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
    word, colon, source = name.partition(":")
    if word in _WITH_MODEL and bool(colon) == bool(source):
        make, default = _WITH_MODEL[word]
        return make(source or default)
    raise UsageError(f"score {name!r} is not known; valid are: {NAMES}")
