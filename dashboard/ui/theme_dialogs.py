"""The dialogs of a theme: turns that leave it, and the draft of its rubric."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from convexplain.dashboard.services.rubric_files import save_rubric
from convexplain.dashboard.services.themes import rubric_draft, split, turns_of
from convexplain.errors import RubricError, UsageError
from convexplain.store import RunStore
from convexplain.workspace import RunTheme

from .safe_text import message
from .turn_table import cell

_PAGES = Path(__file__).parents[1] / "pages"


@st.dialog("Split a theme", width="large")
def split_dialog(store: RunStore, theme: RunTheme) -> None:
    """Show the turns of a theme; those that a person selects become a theme of their own."""
    turns = turns_of(store, theme.number)
    st.caption("Select the turns that fail in another way. They become a theme of their own.")
    event: Any = st.dataframe(
        pd.DataFrame(
            {
                "conversation": [cell(turn.judged.conversation.id) for turn in turns],
                "turn": [turn.judged.turn for turn in turns],
                "why": [cell(turn.headline) for turn in turns],
                "reply": [cell(turn.reply) for turn in turns],
            }
        ),
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        key=f"theme-turns-{theme.number}",
    )
    rows = event["selection"]["rows"] if event else []
    name = st.text_input("Name of the new theme", placeholder="its distinctive phrases", max_chars=80)
    if st.button(f"Move {len(rows)} of {len(turns)} turns", type="primary", disabled=not 0 < len(rows) < len(turns)):
        places = [(turns[row].judged.number, turns[row].judged.turn) for row in rows]
        if refusal := split(store, theme.number, places, name):
            message(refusal, "error")
        else:
            st.rerun()


@st.dialog("A theme as a rubric", width="large")
def rubric_dialog(store: RunStore, number: int) -> None:
    """Show the draft of a theme's rubric, to download or to edit."""
    draft, refusal = rubric_draft(store, number)
    if refusal:
        message(refusal, "error")
        return
    st.caption("The examples are text of the log. Read and correct the draft before a judge uses it.")
    st.code(draft, language="yaml", height=360, wrap_lines=True)
    with st.container(horizontal=True):
        st.download_button("Download", draft, file_name=f"theme-{number}.yaml", mime="application/yaml")
        if st.button("Save and edit it on the page Rubrics", type="primary"):
            try:
                path = save_rubric(draft)
            except (RubricError, UsageError) as error:
                message(str(error), "error")
            else:
                st.session_state["rubric"] = str(path)
                st.switch_page(_PAGES / "rubrics.py")
