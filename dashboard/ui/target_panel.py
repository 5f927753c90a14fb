"""The explanations of parts of a reply, as a page shows them."""

import streamlit as st

from convexplain.dashboard.services.conversation import ConversationView
from convexplain.report.target_explanations import NO_TARGET_EFFECTS, TargetExplanation, target_explanations
from convexplain.store import RunStore
from convexplain.types import Rubric

from .effect_pairs import show_pictures
from .safe_text import message

_LONGEST = 120  # characters of a part in its heading
_SHOWN = 300  # characters of a text with an effect


def show_targets(store: RunStore, view: ConversationView, turn: int, rubric: Rubric) -> None:
    """Show the parts of the reply that were explained on their own, each folded; nothing where there are none."""
    for explanation in target_explanations(store, view.run, view.scored_turn(turn, rubric)):
        with st.expander("A part of the reply that was explained on its own"):
            _show(explanation)


def _show(explanation: TargetExplanation) -> None:
    message(f"“{_cut(explanation.target, _LONGEST)}”: {explanation.outcome}", "title")
    for effect in explanation.effects:
        message(f"{effect.place}: “{_cut(effect.text, _SHOWN)}” {effect.verb} it ({effect.outcome})")
    if not explanation.effects:
        message(NO_TARGET_EFFECTS)
    show_pictures(explanation.pairs)
    for note in explanation.notes:
        message(f"Note: {note}", "soft")


def _cut(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
