"""A cache of the store's answers, renewed when a run has new judgements."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import streamlit as st

from convexplain.store import RunStore
from convexplain.store.overview import run_state

from .current_store import database

P = ParamSpec("P")
R = TypeVar("R")


def cached_query(
    store: RunStore,
    runs: int | tuple[int, ...],
    query: Callable[Concatenate[RunStore, P], R],
    *args: P.args,
    **options: P.kwargs,
) -> R:
    """Return the answer of a query about the judgements of one or several runs.

    Args:
        store: the run store, the query's first argument.
        runs: the numbers of the runs that the answer depends on.
        query: a function of the store and of `args` and `options`.
    """
    state = " ".join(run_state(store, run) for run in ([runs] if isinstance(runs, int) else runs))
    key = f"{query.__module__}.{query.__qualname__} {args} {options}"
    answer: R = _run(database(), state, key, lambda: query(store, *args, **options))
    return answer


@st.cache_data(ttl=3600, max_entries=150, show_spinner=False)
def _run(database: str, state: str, key: str, _query: Callable[[], Any]) -> Any:
    return _query()
