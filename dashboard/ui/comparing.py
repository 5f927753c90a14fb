"""The parts of the page that compares two runs."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from convexplain.analysis.comparison import Comparison, Direction, largest_shifts
from convexplain.store import Run, RunStore
from convexplain.store.paired_scores import PairedScores, shared_maxims
from convexplain.text.visible import one_line

from .looking import signed
from .plain import message
from .reading import run_name
from .turn_table import cell, open_turn, pick_row

_PAGE = 12
_KINDS: dict[Direction, str] = {"all": "All", "fell": "Went below", "rose": "Came from below"}


@dataclass(frozen=True, slots=True)
class Shared:
    """A maxim that both runs have judged by; `sha` and `other_sha` are its wordings in the first and the second."""

    rubric: str
    title: str
    sha: str
    other_sha: str
    threshold: float


def choose_two(store: RunStore) -> tuple[Run, Run, Shared] | None:
    """Two runs and a maxim; says what to do where that cannot be."""
    runs = {str(run.id): run for run in store.runs()}
    if len(runs) < 2:
        st.info("It takes two runs to compare: judge the same log with another judge, or another version of the bot.")
        return None
    one, two, three = st.columns(3)
    _start("run", list(runs), list(runs)[1])
    _start("other", list(runs), next(one for one in runs if one != st.session_state["c-run"]))
    with one:
        run = runs[_choose("First run (before)", "run", list(runs), runs)]
    with two:
        other = runs[_choose("Second run (after)", "other", list(runs), runs)]
    maxims = {shared[0]: Shared(*shared) for shared in shared_maxims(store, run.id, other.id)}
    if run.id == other.id:
        st.info("These are the same run. Choose another one on either side.")
        return None
    if not maxims:
        st.info("The two runs have no maxim in common.")
        return None
    _start("rubric", list(maxims), next(iter(maxims)))
    with three:
        key = "c-rubric"
        name = st.selectbox(
            "Maxim",
            list(maxims),
            format_func=lambda one: one_line(maxims[one].title),
            key=key,
            on_change=_told,
            args=("rubric",),
        )
    st.query_params["rubric"] = name
    if maxims[name].sha != maxims[name].other_sha:
        message("The wording of this maxim differs between the two runs.", "error")
    return run, other, maxims[name]


def figures(found: Comparison) -> None:
    """What changed, in numbers."""
    interval = "" if found.interval is None else f" (95 %: {signed(found.interval[0])} to {signed(found.interval[1])})"
    cells = (
        (signed(found.shift), f"mean shift{interval}"),
        (f"{found.before:.2f} → {found.after:.2f}", "mean score"),
        (f"{found.fell:,} ▼", "went below the threshold"),
        (f"{found.rose:,} ▲", "came from below"),
        ("–" if found.spearman is None else f"{found.spearman:.2f}", "Spearman, of the scores"),
        ("–" if found.kappa is None else f"{found.kappa:.2f}", "Cohen’s kappa, of the sides"),
    )
    st.html(
        f'<div class="cx cx-figures">{"".join(f"<div><b>{number}</b>{name}</div>" for number, name in cells)}</div>'
    )
    more = f"; {found.unscored:,} more are unscored in one of them" if found.unscored else ""
    how = " Conversations were matched by their ids." if found.by_id else ""
    message(f"{found.turns:,} turns of {found.conversations:,} conversations, scored by both{more}.{how}", "soft")


def shift_list(store: RunStore, run: int, paired: PairedScores, maxim: Shared) -> None:
    """The turns that moved most; a click opens one."""
    st.subheader("Largest shifts", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        kind = st.segmented_control(
            "Which", list(_KINDS), format_func=lambda one: _KINDS[one], default="all", required=True, key="c-kind",
            label_visibility="collapsed",
        )  # fmt: skip
        _, total = largest_shifts(store, paired, maxim.threshold, kind, 0)
        pages = max(1, -(-total // _PAGE))
        page = st.pagination(pages, key=f"c-page-{kind}-{maxim.rubric}", max_visible_pages=5) if pages > 1 else 1
    found, _ = largest_shifts(store, paired, maxim.threshold, kind, _PAGE, _PAGE * (page - 1))
    if not found:
        st.caption("There is none.")
        return
    columns: dict[str, list[Any]] = {
        "before": [one.before for one in found],
        "after": [one.after for one in found],
        "shift": [one.after - one.before for one in found],
        "turn": [one.turn for one in found],
        "conversation": [cell(one.conversation) for one in found],
    }
    kinds = {name: st.column_config.NumberColumn(format="%.2f", width=65) for name in ("before", "after")}
    kinds["shift"] = st.column_config.NumberColumn(format="%+.2f", width=65)
    picked = pick_row(f"shifts-{page}-{kind}-{maxim.rubric}", columns, kinds)
    st.caption("Click the box before a turn to open it in the first run.")
    if picked is not None:
        one = found[picked]
        open_turn(run, one.conversation, one.number, one.turn, maxim.rubric)


def _start(name: str, valid: list[str], default: str) -> None:
    """Takes what the address names, else what was chosen before, else a default."""
    key, given = f"c-{name}", st.query_params.get(name)
    if given in valid:
        st.session_state[key] = given
    elif st.session_state.get(key) not in valid:
        st.session_state[key] = default


def _choose(label: str, name: str, options: list[str], runs: dict[str, Run]) -> str:
    found = st.selectbox(
        label, options, format_func=lambda one: run_name(runs[one]), key=f"c-{name}", on_change=_told, args=(name,)
    )
    st.query_params[name] = found
    return found


def _told(name: str) -> None:
    st.query_params[name] = st.session_state[f"c-{name}"]
