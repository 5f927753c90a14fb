"""The dialogs of labelling: a note about a turn."""

import streamlit as st

from convexplain.dashboard.services.labelling import LabelDesk


@st.dialog("A note about this turn")
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
