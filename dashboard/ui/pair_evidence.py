"""The evidence of an edit as a training pair: the edited and the judged turn, the spread of the scores, the gates."""

import streamlit as st

from convexplain.dashboard.services.pairs import CONTEXT, edited_turn
from convexplain.explain.wording import counted, proof, reading_ease
from convexplain.report.explanations import edited_turns
from convexplain.text.diffs import word_diff
from convexplain.types import Contrast, Conversation
from convexplain.workspace import PairCheck

from .explanation_panel import diff_html
from .safe_text import chat, lines, message


def score_spread(contrast: Contrast, noise: float | None) -> list[str]:
    """Return in words how sure the two scores of a contrast are.

    Args:
        contrast: the contrast.
        noise: the noise floor of the judge on the maxim; None where it was not measured.
    """
    spread = []
    if contrast.score_again is not None and contrast.fresh_draws:
        draws = counted(contrast.fresh_draws, "fresh measurement")
        spread.append(f"after the edit, the mean of {draws} is {contrast.score_again:.2f}")
    elif contrast.score_again is not None:
        spread.append(f"after the edit, measured again: {contrast.score_again:.2f}")
    measured = "was not measured" if noise is None else f"is {noise:.2f}: smaller changes mean nothing"
    return [*spread, f"the noise of the judge {measured}", *proof(contrast)]


def show_texts(conversation: Conversation, contrast: Contrast) -> None:
    """Show the turns before the edit, the edited turn with its word differences, and the judged turn."""
    place = edited_turn(contrast)
    first = max(0, (contrast.turn if place is None else place) - CONTEXT)
    if place is not None and place > first:
        chat(conversation.turns[first:place], first=first)
    for edited in edited_turns(conversation, contrast):
        judged = " and judged" if edited.turn == contrast.turn else ""
        st.html(diff_html(f"turn {edited.turn}, {edited.role}, edited{judged}", edited.changes, reading_ease(contrast)))
    if contrast.turn in {edit.unit.turn for edit in contrast.edits}:
        return
    if place is not None and place + 1 < contrast.turn:
        between = conversation.turns[place + 1 : contrast.turn]
        with st.expander(f"{counted(len(between), 'turn')} between the edit and the judged turn"):
            chat(between, first=place + 1)
    if contrast.question == "regenerate":
        changes = word_diff(contrast.response_before, contrast.response_after)
        st.html(diff_html(f"turn {contrast.turn}, judged, the answer before and after the edit", changes))
    else:
        lines((f"The judged turn {contrast.turn} has the same words; only its score changes:", "soft"))
        chat(conversation.turns[contrast.turn : contrast.turn + 1], judged=contrast.turn, first=contrast.turn)


def show_gates(check: PairCheck) -> None:
    """Show each gate of an unreviewed pair, and why it is not passed."""
    if check.refusal:
        message(f"This edit makes no training pair, whoever accepts it: {check.refusal}.", "soft")
        return
    words = {True: "✓ passed", False: "✗ not passed", None: "· known at the export"}
    passed = sum(gate.passed is True for gate in check.gates)
    gates = (f"{words[gate.passed]}: {gate.name}{f' ({gate.remark})' if gate.remark else ''}" for gate in check.gates)
    lines((f"{passed} of {len(check.gates)} gates passed", "title"), ("\n".join(gates), "soft"))
