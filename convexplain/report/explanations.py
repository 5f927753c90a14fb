"""One explained turn: what its score hangs on, and what would have changed it, as a page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from convexplain.explain.wording import counted
from convexplain.store import RunStore, ScoredTurn, newest_attributions, turn_contrasts
from convexplain.text.diffs import TextChange, shortened, word_diff
from convexplain.types import Attribution, Contrast, Conversation


@dataclass(frozen=True, slots=True)
class EditedTurn:
    """A turn that a contrast edits: its index, whose it is, and its words."""

    turn: int
    role: str
    changes: Sequence[TextChange]


def explanation(store: RunStore, run: int, turn: ScoredTurn) -> tuple[list[Attribution], Contrast | None]:
    """The newest attribution of the judge's score of a turn, one a level, and its newest contrast that was found.

    Where no contrast was found, the newest attempt is given; where nothing was tried, an empty list and None.
    """
    return newest_attributions(store, run, turn), next(iter(turn_contrasts(store, run, turn)), None)


def edited_turns(conversation: Conversation, contrast: Contrast) -> list[EditedTurn]:
    """The turns that a contrast edits, as word diffs; long unchanged passages are left out."""
    found = []
    for turn in sorted({edit.unit.turn for edit in contrast.edits}):
        before = conversation.turns[turn]
        found.append(EditedTurn(turn, before.role, shortened(word_diff(before.content, contrast.turns[turn].content))))
    return found


def attribution_outcome(found: Sequence[Attribution], threshold: float) -> str:
    """What was attributed, in one line."""
    coarsest = found[0]
    calls = counted(sum(one.calls for one in found), "call")
    if coarsest.full is None or coarsest.score is None:
        return f"Not attributed; {calls}"
    without = coarsest.value_of(coarsest.baseline)
    alone = "" if without is None else f", {without:.2f} without any turn before it"
    return f"{coarsest.score:.2f} (threshold {threshold:g}){alone}; {coarsest.method}, {calls}"
