"""Tables of turns, whose rows open a conversation, and of groups, whose rows set a filter."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from convexplain.text.visible import one_line

_PAGES = Path(__file__).parents[1] / "pages"
_LONGEST = 200  # characters of a cell


def open_turn(run: int, conversation: str, number: int, turn: int, rubric: str) -> None:
    """Open the page of a conversation at a turn."""
    address = {
        "run": str(run),
        "conversation": conversation,
        "turn": str(turn),
        "rubric": rubric,
        "number": str(number),
    }
    st.switch_page(_PAGES / "conversation.py", query_params=address)


def cell(text: str | None) -> str:
    """Return text from a log in one line, short enough for a table."""
    line = one_line(text or "")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"


def pick_row(
    key: str, columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, Any], height: Any = "content"
) -> int | None:
    """Show a table; return the index of the clicked row."""
    event: Any = st.dataframe(
        pd.DataFrame(columns),
        hide_index=True,
        column_config=dict(kinds),
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        height=height,
    )
    rows = event["selection"]["rows"] if event else []
    return rows[0] if rows else None


def group_table(
    key: str,
    name: str,
    rows: Sequence[tuple[str, int, float, float | None]],
    select: Callable[[int], None],
    trust: Sequence[str] = (),
) -> None:
    """Show groups with their number of turns, mean score and share below; call `select` with a clicked row.

    Args:
        key: of the table, for Streamlit.
        name: heads the groups' names.
        rows: name, number of turns, mean score, and share below the threshold, None where it proves nothing.
        select: is called with the index of a clicked row.
        trust: the word for the trust in each group's scores; empty where all have the same.
    """

    def clicked() -> None:
        clicked_rows = st.session_state[key]["selection"]["rows"]
        if clicked_rows:
            select(clicked_rows[0])

    columns: dict[str, list[Any]] = {
        name: [cell(label) for label, *_ in rows],
        "turns": [n for _, n, *_ in rows],
        "mean": [mean for _, _, mean, _ in rows],
    }
    if any(share is not None for *_, share in rows):
        columns["below"] = [None if share is None else 100 * share for *_, share in rows]
    st.dataframe(
        pd.DataFrame(columns | ({"trust": list(trust)} if trust else {})),
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
