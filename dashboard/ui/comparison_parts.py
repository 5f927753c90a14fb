"""The parts of the page that compares two runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from convexplain.analysis.averages import AverageComparison
from convexplain.analysis.comparison import Comparison, Direction, largest_shifts
from convexplain.dashboard.services.trust import run_marks
from convexplain.report.trust_marks import TrustMark
from convexplain.store import Run, RunStore
from convexplain.store.paired_scores import PairedScores, shared_maxims
from convexplain.text.visible import one_line

from .explanation_panel import signed
from .run_selection import run_name
from .safe_text import message
from .trust_note import trust_note
from .turn_table import cell, open_turn, pick_row

_PAGE = 12
_DIRECTIONS: dict[Direction, str] = {"all": "All", "fell": "Fell below the threshold", "rose": "Rose above it"}


@dataclass(frozen=True, slots=True)
class SharedMaxim:
    """A maxim of both runs, in the wordings `sha` and `second_sha`, with the trust in the judges of both."""

    rubric: str
    title: str
    sha: str
    second_sha: str
    threshold: float
    marks: tuple[TrustMark, TrustMark]

    @property
    def flags(self) -> bool:
        """Return whether the scores of both runs may be held against the threshold."""
        return all(mark.flags for mark in self.marks)


def select_runs(store: RunStore) -> tuple[Run, Run, SharedMaxim] | None:
    """Return two runs and a maxim of both; where that is impossible, say what to do and return None."""
    runs = {str(run.id): run for run in store.runs()}
    if len(runs) < 2:
        st.info(
            "A comparison needs two runs. Judge the same log with another judge, or the log of another bot version."
        )
        return None
    left_column, middle_column, right_column = st.columns(3)
    _start("run", list(runs), list(runs)[1])
    _start("other", list(runs), next(run for run in runs if run != st.session_state["c-run"]))
    with left_column:
        first = runs[_select("First run (before)", "run", list(runs), runs)]
    with middle_column:
        second = runs[_select("Second run (after)", "other", list(runs), runs)]
    marks, later = run_marks(store, first), run_marks(store, second)
    maxims = {
        shared[0]: SharedMaxim(*shared, (marks[shared[0]], later[shared[0]]))
        for shared in shared_maxims(store, first.id, second.id)
    }
    if first.id == second.id:
        st.info("Both sides are the same run. Choose another run on one side.")
        return None
    if not maxims:
        st.info("The two runs have no maxim in common.")
        return None
    _start("rubric", list(maxims), next(iter(maxims)))
    with right_column:
        key = "c-rubric"
        name = st.selectbox(
            "Maxim",
            list(maxims),
            format_func=lambda rubric: one_line(maxims[rubric].title),
            key=key,
            on_change=_write_address,
            args=("rubric",),
        )
    st.query_params["rubric"] = name
    if maxims[name].sha != maxims[name].second_sha:
        message("The wording of this maxim differs between the two runs.", "error")
    trust_note(*maxims[name].marks, names=("First run", "Second run"))
    return first, second, maxims[name]


def comparison_figures(comparison: Comparison, *, flags: bool) -> None:
    """Show the numbers of a comparison; those about the threshold only where scores may be held against it."""
    cells = [
        (signed(comparison.shift), f"mean shift{_interval(comparison.interval)}"),
        (f"{comparison.before:.2f} → {comparison.after:.2f}", "mean score"),
        ("–" if comparison.spearman is None else f"{comparison.spearman:.2f}", "Spearman correlation of the scores"),
    ]
    if flags:
        cells += [
            (f"{comparison.fell:,} ▼", "fell below the threshold"),
            (f"{comparison.rose:,} ▲", "rose above the threshold"),
            ("–" if comparison.kappa is None else f"{comparison.kappa:.2f}", "Cohen’s kappa of above and below"),
        ]
    _figures(cells)
    unscored = f"; {comparison.unscored:,} more are unscored in at least one run" if comparison.unscored else ""
    matching = " Conversations were matched by their ids." if comparison.by_id else ""
    scored = f"{comparison.turns:,} turns of {comparison.conversations:,} conversations, scored in both runs"
    message(f"{scored}{unscored}.{matching}", "soft")


def average_figures(averages: AverageComparison | None, *, flags: bool) -> None:
    """Show the averages of two runs over different conversations; None where a run has no score."""
    if averages is None:
        message("One of the runs has no score on this maxim.", "soft")
        return
    cells = [
        (signed(averages.shift), f"difference of the means{_interval(averages.interval)}"),
        (f"{averages.before:.2f} → {averages.after:.2f}", "mean score"),
    ]
    if flags:
        cells.append((f"{averages.below_before:.0%} → {averages.below_after:.0%}", "below the threshold"))
    _figures(cells)
    turns, conversations = averages.turns, averages.conversations
    message(
        f"{turns[0]:,} turns of {conversations[0]:,} conversations, and {turns[1]:,} of {conversations[1]:,}.", "soft"
    )


def _interval(bounds: tuple[float, float] | None) -> str:
    return "" if bounds is None else f" (95 %: {signed(bounds[0])} to {signed(bounds[1])})"


def _figures(cells: Sequence[tuple[str, str]]) -> None:
    st.html(
        f'<div class="cx cx-figures">{"".join(f"<div><b>{number}</b>{name}</div>" for number, name in cells)}</div>'
    )


def shift_list(store: RunStore, run: int, paired: PairedScores, maxim: SharedMaxim) -> None:
    """Show the turns whose scores moved most; a click opens a turn."""
    st.subheader("Largest shifts", anchor=False)
    directions = [direction for direction in _DIRECTIONS if maxim.flags or direction == "all"]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        direction = st.segmented_control(
            "Which",
            directions,
            format_func=lambda direction: _DIRECTIONS[direction],
            default="all",
            required=True,
            key="c-kind" if maxim.flags else "c-any",
            label_visibility="collapsed",
        )
        _, total = largest_shifts(store, paired, maxim.threshold, direction, 0)
        pages = max(1, -(-total // _PAGE))
        page = st.pagination(pages, key=f"c-page-{direction}-{maxim.rubric}", max_visible_pages=5) if pages > 1 else 1
    shifts, _ = largest_shifts(store, paired, maxim.threshold, direction, _PAGE, _PAGE * (page - 1))
    if not shifts:
        st.caption("There is no such turn.")
        return
    columns: dict[str, list[Any]] = {
        "before": [shift.before for shift in shifts],
        "after": [shift.after for shift in shifts],
        "shift": [shift.after - shift.before for shift in shifts],
        "turn": [shift.turn for shift in shifts],
        "conversation": [cell(shift.conversation) for shift in shifts],
    }
    kinds = {name: st.column_config.NumberColumn(format="%.2f", width=65) for name in ("before", "after")}
    kinds["shift"] = st.column_config.NumberColumn(format="%+.2f", width=65)
    clicked = pick_row(f"shifts-{page}-{direction}-{maxim.rubric}", columns, kinds)
    st.caption("Click the box at the left of a turn to open it in the first run.")
    if clicked is not None:
        shift = shifts[clicked]
        open_turn(run, shift.conversation, shift.number, shift.turn, maxim.rubric)


def _start(name: str, valid: list[str], default: str) -> None:
    # Selects the value of the address, else the earlier selection, else a default.
    key, requested = f"c-{name}", st.query_params.get(name)
    if requested in valid:
        st.session_state[key] = requested
    elif st.session_state.get(key) not in valid:
        st.session_state[key] = default


def _select(label: str, name: str, options: list[str], runs: dict[str, Run]) -> str:
    selected = st.selectbox(
        label,
        options,
        format_func=lambda number: run_name(runs[number]),
        key=f"c-{name}",
        on_change=_write_address,
        args=(name,),
    )
    st.query_params[name] = selected
    return selected


def _write_address(name: str) -> None:
    st.query_params[name] = st.session_state[f"c-{name}"]
