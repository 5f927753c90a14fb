"""The similarity f of an edited text to the original one: it says which contrast is the smallest (CELL, section 3)."""

from collections.abc import Callable
from typing import Literal, get_args

from convexplain.errors import UsageError
from convexplain.fidelity.responses import bleu, rouge_l

from .protocol import Edits

Similarity = Literal["edits", "bleu", "rouge"]
Distance = Callable[[Edits], float]


def edits_distance(similarity: str, edited: Callable[[Edits], str]) -> Distance | None:
    """Return how far a candidate is from the original text, in [0, 1]; None for `edits`, where edits are counted.

    Args:
        similarity: `edits`; `bleu`: 1 - sentence BLEU of the edited text; or `rouge`: 1 - ROUGE-L's F1.
        edited: returns the text of a candidate; without edits the original one.

    Raises:
        UsageError: there is no such similarity.
        MissingExtraError: sacrebleu is not installed (`bleu`).
    """
    check_similarity(similarity)
    if similarity == "edits":
        return None
    likeness = bleu if similarity == "bleu" else rouge_l
    before = edited(())
    likeness(before, before)  # what is missing is said before anything is asked
    distances: dict[Edits, float] = {}

    def distance(edits: Edits) -> float:
        if edits not in distances:
            distances[edits] = 1 - likeness(before, edited(edits))
        return distances[edits]

    return distance


def check_similarity(similarity: str) -> None:
    """Raise UsageError where there is no such similarity."""
    if similarity not in get_args(Similarity):
        raise UsageError(f"similarity={similarity!r} is not valid; valid are: {', '.join(get_args(Similarity))}")
