"""The dialogs of labelling: a note about a turn, and the theme that it belongs to."""

import streamlit as st

from convexplain.dashboard.services.labelling import LabelDesk

from .safe_text import label_text, message


def _close() -> None:
    # A dismissed dialog runs only the card again, which would else go on without its keys.
    for desk in st.session_state.get("label-desks", {}).values():
        desk.dialog = ""


@st.dialog("A note about this turn", on_dismiss=_close)
def note_dialog(desk: LabelDesk) -> None:
    """Show the field for a note; it is kept with the label."""
    with st.form("note-form", border=False):
        text = st.text_area(
            "What is wrong or right with it? Themes use notes.", desk.note(), height=120, max_chars=2000
        )
        if st.form_submit_button("Save", type="primary"):
            desk.write_note(text)
            st.rerun()
    st.caption("`Ctrl+Enter` saves it, `Esc` leaves it as it was.")


@st.dialog("The theme of this turn", on_dismiss=_close)
def theme_dialog(desk: LabelDesk) -> None:
    """Show the themes of the run; the chosen one gets the turn."""
    themes = desk.themes()
    if not themes:
        st.info("This run has no themes yet. Find them on the page “Themes”, or with `convexplain themes`.")
        return
    names, current = list(themes), desk.theme()
    with st.form("theme-form", border=False):
        chosen = st.selectbox(
            "Theme",
            names,
            index=None if current is None else names.index(current),
            format_func=lambda number: label_text(themes[number], 100),
            placeholder="Choose a theme",
        )
        if st.form_submit_button("Save", type="primary") and chosen is not None:
            if refusal := desk.add_to_theme(chosen):
                message(refusal, "error")
            else:
                st.rerun()
