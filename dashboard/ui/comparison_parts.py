"""The parts of the page that compares two runs: which runs, the verdict, and the figures behind it."""

from collections.abc import Sequence

import streamlit as st

from convexplain.analysis.averages import AverageComparison
from convexplain.analysis.comparison import BINS, Comparison
from convexplain.analysis.themes.changes import ThemeChange
from convexplain.dashboard.services.signs import signed, with_minus
from convexplain.explain.wording import counted
from convexplain.store import Run, RunStore
from convexplain.text.visible import one_line
from convexplain.workspace import MaximComparison, RunComparison
from convexplain.workspace.theme_changes import NOT_SEARCHED, ThemeChanges

from . import address
from .charts import shifts
from .page_links import compared_pair, remember_comparison
from .run_selection import run_name
from .safe_text import escaped, message

_MARKS = {"better": "▲ ", "worse": "▼ "}


def select_runs(store: RunStore) -> tuple[Run, Run] | None:
    """Return two runs; where that is impossible, say what to do and return None."""
    runs = {str(run.id): run for run in store.runs()}
    if len(runs) < 2:
        st.info(
            "A comparison needs two runs. Judge the same log with another judge, or the log of another bot version."
        )
        return None
    left_column, right_column = st.columns(2)
    defaults = compared_pair(list(runs), st.query_params.get("run"))
    for name, default in zip(("first", "second"), defaults, strict=True):
        start(name, list(runs), default)
    with left_column:
        first = runs[_select("First run (before)", "first", runs)]
    with right_column:
        second = runs[_select("Second run (after)", "second", runs)]
    if first.id == second.id:
        write_comparison(first.id, second.id)
        st.info("Both sides are the same run. Choose another run on one side.")
        return None
    return first, second


def select_maxim(comparison: RunComparison) -> MaximComparison:
    """Return the maxim whose turns are shown; worse ones come first."""
    order = {"worse": 0, "lower": 1}
    ranked = sorted(comparison.maxims, key=lambda maxim: order.get(maxim.verdict.outcome, 2))
    maxims = {maxim.rubric: maxim for maxim in ranked}
    start("rubric", list(maxims), next(iter(maxims)))
    st.segmented_control(
        "Maxim",
        list(maxims),
        format_func=lambda rubric: one_line(maxims[rubric].title),
        key="c-rubric",
        required=True,
        on_change=write_address,
        args=("rubric",),
    )
    name: str = st.session_state["c-rubric"]
    write_comparison(comparison.first.id, comparison.second.id, name)
    if maxims[name].reworded:
        message("The wording or the threshold of this maxim differs between the two runs.", "error")
    return maxims[name]


def show_verdicts(comparison: RunComparison) -> None:
    """Show in a sentence whether the chats got better or worse, and below it the verdict on each maxim."""
    head = "".join(f"<b>{name}</b>" for name in ("maxim", "mean score", "verdict", "turns beyond the judges’ noise"))
    rows = "".join(_verdict_row(maxim) for maxim in comparison.maxims)
    st.html(
        f'<div class="cx" role="status"><p class="cx-headline">{escaped(with_minus(comparison.sentence))}</p>'
        f'<div class="cx-grid cx-verdicts">{head}{rows}</div></div>'
    )
    for sentence in comparison.samples:
        message(sentence, "soft")
    for run, rubrics in ((comparison.first, comparison.only_first), (comparison.second, comparison.only_second)):
        if rubrics:
            message(f"Only run {run.id} has {', '.join(rubrics)}.", "soft")


def show_themes(compared: ThemeChanges) -> None:
    """Show how the themes of two runs changed, or why they cannot be compared."""
    st.header("Themes", anchor=False)
    themes = compared.changes
    if not themes:
        reason = compared.reason or "Neither run has a theme."
        message(f"{reason} The page “Themes” does." if reason == NOT_SEARCHED else reason, "soft")
        return
    clear = [change for change in themes if change.outcome != "no clear change"]
    same = [change for change in themes if change.outcome == "no clear change"]
    folded = (
        f"<details><summary>{counted(len(same), 'theme')} without a clear change</summary>{_theme_list(same)}</details>"
        if same
        else ""
    )
    st.html(f'<div class="cx">{_theme_list(clear)}{folded}</div>')


