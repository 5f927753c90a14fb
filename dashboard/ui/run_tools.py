"""The forms that change a run: judge again what has no score, and replace personal data."""

from collections.abc import Callable

import streamlit as st

from convexplain.dashboard.services.jobs import start_redaction, start_retry
from convexplain.errors import ConvexplainError
from convexplain.explain.wording import counted
from convexplain.store import Run, RunStore
from convexplain.store.summary import summarise

from .query_cache import cached_query
from .run_selection import run_name
from .safe_text import message


def run_tools(store: RunStore, database: str) -> None:
    """Show, folded, what can be done with a run that exists; nothing where there is none."""
    runs = {run.id: run for run in store.runs()}
    if not runs:
        return
    title = "Change a run: judge again what has no score, replace personal data"
    opened = st.expander(title, key="run-tools", on_change="rerun")
    if not opened.open:
        return
    with opened:
        number = st.selectbox("Run", list(runs), format_func=lambda run: run_name(runs[run]), key="tools-run")
        if refusal := st.session_state.pop("tools-refusal", None):
            message(refusal, "error")
        left_column, right_column = st.columns(2, gap="large")
        with left_column:
            _retry(store, database, runs[number])
        with right_column:
            _redact(database, runs[number])


def _retry(store: RunStore, database: str, run: Run) -> None:
    st.header("Judge again what has no score", anchor=False)
    count = cached_query(store, run.id, summarise, run).unscored_judgements
    if not count:
        message("Every judgement of this run has a score.", "soft")
        return
    message(
        f"{counted(count, 'judgement')} of this run {'has' if count == 1 else 'have'} no score. The run’s own judge is "
        f"asked for them again: {counted(count, 'call')}, more where it is sampled or where another judge decides when "
        "it is unsure. Scores stay as they are."
    )
    st.button(f"Judge {count:,} again", key="tools-retry", on_click=_start, args=(start_retry, database, run.id))


def _redact(database: str, run: Run) -> None:
    st.header("Replace personal data", anchor=False)
    message(
        "E-mail addresses, phone numbers, accounts, addresses, secrets and other personal data are replaced in the "
        "conversations of this run, and in all that any run has stored about them: reasons, edits, notes, themes. "
        "Answers of models that hold personal data leave the cache. Scores stay. No judge is asked."
    )
    st.caption(
        "Uploaded files, reports and exports stay as they are. Names of people are replaced by "
        f"`convexplain runs redact {run.id} --redact-names FILE`."
    )
    key = f"tools-sure-{run.id}"
    sure = st.checkbox("This cannot be undone. Replace them for good.", key=key)
    st.button(
        "Replace personal data",
        key="tools-redact",
        disabled=not sure,
        on_click=_start,
        args=(start_redaction, database, run.id),
    )


def _start(start: Callable[[str, int], int], database: str, run: int) -> None:
    try:
        job = start(database, run)
    except ConvexplainError as error:
        st.session_state["tools-refusal"] = str(error)
    else:
        st.toast(f"Job {job} has started. It continues when this page is closed.")
