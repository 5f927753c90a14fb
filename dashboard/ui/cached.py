"""Answers of the store that are asked for again only when something was judged since."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import streamlit as st

from convexplain.store import RunStore
from convexplain.store.overview import run_state

from .place import database

P = ParamSpec("P")
R = TypeVar("R")


def kept(
    store: RunStore,
    runs: int | tuple[int, ...],
    query: Callable[Concatenate[RunStore, P], R],
    *args: P.args,
    **options: P.kwargs,
) -> R:
    """What a query about the judgements of a run, or of several, answers."""
    state = " ".join(run_state(store, run) for run in ([runs] if isinstance(runs, int) else runs))
    asked = f"{query.__module__}.{query.__qualname__} {args} {options}"
    found: R = _ask(database(), state, asked, lambda: query(store, *args, **options))
    return found


@st.cache_data(ttl=3600, max_entries=150, show_spinner=False)
def _ask(database: str, state: str, asked: str, _query: Callable[[], Any]) -> Any:
    return _query()