def _theme_list(themes: Sequence[ThemeChange]) -> str:
    rows = "".join(f"<li><b>{escaped(change.name, 80)}</b>: {escaped(change.words)}</li>" for change in themes)
    return f'<ul class="cx-list">{rows}</ul>'


def comparison_details(maxim: MaximComparison) -> None:
    """Show the figures behind a verdict: folded where turns are listed above them."""
    if maxim.change is None:
        st.header(f"Averages on {one_line(maxim.title)}", anchor=False)
        message("The two runs have scored no turn in common: only their averages are compared.", "soft")
        _average_figures(maxim.averages, flags=maxim.flags)
        return
    with st.expander("Figures of this maxim"):
        _comparison_figures(maxim.change, flags=maxim.flags)
        counts = maxim.change.counts
        shifts([counts[i] + counts[i + 1] for i in range(0, BINS, 2)], -1.0, 1.0, coloured=maxim.flags)


def start(name: str, valid: Sequence[str], default: str) -> None:
    """Select the value of the address, else the earlier selection, else a default, as `c-NAME` of the session."""
    key, requested = f"c-{name}", st.query_params.get(name)
    if requested in valid:
        st.session_state[key] = requested
    elif st.session_state.get(key) not in valid:
        st.session_state[key] = default


def write_address(name: str) -> None:
    """Write a selection into the address; a turn of another selection leaves it."""
    address.write(**{name: st.session_state[f"c-{name}"]}, number=None, turn=None, page=None)


def write_comparison(first: int, second: int, rubric: str | None = None) -> None:
    """Write the compared runs, and the maxim, into the address in one step."""
    parameters = {"first": str(first), "second": str(second)} | ({} if rubric is None else {"rubric": rubric})
    address.write(**parameters, run=None)
    remember_comparison(parameters)


def _select(label: str, name: str, runs: dict[str, Run]) -> str:
    return st.selectbox(
        label,
        list(runs),
        format_func=lambda number: run_name(runs[number]),
        key=f"c-{name}",
        on_change=write_address,
        args=(name,),
    )


def _verdict_row(maxim: MaximComparison) -> str:
    words = " → ".join(dict.fromkeys(mark.word for mark in maxim.marks))
    compared, verdict = maxim.change or maxim.averages, maxim.verdict
    means = "–" if compared is None else f"{compared.before:.2f} → {compared.after:.2f}"
    low = " low" if verdict.outcome == "worse" else ""
    moved = "no turn in common" if maxim.change is None else f"{maxim.fell:,} fell, {maxim.rose:,} rose"
    return (
        f'<span>{escaped(maxim.title, 60)} <span class="cx-soft">· {escaped(words)}</span></span><span>{means}</span>'
        f'<span class="cx-score{low}">{_MARKS.get(verdict.outcome, "")}{escaped(with_minus(verdict.words))}</span>'
        f"<span>{moved}</span>"
    )


def _comparison_figures(comparison: Comparison, *, flags: bool) -> None:
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
    kinds = (("their ids", comparison.by_id), ("the user’s messages", comparison.by_messages))
    matched = " or ".join(name for name, used in kinds if used)
    matching = f" Conversations were matched by {matched}." if matched else ""
    scored = f"{comparison.turns:,} turns of {comparison.conversations:,} conversations, scored in both runs"
    message(f"{scored}{unscored}.{matching}", "soft")


def _average_figures(averages: AverageComparison | None, *, flags: bool) -> None:
    if averages is None:
        message("One of the runs has no score on this maxim.", "soft")
        return
    cells = [
        (signed(averages.shift), f"difference of the means{_interval(averages.interval)}"),
        (f"{averages.before:.2f} → {averages.after:.2f}", "mean score"),
    ]
    if flags:
        cells.append((f"{100 * averages.below_before:.1f} → {100 * averages.below_after:.1f} %", "below the threshold"))
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
