"""The jobs of a store: how far they are, with what to do about them."""

from collections.abc import Callable

import streamlit as st

from convexplain.dashboard.services.jobs import go_on
from convexplain.errors import ConvexplainError
from convexplain.workspace.jobs import JobState, cancel_job, list_jobs

from .plain import lines, message

_EVERY = 2.0  # seconds between looks at a running job
_SHOWN = 10
_MARKS = {"running": "▶ running", "done": "✓ done", "stopped": "■ stopped", "failed": "✕ failed"}


@st.fragment(run_every=_EVERY)
def show_jobs(database: str) -> None:
    """The newest jobs, looked at again every few seconds."""
    try:
        found = list_jobs(database, _SHOWN)
    except ConvexplainError as error:
        message(str(error), "error")
        return
    if refused := st.session_state.pop("job-error", None):
        message(refused, "error")
    if not found:
        return
    st.subheader("What was started")
    now = [state for i, state in enumerate(found) if i == 0 or state.status == "running"]
    for state in now:
        _show(database, state)
    if earlier := [state for state in found if state not in now]:
        with st.expander(f"{len(earlier)} earlier"):
            for state in earlier:
                _show(database, state)


def _show(database: str, state: JobState) -> None:
    job = state.job
    with st.container(border=True):
        left, right = st.columns([4, 1], vertical_alignment="center")
        with left:
            which = f"run {state.run.id}" if state.run is not None else "no run yet"
            lines((f"{_MARKS[state.status]} · {job.kind}, {which}", "title"), (_told(state), "soft"))
        if state.share is not None and state.status != "done":
            st.progress(state.share)
        with right:
            if state.status != "done":
                text, action = ("Cancel", cancel_job) if state.status == "running" else ("Go on", go_on)
                key = f"{text}-{job.id}"
                st.button(text, key, width="stretch", on_click=_do, args=(action, database, job.id))
        if state.status in ("stopped", "failed"):
            message(_why(state), "error")
        if state.messages and st.toggle("Show what it said", key=f"said-{job.id}"):
            st.code(state.messages, language=None, wrap_lines=True)


def _told(state: JobState) -> str:
    begun = f"begun {state.job.created_at:%Y-%m-%d %H:%M} UTC"
    if state.run is None or state.job.kind != "analyze":
        return begun
    spend = state.run.spend
    judged = f"{state.done:,} of {state.total:,} judgements" if state.total else f"{state.done:,} judgements"
    tokens = f"{spend.prompt_tokens + spend.completion_tokens:,} tokens"
    failed = f", {spend.failures:,} failed" if spend.failures else ""
    return f"{judged}; {spend.calls:,} calls, {spend.cached:,} from the cache{failed}, {tokens}; {begun}"


def _why(state: JobState) -> str:
    if state.job.error:
        return state.job.error
    if state.status == "failed":
        return "It has no run: it ended before one was begun, or the run was deleted."
    return "It ended before all was done. What was found until then is kept; “Go on” gives the same command again."


def _do(action: Callable[[str, int], None], database: str, job: int) -> None:
    try:
        action(database, job)
    except ConvexplainError as error:
        st.session_state["job-error"] = str(error)
