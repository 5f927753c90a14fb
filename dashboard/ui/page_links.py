"""The parameters of the links between pages: a page opened with all of them writes nothing into its address.

What a page writes when it opens is a step of its own in the browser's history, and Back then takes two presses.
"""

from collections.abc import Mapping, Sequence

import streamlit as st

from convexplain.dashboard.services.conversation import worst_turn
from convexplain.errors import StoreError
from convexplain.store import RunStore
from convexplain.store.overview import maxim_counts

from .current_store import cached_store, database
from .navigation import last_place
from .query_cache import cached_query

_COMPARISON = "last-comparison"


def link_parameters() -> dict[str, Mapping[str, str]]:
    """Return the parameters of the links to pages by the pages' names; those of all others are at the name ""."""
    try:
        store = cached_store(database())
        runs = [str(run.id) for run in store.runs()]
        current = _run_and_maxim(store, runs)
    except StoreError:  # the page says why
        return {"": {}}
    if not current:
        return {"": {}}
    return {
        "": current,
        "conversation": _place(store, current),
        "compare": _comparison(runs, current),
    }


def compared_pair(runs: Sequence[str], run: str | None) -> tuple[str, str]:
    """Return which runs are compared unless others are chosen: the run and the one before it.

    Args:
        runs: the numbers of all runs, the newest first; two or more.
        run: the run; of the oldest, the one after it follows. None takes the newest.
    """
    index = runs.index(run) if run in runs else 0
    return (runs[index], runs[index - 1]) if index == len(runs) - 1 else (runs[index + 1], runs[index])


def remember_comparison(parameters: Mapping[str, str]) -> None:
    """Remember the comparison that is shown, for links that come back to it."""
    st.session_state[_COMPARISON] = dict(parameters)


def _run_and_maxim(store: RunStore, runs: Sequence[str]) -> dict[str, str]:
    """Return the run and the maxim of the page, else of the page before it, else those that a page begins with."""
    if not runs:
        return {}
    state, parameters = st.session_state, st.query_params
    numbers: tuple[str | None, ...] = (
        parameters.get("run"),
        parameters.get("second"),
        state.get("run-chosen"),
        runs[0],
    )
    run = next(number for number in numbers if number is not None and number in runs)
    maxims = [maxim.rubric for maxim in cached_query(store, int(run), maxim_counts, int(run))]
    rubrics = (parameters.get("rubric"), state.get("rubric-chosen"), *maxims)
    rubric = next((rubric for rubric in rubrics if rubric in maxims), None)
    return {"run": run} | ({} if rubric is None else {"rubric": rubric})


def _place(store: RunStore, current: dict[str, str]) -> dict[str, str]:
    """Return the turn of the run that was open last, else the one with its lowest score."""
    if place := last_place(current["run"]):
        return place | current
    run = int(current["run"])
    maxims = cached_query(store, run, maxim_counts, run)
    maxim = next((maxim for maxim in maxims if maxim.rubric == current.get("rubric")), None)
    worst = None if maxim is None else cached_query(store, run, worst_turn, run, maxim.sha, maxim.threshold)
    if worst is None:
        return current
    conversation, number, turn = worst
    return current | {"conversation": conversation, "number": str(number), "turn": str(turn)}


def _comparison(runs: Sequence[str], current: Mapping[str, str]) -> dict[str, str]:
    last: dict[str, str] = st.session_state.get(_COMPARISON, {})
    sides = [last.get("first"), last.get("second")]
    if current["run"] in sides and all(side in runs for side in sides):
        return last
    if len(runs) < 2:
        return dict(current)
    first, second = compared_pair(runs, current["run"])
    return {name: value for name, value in current.items() if name != "run"} | {"first": first, "second": second}
