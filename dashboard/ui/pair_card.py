"""The card of one edit: both turns, what it was measured by, and its review."""

from collections.abc import Mapping, Sequence

import streamlit as st

from convexplain.dashboard.services.pairs import SameEdit, edited_turn, pair_check, save_review
from convexplain.dashboard.services.signs import signed
from convexplain.errors import ConvexplainError
from convexplain.explain.wording import contrast_outcome
from convexplain.report.trust_marks import TrustMark
from convexplain.store import RunStore, run_rubrics
from convexplain.store.contrast_list import ContrastRow, find_contrast
from convexplain.store.reviews import Decision
from convexplain.text.visible import one_line
from convexplain.types import Contrast

from .explanation_panel import show_trade_offs
from .pair_evidence import score_spread, show_gates, show_texts
from .pair_list import select_pair
from .safe_text import lines, message
from .trust_note import trust_note
from .turn_table import open_turn

_DECISIONS = {"accept": "Accepted", "reject": "Rejected", "fix": "Corrected"}


def pair_card(
    store: RunStore, edit: SameEdit, marks: Mapping[str, TrustMark], before: int | None, after: int | None
) -> None:
    """Show the card with its buttons.

    Args:
        store: the store.
        edit: the edit's contrasts.
        marks: the trust in the judge, by maxims.
        before, after: the neighbours' numbers in the list.
    """
    row = edit.first
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for text, target, key in (("Previous", before, "P"), ("Next", after, "N")):
            st.button(
                text, key=f"pair-{key}", shortcut=key, disabled=target is None, on_click=select_pair, args=(target,)
            )
        opens = st.button("Open the conversation", type="tertiary")
    if len(edit.rows) > 1:
        names = {member.number: one_line(member.rubric) for member in edit.rows}
        key = f"pair-maxim-{row.number}"
        number = st.segmented_control("Maxim", list(names), format_func=names.__getitem__, key=key, default=row.number)
        row = next((member for member in edit.rows if member.number == number), row)
    try:
        number, conversation, contrast = find_contrast(store, row.number)
    except ConvexplainError as error:  # deleted in the meantime
        message(str(error), "error")
        return
    if opens:
        open_turn(int(st.query_params["run"]), conversation.id, number, contrast.turn, contrast.rubric)
    by = "edited by a person" if edit.by_person else "edited by a search"
    where = f"{conversation.id}, turn {contrast.turn}, {contrast.rubric}, {by}"
    if not contrast.found:  # the text that it tried last is not worth reading
        lines((where, "soft"), (contrast_outcome(contrast, _threshold(store, contrast)), "body"))
        if contrast.pareto:
            show_trade_offs(conversation, contrast)
        return
    check = pair_check(store, row.number)
    with st.container(border=True):
        spread = score_spread(contrast, check.noise)
        lines((_scores(contrast), "title"), (where, "soft"), *((_sentence(part), "soft") for part in spread))
        trust_note(marks[row.rubric])
        show_texts(conversation, contrast)
        show_gates(check)
        if row.decision is not None:
            leaves = "" if row.decision == "reject" else " It is exported whatever the gates say."
            message(f"{_DECISIONS[row.decision]} by {row.reviewer}.{leaves}", "soft")
    _review(store, edit, row, contrast, after)


def _review(store: RunStore, edit: SameEdit, row: ContrastRow, contrast: Contrast, after: int | None) -> None:
    turn = edited_turn(contrast)
    st.text_input("Your name", key="reviewer", help="Saved with your decision on a pair.", persist_state="session")
    if refusal := st.session_state.pop("pair-refusal", None):
        message(refusal, "error")
    with st.container(horizontal=True, gap="small"):
        steps: tuple[tuple[str, Decision, str], ...] = (("Accept", "accept", "A"), ("Reject", "reject", "X"))
        for text, decision, key in steps:
            st.button(
                text,
                key=f"pair-{decision}",
                type="primary" if decision == "accept" else "secondary",
                shortcut=key,
                on_click=_save,
                args=(store, edit.reviewed_with(row.number, decision), decision, None, after),
            )
    if turn is not None:
        with st.expander("Correct the edit"):
            key = f"fix-{row.number}"
            st.text_area("The edited turn in your words", contrast.turns[turn].content, key=key, height=140)

            def save_text() -> None:
                _save(store, edit.reviewed_with(row.number, "fix"), "fix", st.session_state[key], after)

            st.button("Save my words", key="pair-fix", on_click=save_text)


def _save(store: RunStore, contrasts: Sequence[int], decision: Decision, text: str | None, after: int | None) -> None:
    # Read now: a name may have been typed since the page was drawn, and the click has sent both.
    name = st.session_state["reviewer"]
    try:
        save_review(store, contrasts, name, decision, text)
    except ConvexplainError as error:
        st.session_state["pair-refusal"] = str(error) if name else "Write your name first; it is saved with the review."
    else:
        select_pair(after)


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
