"""The overview's list of turns: each with the sentence that says why, a link, and where it is."""

import random
from pathlib import Path

import streamlit as st

from convexplain.dashboard.services.overview import ListedTurn, listed_turns
from convexplain.explain.wording import counted
from convexplain.report.trust_marks import TrustMark
from convexplain.store import RunStore, run_rubrics
from convexplain.store.judgement_filters import JudgementFilters
from convexplain.store.overview import FilterChoices, TurnOrder, distribution, turn_rows
from convexplain.text.visible import one_line

from . import address
from .filters import bot_name, filter_form, lists_unscored, show_unscored, source_name
from .list_pages import list_page, show_list_page
from .query_cache import cached_query
from .run_selection import RunSelection
from .safe_text import escaped, label_text
from .story_parts import turn_address
from .turn_table import open_turn

_PAGES = Path(__file__).parents[1] / "pages"
_PAGE = 20
_ORDERS: dict[TurnOrder, str] = {
    "lowest": "lowest score first",
    "highest": "highest score first",
    "log": "in the order of the log",
}
_NAME = 80  # characters of a conversation's id, a source's or a bot's name


def turn_list(store: RunStore, which: JudgementFilters, available: FilterChoices, selection: RunSelection) -> None:
    """Show the filters, and one page of the turns that pass them, the lowest score first."""
    st.header(f"Turns on {one_line(selection.maxim.title)}", anchor=False)
    filter_form(which, available)
    scores, unscored = cached_query(store, which.run, distribution, which), lists_unscored()
    total = scores.unscored if unscored else scores.scored
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(counted(total, "turn") + " without a score" * unscored, width="content")
        order = "lowest" if unscored else _order()
        if total > 1:
            tip = "Opens one of these turns by chance."
            if st.button("A random turn", type="tertiary", icon=":material/casino:", help=tip):
                _open_random(store, which, selection, total, unscored=unscored)
        if not unscored and scores.unscored:
            st.button(f"{scores.unscored:,} unscored", type="tertiary", on_click=show_unscored)
    if not total:
        st.info("No judged turn matches the filters. Remove a filter.")
        return
    pages = -(-total // _PAGE)
    page = list_page(pages)
    rubrics = cached_query(store, which.run, run_rubrics, which.run)
    rubric = next(rubric for rubric in rubrics if rubric.sha == which.rubric)
    turns = listed_turns(store, rubric, which, _PAGE, _PAGE * (page - 1), unscored=unscored, order=order)
    for i, turn in enumerate(turns):
        _turn(turn, i, which, selection, of_several=len(available.sources) > 1)
    show_list_page("turns-page", page, pages)


def _order() -> TurnOrder:
    """Show the order of the list, which lives in the address, and return it."""
    requested = st.query_params.get("order")
    current: TurnOrder = next((order for order in _ORDERS if order == requested), "lowest")
    st.session_state["turns-order"] = current

    def changed() -> None:
        selected = st.session_state["turns-order"]
        address.write(order=None if selected == "lowest" else selected, page=None)

    st.selectbox(
        "Order of the turns",
        list(_ORDERS),
        format_func=lambda order: _ORDERS[order],
        key="turns-order",
        label_visibility="collapsed",
        width=190,
        on_change=changed,
    )
    return current


def _open_random(
    store: RunStore, which: JudgementFilters, selection: RunSelection, total: int, *, unscored: bool
) -> None:
    """Open one of the listed turns; each has the same chance."""
    for row in turn_rows(store, which, 1, random.randrange(total), unscored=unscored):  # noqa: S311 - no secret
        open_turn(which.run, row.conversation, row.number, row.turn, selection.maxim.rubric)


def _turn(turn: ListedTurn, i: int, which: JudgementFilters, selection: RunSelection, *, of_several: bool) -> None:
    row, mark = turn.row, selection.mark
    place = "whole conversation" if turn.whole_conversation else f"turn {row.turn}"
    source = [source_name(row.source)] if of_several else []
    names = [row.conversation, *source, *([bot_name(row.bot)] if row.bot else [])]
    where = " · ".join([place, *(escaped(one_line(name), _NAME) for name in names), *_explanations(turn)])
    with st.container(key=f"cxlink-turn-{i}", gap=None):
        st.page_link(
            _PAGES / "conversation.py",
            label=label_text(turn.headline or f"“{turn.words}”"),
            query_params=turn_address(which.run, selection.maxim.rubric, row.conversation, row.number, row.turn),
        )
        words = f"“{escaped(turn.words)}” " if turn.headline and not turn.whole_conversation else ""
        st.html(f'<div class="cx cx-soft">{_chip(row.score, mark, which.threshold)}{words}{where}</div>')


def _chip(score: float | None, mark: TrustMark, threshold: float) -> str:
    tone = mark.tone(score, threshold)
    kind = {"grey": " grey", "low": " low"}.get(tone, "")
    words = "no score" if score is None else f"{score:.2f}"
    return f'<span class="cx-chip{kind}">{words}{" ▼" if tone == "low" else ""} · {escaped(mark.word)}</span>'


def _explanations(turn: ListedTurn) -> list[str]:
    kinds = (("attribution", turn.row.attributed), ("contrast", turn.row.contrasted))
    names = [name for name, exists in kinds if exists]
    return [f"explained: {' and '.join(names)}"] if names else []
