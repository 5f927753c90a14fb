"""Explanations of one turn, in the form that a page shows: attribution lines and edited turns."""

from collections.abc import Sequence
from dataclasses import dataclass

from convexplain.explain.wording import counted
from convexplain.store import RunStore, ScoredTurn, newest_attributions, turn_contrasts
from convexplain.text.diffs import TextChange, shortened, word_diff
from convexplain.types import Attribution, Contrast, Conversation


@dataclass(frozen=True, slots=True)
class EditedTurn:
    """A turn that a contrast edits: its index, its role, and its text as a word difference."""

    turn: int
    role: str
    changes: Sequence[TextChange]


def explanation(store: RunStore, run: int, turn: ScoredTurn) -> tuple[list[Attribution], Contrast | None]:
    """Return a turn's newest attributions, one a level, and its newest contrast.

    If every search was without a contrast, the newest search is returned. Without explanations: an empty list, None.
    """
    return newest_attributions(store, run, turn), next(iter(turn_contrasts(store, run, turn)), None)


def edited_turns(conversation: Conversation, contrast: Contrast) -> list[EditedTurn]:
    """Return the turns that a contrast edits, as word differences without long unchanged passages.

    Of a search that found nothing, none: what it tried last is not worth reading.
    """
    if not contrast.found:
        return []
    edited = []
    for turn in sorted({edit.unit.turn for edit in contrast.edits}):
        before = conversation.turns[turn]
        changes = shortened(word_diff(before.content, contrast.turns[turn].content))
        edited.append(EditedTurn(turn, before.role, changes))
    return edited


def attribution_outcome(levels: Sequence[Attribution], threshold: float) -> str:
    """Return the scores, the method and the cost of a turn's attributions, in one line."""
    coarsest = levels[0]
    calls = counted(sum(attribution.calls for attribution in levels), "call")
    if coarsest.full is None or coarsest.score is None:
        return f"Not attributed; {calls}"
    without = coarsest.value_of(coarsest.baseline)
    alone = "" if without is None else f", {without:.2f} without any turn before it"
    return f"{coarsest.score:.2f} (threshold {threshold:g}){alone}; {coarsest.method}, {calls}"
