"""The card of one contrast: the turns before it, its edits, and its review."""

import streamlit as st

from convexplain.dashboard.services.pairs import CONTEXT, edited_turn, save_review
from convexplain.errors import ConvexplainError
from convexplain.explain.wording import contrast_outcome, proof, reading_ease
from convexplain.report.explanations import edited_turns
from convexplain.report.trust_marks import TrustMark
from convexplain.store import RunStore, run_rubrics
from convexplain.store.contrast_list import ContrastRow, find_contrast
from convexplain.store.reviews import Decision
from convexplain.types import Contrast

from .explanation_panel import diff_html, show_trade_offs, signed
from .safe_text import chat, lines, message
from .trust_note import trust_note
from .turn_table import open_turn

_DECISIONS = {"accept": "Accepted", "reject": "Rejected", "fix": "Corrected"}


def pair_card(store: RunStore, row: ContrastRow, mark: TrustMark, before: int | None, after: int | None) -> None:
    """Show the card with its buttons.

    Args:
        store: the store.
        row: the contrast's row of the list.
        mark: the trust in the judge on its maxim.
        before, after: the neighbours' numbers in the list.
    """
    try:
        number, conversation, contrast = find_contrast(store, row.number)
    except ConvexplainError as error:  # deleted in the meantime
        message(str(error), "error")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for text, target, key in (("Previous", before, "P"), ("Next", after, "N")):
            st.button(text, key=f"pair-{key}", shortcut=key, disabled=target is None, on_click=_go, args=(target,))
        if st.button("Open the conversation", type="tertiary"):
            open_turn(int(st.query_params["run"]), conversation.id, number, contrast.turn, contrast.rubric)
    where = f"{conversation.id}, turn {contrast.turn}, {contrast.rubric}, {contrast.question}"
    if not contrast.found:  # the text that it tried last is not worth reading
        lines((where, "soft"), (contrast_outcome(contrast, _threshold(store, contrast)), "body"))
        if contrast.pareto:
            show_trade_offs(conversation, contrast)
        return
    with st.container(border=True):
        lines((_scores(contrast), "title"), (where, "soft"), *((_sentence(part), "soft") for part in proof(contrast)))
        trust_note(mark)
        edited_index = edited_turn(contrast)
        first = max(0, (contrast.turn if edited_index is None else edited_index) - CONTEXT)
        if edited_index is not None and edited_index > first:
            chat(conversation.turns[first:edited_index], first=first)
        for edited in edited_turns(conversation, contrast):
            name = f"turn {edited.turn}, {edited.role}, edited"
            st.html(diff_html(name, edited.changes, reading_ease(contrast)))
        if row.decision is not None:
            message(f"{_DECISIONS[row.decision]} by {row.reviewer}.", "soft")
    _review(store, row, contrast, edited_index, after)


def _review(store: RunStore, row: ContrastRow, contrast: Contrast, turn: int | None, after: int | None) -> None:
    name = st.text_input(
        "Your name", key="reviewer", help="Saved with your decision on a pair.", persist_state="session"
    )
    if refusal := st.session_state.pop("pair-refusal", None):
        message(refusal, "error")
    with st.container(horizontal=True, gap="small"):
        for text, decision, key in (("Accept", "accept", "A"), ("Reject", "reject", "X")):
            st.button(
                text,
                key=f"pair-{decision}",
                type="primary" if decision == "accept" else "secondary",
                shortcut=key,
                on_click=_save,
                args=(store, row.number, name, decision, None, after),
            )
    if turn is not None:
        with st.expander("Correct the edit"):
            key = f"fix-{row.number}"
            st.text_area("The edited turn in your words", contrast.turns[turn].content, key=key, height=140)

            def save_text() -> None:
                _save(store, row.number, name, "fix", st.session_state[key], after)

            st.button("Save my words", key="pair-fix", on_click=save_text)


def _save(store: RunStore, number: int, name: str, decision: Decision, text: str | None, after: int | None) -> None:
    try:
        save_review(store, number, name, decision, text)
    except ConvexplainError as error:
        st.session_state["pair-refusal"] = str(error) if name else "Write your name first; it is saved with the review."
    else:
        _go(after)


def _go(number: int | None) -> None:
    if number is not None:
        st.session_state["pair"] = number


def _scores(contrast: Contrast) -> str:
    if contrast.score_before is None or contrast.score_after is None:
        return "not scored"
    shift = signed(contrast.score_after - contrast.score_before)
    scores = f"{contrast.score_before:.2f} → {contrast.score_after:.2f} ({shift})"
    return f"{scores}, {contrast.edit_distance} words changed"


def _threshold(store: RunStore, contrast: Contrast) -> float:
    rubrics = run_rubrics(store, int(st.query_params["run"]))
    return next(rubric.threshold for rubric in rubrics if rubric.id == contrast.rubric)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}.".replace("->", "→")
