"""Selection of a run and a maxim, written into the page's address so that a link opens the same page."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from convexplain.dashboard.services.trust import run_marks
from convexplain.report.trust_marks import TrustMark
from convexplain.store import Run, RunStore, run_rubrics
from convexplain.store.overview import MaximCount, maxim_counts
from convexplain.text.visible import one_line

from . import address
from .query_cache import cached_query
from .safe_text import message


@dataclass(frozen=True, slots=True)
class RunSelection:
    """A run, its maxims with their counts and the trust in its judge by their ids, and the selected maxim."""

    run: Run
    maxims: Sequence[MaximCount]
    maxim: MaximCount
    marks: Mapping[str, TrustMark]

    @property
    def mark(self) -> TrustMark:
        """Return the trust in the run's judge on the selected maxim."""
        return self.marks[self.maxim.rubric]


def run_name(run: Run) -> str:
    """Return the shown name of a run, in one line."""
    name = [one_line(run.name)[:60]] if run.name else []
    return " · ".join([f"Run {run.id}", *name, _judge(run.judge), f"{run.created_at:%Y-%m-%d}", run.status])


def _judge(name: str) -> str:
    # The file's name tells more than the folder of the weights.
    return re.sub(r"^(gguf|local):.*[/\\]", r"\1:…/", one_line(name))[:60]


def select_run(store: RunStore) -> Run | None:
    """Return the run of the address or of the select box; where there is none, say what to do and return None."""
    run = _selected_run(store)
    if run is not None:
        address.write(run=str(run.id))
    return run


def select_maxim(store: RunStore) -> RunSelection | None:
    """Return a run and one of its maxims, selected in the same way."""
    left_column, right_column = st.columns(2)
    with left_column:
        run = _selected_run(store)
    if run is None:
        return None
    maxims = cached_query(store, run.id, maxim_counts, run.id)
    if not maxims:
        reason = "It has just started." if run.status == "running" else "It ended before anything was judged."
        st.info(f"This run has no judgements. {reason} The page “Upload and run” shows its job.")
        return None
    names = {maxim.rubric: one_line(maxim.title) for maxim in maxims}
    _from_address("rubric", list(names))
    with right_column:
        rubric = _select("Maxim", "rubric", list(names), lambda rubric: names[rubric])
    address.write(run=str(run.id), rubric=rubric)
    maxim = next(maxim for maxim in maxims if maxim.rubric == rubric)
    marks = run_marks(store, run, cached_query(store, run.id, run_rubrics, run.id))
    return RunSelection(run, maxims, maxim, marks)


def _selected_run(store: RunStore) -> Run | None:
    runs = {str(run.id): run for run in store.runs()}
    if not runs:
        st.info("There is no run yet. Judge a log on the page “Upload and run”, or with `convexplain analyze`.")
        return None
    missing = _from_address("run", list(runs))
    number = _select("Run", "run", list(runs), lambda number: run_name(runs[number]))
    if missing is not None:
        message(f"There is no run {missing}; perhaps it was deleted. Another run is shown.", "error")
    return runs[number]


def _from_address(name: str, valid: Sequence[str]) -> str | None:
    # Selects the value of the address; returns that value where it is not valid.
    key, requested = f"{name}-chosen", st.query_params.get(name)
    if requested in valid:
        st.session_state[key] = requested
        return None
    if st.session_state.get(key) not in valid:
        st.session_state[key] = valid[0]
    return requested


def _select(label: str, name: str, options: Sequence[str], label_of: Callable[[str], str]) -> str:
    key = f"{name}-chosen"

    def changed() -> None:
        address.write(**{name: st.session_state[key]})

    return st.selectbox(label, options, format_func=label_of, key=key, on_change=changed, persist_state="session")
