"""One contrast: what stands before it, what was edited, and what a reviewer says of it."""

import streamlit as st

from convexplain.dashboard.services.pairs import CONTEXT, edited_turn, review
from convexplain.errors import ConvexplainError
from convexplain.report.explanations import edited_turns
from convexplain.store import RunStore
from convexplain.store.contrast_list import ContrastRow, find_contrast
from convexplain.store.reviews import Decision
from convexplain.types import Contrast

from .looking import diff_html, signed
from .plain import chat, lines, message
from .turn_table import open_turn

_SAID = {"accept": "Accepted", "reject": "Rejected", "fix": "Fixed by hand"}


def pair_card(store: RunStore, row: ContrastRow, before: int | None, after: int | None) -> None:
    """The card with its buttons; `before` and `after` are the neighbours in the list."""
    try:
        number, talk, contrast = find_contrast(store, row.number)
    except ConvexplainError as error:  # deleted in the meantime
        message(str(error), "error")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for text, other, key in (("Previous", before, "P"), ("Next", after, "N")):
            st.button(text, key=f"pair-{key}", shortcut=key, disabled=other is None, on_click=_go, args=(other,))
        if st.button("Open the conversation", type="tertiary"):
            open_turn(int(st.query_params["run"]), talk.id, number, contrast.turn, contrast.rubric)
    with st.container(border=True):
        lines(
            (_scores(contrast), "title"),
            (f"{talk.id}, turn {contrast.turn}, {contrast.rubric}, {contrast.question}", "soft"),
        )
        place = edited_turn(contrast)
        first = max(0, (contrast.turn if place is None else place) - CONTEXT)
        if place is not None and place > first:
            chat(talk.turns[first:place], first=first)
        for edited in edited_turns(talk, contrast):
            st.html(diff_html(f"turn {edited.turn}, {edited.role}, edited", edited.changes))
        if not contrast.edits:
            message("It changes nothing: no edit carried the score over the threshold.", "soft")
        if row.decision is not None:
            message(f"{_SAID[row.decision]} by {row.reviewer}.", "soft")
    _review(store, row, contrast, place, after)


def _review(store: RunStore, row: ContrastRow, contrast: Contrast, place: int | None, after: int | None) -> None:
    name = st.text_input("Your name", key="reviewer", help="Kept with what you say of a pair.", persist_state="session")
    if refused := st.session_state.pop("pair-refused", None):
        message(refused, "error")
    with st.container(horizontal=True, gap="small"):
        for text, decision, key in (("Accept", "accept", "A"), ("Reject", "reject", "X")):
            st.button(
                text,
                key=f"pair-{decision}",
                type="primary" if decision == "accept" else "secondary",
                shortcut=key,
                disabled=not contrast.edits,
                on_click=_say,
                args=(store, row.number, name, decision, None, after),
            )
    if place is not None:
        with st.expander("Fix it by hand"):
            key = f"fix-{row.number}"
            st.text_area("The edited turn in your words", contrast.turns[place].content, key=key, height=140)

            def fix() -> None:
                _say(store, row.number, name, "fix", st.session_state[key], after)

            st.button("Save my words", key="pair-fix", on_click=fix)


def _say(store: RunStore, number: int, name: str, decision: Decision, text: str | None, after: int | None) -> None:
    try:
        review(store, number, name, decision, text)
    except ConvexplainError as error:
        st.session_state["pair-refused"] = str(error) if name else "Write your name first: it is kept with the review."
    else:
        _go(after)


def _go(number: int | None) -> None:
    if number is not None:
        st.session_state["pair"] = number


def _scores(contrast: Contrast) -> str:
    if contrast.score_before is None or contrast.score_after is None:
        return "not scored"
    by = signed(contrast.score_after - contrast.score_before)
    found = "" if contrast.found else "; not far enough"
    scores = f"{contrast.score_before:.2f} → {contrast.score_after:.2f} ({by})"
    return f"{scores}, {contrast.edit_distance} words changed{found}"
