"""The list of a store's jobs, with their progress and the buttons to cancel and resume them."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from convexplain.dashboard.services.jobs import cancel, resume
from convexplain.errors import ConvexplainError
from convexplain.workspace.jobs import JobState, list_jobs

from .safe_text import lines, message

_OVERVIEW = Path(__file__).parents[1] / "pages" / "overview.py"
_EVERY = 2.0  # seconds between updates
_SHOWN = 10
_MARKS = {"running": "▶ running", "done": "✓ done", "stopped": "■ stopped", "failed": "✕ failed"}


@st.fragment(run_every=_EVERY)
def show_jobs(database: str) -> None:
    """Show the newest jobs, updated every few seconds."""
    try:
        jobs = list_jobs(database, _SHOWN)
    except ConvexplainError as error:
        message(str(error), "error")
        return
    if refusal := st.session_state.pop("job-error", None):
        message(refusal, "error")
    if not jobs:
        return
    st.header("Jobs")
    current = [state for i, state in enumerate(jobs) if i == 0 or state.status == "running"]
    for state in current:
        _show(database, state)
    if earlier := [state for state in jobs if state not in current]:
        with st.expander(f"{len(earlier)} earlier jobs"):
            for state in earlier:
                _show(database, state)


def _show(database: str, state: JobState) -> None:
    job = state.job
    with st.container(border=True):
        left_column, right_column = st.columns([4, 1], vertical_alignment="center")
        with left_column:
            run = f"run {state.run.id}" if state.run is not None else "no run yet"
            lines((f"{_MARKS[state.status]} · {job.kind}, {run}", "title"), (_progress(state), "soft"))
        if state.share is not None and state.status != "done":
            st.progress(state.share)
        with right_column:
            if state.status == "done" and state.run is not None:
                address = {"run": str(state.run.id)}
                st.page_link(_OVERVIEW, label=f"Open run {state.run.id}", query_params=address)
            elif state.status != "done":
                text, action = ("Cancel", cancel) if state.status == "running" else ("Resume", resume)
                key = f"{text}-{job.id}"
                st.button(text, key, width="stretch", on_click=_act, args=(action, database, job.id))
        if state.status in ("stopped", "failed"):
            message(_failure(state), "error")
        if state.messages and st.toggle("Show messages", key=f"said-{job.id}"):
            st.code(state.messages, language=None, wrap_lines=True)


def _progress(state: JobState) -> str:
    started = f"started {state.job.created_at:%Y-%m-%d %H:%M} UTC"
    if state.run is None or state.job.kind not in ("analyze", "retry"):
        return started
    if state.job.progress.get("task") == "reading":
        return f"reading the logs; {started}"
    spend = state.run.spend
    steps = f"{state.done:,} of {state.total:,}" if state.total else f"{state.done:,}"
    judgements = state.job.progress.get("judged")
    judged = f"{steps} judgements" if judgements is None else f"{judgements:,} judgements, {steps} turns explained"
    tokens = f"{spend.prompt_tokens + spend.completion_tokens:,} tokens"
    failed = f", {spend.failures:,} failed" if spend.failures else ""
    return f"{judged}; {spend.calls:,} calls, {spend.cached:,} from the cache{failed}, {tokens}; {started}"


def _failure(state: JobState) -> str:
    if state.job.error:
        return state.job.error
    if state.status == "failed":
        return "The job has no run: it ended before the run began, or the run was deleted."
    return "The job ended early. Its results so far are saved; “Resume” continues it."


def _act(action: Callable[[str, int], None], database: str, job: int) -> None:
    try:
        action(database, job)
    except ConvexplainError as error:
        st.session_state["job-error"] = str(error)
