"""Which run and maxim the reading pages are about: in the address, so that a link leads to the same, and kept."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from convexplain.store import Run, RunStore
from convexplain.store.overview import MaximCount, maxim_counts
from convexplain.text.visible import one_line

from .cached import kept
from .plain import message


@dataclass(frozen=True, slots=True)
class Reading:
    """A run, its maxims with their counts, and the one that is looked at."""

    run: Run
    maxims: Sequence[MaximCount]
    maxim: MaximCount


def run_name(run: Run) -> str:
    """A run in one line."""
    return f"Run {run.id} · {_judge(run.judge)} · {run.created_at:%Y-%m-%d} · {run.status}"


def _judge(name: str) -> str:
    """A judge without the folder of its weights: the file's name tells more."""
    return re.sub(r"^(gguf|local):.*[/\\]", r"\1:…/", one_line(name))[:60]


def choose_run(store: RunStore) -> Run | None:
    """A run, chosen by the address or by the person; says what to do where there is none."""
    runs = {run.id: run for run in store.runs()}
    if not runs:
        st.info("Nothing was judged yet. Judge a log on the page “Upload and run”, or with `convexplain analyze`.")
        return None
    missing = _from_address("run", [str(one) for one in runs])
    _select("Run", "run", [str(one) for one in runs], lambda one: run_name(runs[int(one)]))
    if missing is not None:
        message(f"There is no run {missing}, or it was deleted: this is another one.", "error")
    return runs[int(st.session_state["run-chosen"])]


def choose(store: RunStore) -> Reading | None:
    """A run and one of its maxims, likewise."""
    left, right = st.columns(2)
    with left:
        run = choose_run(store)
    if run is None:
        return None
    maxims = kept(store, run.id, maxim_counts, run.id)
    if not maxims:
        doing = "It has only begun." if run.status == "running" else "It ended before anything was judged."
        st.info(f"This run has no judgement yet. {doing} The page “Upload and run” shows what goes on.")
        return None
    names = {maxim.rubric: one_line(maxim.title) for maxim in maxims}
    _from_address("rubric", list(names))
    with right:
        _select("Maxim", "rubric", list(names), lambda one: names[one])
    maxim = next(maxim for maxim in maxims if maxim.rubric == st.session_state["rubric-chosen"])
    return Reading(run, maxims, maxim)


def _from_address(name: str, valid: Sequence[str]) -> str | None:
    """Takes what the address names; returns it where it is not to be had."""
    key, given = f"{name}-chosen", st.query_params.get(name)
    if given in valid:
        st.session_state[key] = given
        return None
    if st.session_state.get(key) not in valid:
        st.session_state[key] = valid[0]
    return given


def _select(label: str, name: str, options: Sequence[str], shown: Callable[[str], str]) -> None:
    key = f"{name}-chosen"

    def changed() -> None:
        st.query_params[name] = st.session_state[key]

    st.selectbox(label, options, format_func=shown, key=key, on_change=changed, persist_state="session")
    st.query_params[name] = st.session_state[key]
