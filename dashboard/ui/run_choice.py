"""Which run and which of its maxims a page is about."""

import streamlit as st

from convexplain.store import RunStore, run_rubrics
from convexplain.types import Rubric
from convexplain.visible import one_line


def choose_maxim(store: RunStore) -> tuple[int, Rubric] | None:
    """A run and a maxim that it has judged by; None where nothing was judged."""
    runs = {run.id: run for run in store.runs()}
    if not runs:
        return None
    left, right = st.columns(2)
    names = {number: f"run {number}, {one_line(run.judge)[:60]}, {run.status}" for number, run in runs.items()}
    number = left.selectbox("Run", list(runs), format_func=lambda one: names[one], key="run")
    rubrics = {rubric.id: rubric for rubric in run_rubrics(store, number)}
    if not rubrics:
        return None
    chosen = right.selectbox("Maxim", list(rubrics), format_func=lambda one: one_line(rubrics[one].title), key="maxim")
    return number, rubrics[chosen]
