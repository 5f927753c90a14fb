"""The turns whose scores moved between two runs: a list, and beside it one of them, text beside text."""

from collections.abc import Mapping, Sequence
from typing import Literal

import streamlit as st

from convexplain.analysis.comparison import Direction
from convexplain.dashboard.services.comparisons import SideTexts, moved_turns, one_turn, side_texts
from convexplain.dashboard.services.signs import signed
from convexplain.store import RunStore, ScoredTurn
from convexplain.text.diffs import TextChange
from convexplain.text.visible import one_line
from convexplain.workspace import ChangedTurn, MaximComparison, RunComparison

from . import address
from .comparison_parts import start
from .list_pages import list_page, show_list_page
from .query_cache import cached_query
from .safe_text import escaped, label_text, message
from .turn_table import open_turn

_PAGE = 10
_LABEL = 150  # characters of a turn in the list
_DIRECTIONS: Mapping[Direction, str] = {"fell": "Fell", "rose": "Rose", "all": "Both"}
Side = Literal["before", "after"]


def show_moved_turns(store: RunStore, comparison: RunComparison, maxim: MaximComparison) -> None:
    """Show the turns of a maxim that fell most, or rose most, and one of them in both runs."""
    runs = comparison.first.id, comparison.second.id
    st.header("Turns that moved by more than the judges’ noise", anchor=False)
    direction = _direction(maxim)
    list_column, turn_column = st.container(key="reversed").columns([2, 3], gap="medium")
    with list_column:
        pages = max(1, -(-_count(maxim, direction) // _PAGE))
        key = f"c-page-{direction}-{maxim.rubric}"
        page = list_page(pages)
        moved = cached_query(store, runs, moved_turns, *runs, maxim.rubric, direction, _PAGE, _PAGE * (page - 1)).turns
        selected = _selected(store, runs, maxim, moved)
        _list(maxim, moved, selected)
        show_list_page(key, page, pages)
    with turn_column:
        if selected is not None:
            _show_turn(comparison, maxim, selected)


def _direction(maxim: MaximComparison) -> Direction:
    start("moved", list(_DIRECTIONS), "fell" if maxim.fell or not maxim.rose else "rose")
    st.segmented_control(
        "Which turns",
        list(_DIRECTIONS),
        format_func=lambda direction: f"{_DIRECTIONS[direction]} ({_count(maxim, direction):,})",
        key="c-moved",
        required=True,
        label_visibility="collapsed",
        on_change=lambda: address.write(moved=st.session_state["c-moved"], number=None, turn=None, page=None),
    )
    direction: Direction = st.session_state["c-moved"]
    return direction


def _count(maxim: MaximComparison, direction: Direction) -> int:
    return {"fell": maxim.fell, "rose": maxim.rose, "all": maxim.fell + maxim.rose}[direction]


def _selected(
    store: RunStore, runs: tuple[int, int], maxim: MaximComparison, moved: Sequence[ChangedTurn]
) -> ChangedTurn | None:
    """Return the turn of the address, else the first of the list."""
    place = tuple(st.query_params.get(part, "") for part in ("number", "turn"))
    if all(part.isascii() and part.isdecimal() and len(part) < 16 for part in place):
        requested = int(place[0]), int(place[1])
        listed = next((turn for turn in moved if (turn.before.number, turn.before.turn) == requested), None)
        turn = listed or one_turn(store, *runs, maxim.rubric, requested)
        if turn is not None:
            return turn
        message("The two runs have not both scored the turn of this address. Another turn is shown.", "error")
    return moved[0] if moved else None


def _list(maxim: MaximComparison, moved: Sequence[ChangedTurn], selected: ChangedTurn | None) -> None:
    if not moved:
        st.caption("There is no such turn.")
    with st.container(key="moved-turns", gap="xxsmall"):
        for turn in moved:
            is_selected = selected is not None and turn.before == selected.before
            scores = f"{turn.before.score:.2f} → {turn.after.score:.2f}"
            text = label_text(turn.headline or turn.text_after, _LABEL)
            st.button(
                f"**▸ {scores}  {text}**" if is_selected else f"{scores}  {text}",
                key=f"c-turn-{maxim.rubric}-{turn.before.number}-{turn.before.turn}",
                type="tertiary",
                help=label_text(f"{turn.before.conversation.id}, turn {turn.before.turn}"),
                on_click=address.write,
                kwargs={"number": str(turn.before.number), "turn": str(turn.before.turn)},
            )


def _show_turn(comparison: RunComparison, maxim: MaximComparison, turn: ChangedTurn) -> None:
    texts = side_texts(turn)
    place = one_line(f"{turn.before.conversation.id}, turn {turn.before.turn}")
    moved = _unscored(comparison, turn) if turn.shift is None else signed(turn.shift)
    unexplained = "" if turn.shift is None else "; the lower score has not been explained yet"
    headline = turn.headline or f"{moved} on {maxim.rubric}{unexplained}."
    same_question = texts.question == texts.question_after
    question = _quote("user", texts.question) if same_question and texts.question else ""
    st.html(
        f'<div class="cx cx-finding"><p class="cx-headline">{escaped(headline)}</p>'
        f'<div class="cx-soft">{escaped(place)} · {escaped(maxim.rubric)} {moved}</div>{question}</div>'
    )
    columns = st.columns(2, gap="small")
    sides: Sequence[tuple[Side, ScoredTurn, int]] = (
        ("before", turn.before, comparison.first.id),
        ("after", turn.after, comparison.second.id),
    )
    for column, (side, scored, run) in zip(columns, sides, strict=True):
        with column:
            st.html(_side(maxim, texts, side, scored, run, same_question=same_question))
            if st.button(f"Open in run {run}", key=f"c-open-{side}"):
                open_turn(run, scored.conversation.id, scored.number, scored.turn, maxim.rubric)
    if turn.text_before == turn.text_after:
        message("The texts are the same.", "soft")


def _unscored(comparison: RunComparison, turn: ChangedTurn) -> str:
    """Return in which of the runs a turn has no score."""
    sides = ((comparison.first, turn.before), (comparison.second, turn.after))
    return f"unscored in run {' and in run '.join(str(run.id) for run, scored in sides if scored.score is None)}"


def _side(
    maxim: MaximComparison, texts: SideTexts, side: Side, scored: ScoredTurn, run: int, *, same_question: bool
) -> str:
    mark = maxim.marks[0 if side == "before" else 1]
    tone = {"grey": " grey", "low": " low"}.get(mark.tone(scored.score, maxim.threshold), "")
    low = " ▼" if mark.is_low(scored.score, maxim.threshold) else ""
    name = "First run" if side == "before" else "Second run"
    changes, question = (texts.reply, texts.question) if side == "before" else (texts.reply_after, texts.question_after)
    user_message = "" if same_question or not question else _quote("user", question)
    about = "Judge’s reason" if scored.score is not None else "No score, because"
    reason = f'<div class="cx-soft">{about}: {escaped(scored.reason, 600)}</div>' if scored.reason else ""
    score = "unscored" if scored.score is None else f"{scored.score:.2f}"
    return (
        f'<div class="cx"><b>{name}</b> <span class="cx-soft">· run {run}</span> '
        f'<span class="cx-chip{tone}">{score}{low} · {escaped(mark.word)}</span>{user_message}'
        f'<div class="cx-turn"><div class="cx-text">{_reply(changes, marked=texts.marked)}</div></div>{reason}</div>'
    )


def _quote(who: str, text: str) -> str:
    return (
        f'<div class="cx-turn user"><div class="cx-head"><span class="who">{who}</span></div>'
        f'<div class="cx-text">{escaped(text, 1500)}</div></div>'
    )


def _reply(changes: Sequence[TextChange], *, marked: bool) -> str:
    tags = {"removed": ('<del class="cx-gone">', "</del>"), "added": ('<ins class="cx-come">', "</ins>")}
    parts = []
    for change in changes:
        begin, end = tags.get(change.kind, ("", "")) if marked else ("", "")
        parts.append(f"{begin}{escaped(change.text)}{end}")
    return "".join(parts)
