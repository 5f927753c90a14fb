"""The turn that a person labels: its text in boxes of a fixed height, and a key for every step."""

from collections.abc import Callable, Iterator, Sequence

import streamlit as st

from convexplain.dashboard.services.labelling import LabelDesk, label_choices
from convexplain.explain.wording import counted, judged_place
from convexplain.types import Rubric, Turn
from convexplain.workspace import TriageTurn

from .label_dialogs import note_dialog, theme_dialog
from .label_progress import show_agreement, show_progress
from .safe_text import chat_html, label_text, message

_CONTEXT = 12  # turns shown before the judged one
_HIDDEN = "The judge’s score stays hidden until you have labelled a turn."


@st.fragment
def label_card(desk: LabelDesk, rubric: Rubric) -> None:
    """Show the turn with its buttons, what was said of the last one, and how far the labels have come."""
    turn = desk.current()
    if turn is None:
        st.success(
            "You have labelled every turn that other people have labelled."
            if desk.second
            else "Every scored turn of this run has a label on this maxim, or you have skipped it. With “Second rater” "
            "you label turns that other people have labelled."
        )
        _steps(desk, ended=True)
        message(desk.outcome(), "soft")
        show_agreement(desk.progress())
        return
    judged = turn.judged
    text_column, label_column = st.columns([3, 2], gap="medium")
    with text_column:
        with st.container(key="label-place"):
            message(judged_place(judged.conversation.id, judged.turn, rubric), "title")
        _text(judged.conversation.turns, judged.turn, rubric)
    with label_column:
        with st.container(horizontal=True, gap="small", key="label-buttons"):
            for i, label in enumerate(label_choices(rubric), 1):
                st.button(
                    label_text(label.name, 40),
                    key=f"label-{i}",
                    type="primary",
                    shortcut=_key(desk, str(i)) if i < 10 else None,
                    on_click=desk.label,
                    args=(label.name,),
                )
        _steps(desk)
        progress = desk.progress()
        with st.container(key="label-outcome", gap="small"):
            message("\n".join((*_own(desk, turn), desk.outcome() or _HIDDEN)), "soft")
            show_agreement(progress)
        message(rubric.requirement)
        message("\n".join(f"{label.name}: {label.criterion}" for label in label_choices(rubric)), "soft")
        show_progress(progress)


def _own(desk: LabelDesk, turn: TriageTurn) -> Iterator[str]:
    """Yield the person's own label of the turn, and the note."""
    if rating := desk.own_label(turn):
        yield f"Your label of this turn: {rating.label or f'{rating.score:.2f}'}."
    if note := desk.note():
        yield f"Your note: {note}"


def _steps(desk: LabelDesk, *, ended: bool = False) -> None:
    """Show the buttons that go back and forth, take back, and write."""

    def step(name: str, key: str, action: Callable[..., None], *args: object, disabled: bool = False) -> None:
        shortcut = _key(desk, key)
        st.button(name, key=f"step-{name}", shortcut=shortcut, disabled=disabled, on_click=action, args=args)

    with st.container(horizontal=True, gap="small", key="label-steps"):
        step("Back", "left", desk.move, -1, disabled=not desk.position)
        if not ended:
            step("Skip", "right", desk.move, 1)
        step("Undo", "U", desk.undo, disabled=not desk.changes)
        if not ended:
            step("Note", "N", desk.open_dialog, "note")
            step("Theme", "T", desk.open_dialog, "theme")
    if desk.dialog and not ended:
        (note_dialog if desk.dialog == "note" else theme_dialog)(desk)


def _key(desk: LabelDesk, key: str) -> str | None:
    """Return the key of a button; None while a dialog is open, whose text may have that letter."""
    return None if desk.dialog else key


def _text(turns: Sequence[Turn], judged: int, rubric: Rubric) -> None:
    """Show what is to be labelled: the turns before it end at the bottom of their box, the reply begins at the top."""
    if rubric.of_conversation:
        st.html(_box(chat_html(turns), "the conversation", "cx-all"))
        return
    first = max(0, judged - _CONTEXT)
    missing = f'<div class="cx-soft">{counted(first, "earlier turn")} not shown.</div>' if first else ""
    before = chat_html(turns[first:judged], first=first) or '<div class="cx-soft">No turn before it.</div>'
    st.html(_box(missing + before, "the turns before it", "cx-before"))
    st.html(_box(chat_html(turns[judged : judged + 1], judged=judged, first=judged), "the turn to label", "cx-judged"))


def _box(html: str, name: str, kind: str) -> str:
    return f'<div class="cx-box {kind}" tabindex="0" role="region" aria-label="{name}"><div>{html}</div></div>'
