"""Lists of turns, whose rows lead to the conversation; and of groups, whose rows narrow the page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from convexplain.text.visible import one_line

_PAGES = Path(__file__).parents[1] / "pages"
_LONGEST = 200  # characters of a cell


def open_turn(run: int, conversation: str, number: int, turn: int, rubric: str) -> None:
    """Goes to the page of a conversation, at a turn."""
    place = {"run": str(run), "conversation": conversation, "turn": str(turn), "rubric": rubric, "number": str(number)}
    st.switch_page(_PAGES / "conversation.py", query_params=place)


def cell(text: str | None) -> str:
    """Text from a log as a table can show it."""
    plain = one_line(text or "")
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]} …"


def pick_row(
    key: str, columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, Any], height: Any = "content"
) -> int | None:
    """A table; returns the row that was clicked."""
    said: Any = st.dataframe(
        pd.DataFrame(columns),
        hide_index=True,
        column_config=dict(kinds),
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        height=height,
    )
    rows = said["selection"]["rows"] if said else []
    return rows[0] if rows else None


def group_table(
    key: str, name: str, rows: Sequence[tuple[str, int, float, float]], chosen: Callable[[int], None]
) -> None:
    """Groups with how many turns they have, their mean score and share below; `chosen` is told of a click."""

    def clicked() -> None:
        picked = st.session_state[key]["selection"]["rows"]
        if picked:
            chosen(picked[0])

    st.dataframe(
        pd.DataFrame(
            {
                name: [cell(one) for one, *_ in rows],
                "turns": [n for _, n, *_ in rows],
                "mean": [mean for _, _, mean, _ in rows],
                "below": [100 * share for *_, share in rows],
            }
        ),
        hide_index=True,
        key=key,
        on_select=clicked,
        selection_mode="single-row",
        height="content" if len(rows) <= 7 else 286,
        column_config={
            name: st.column_config.TextColumn(width=200),
            "turns": st.column_config.NumberColumn(format="localized", width=70),
            "mean": st.column_config.NumberColumn(format="%.2f", width=60),
            "below": st.column_config.ProgressColumn("below threshold", format="%.1f %%", min_value=0, max_value=100),
        },
    )
