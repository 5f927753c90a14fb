"""The form of a new run: its options, its estimate, and the button that starts it."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from convexplain.analysis.pipeline import Turns
from convexplain.analysis.plans import Plan
from convexplain.dashboard.services.jobs import estimate, start_analyze
from convexplain.dashboard.services.model_choices import any_model_allowed, judge_choices, judge_problem
from convexplain.dashboard.services.rubric_files import own_rubrics
from convexplain.errors import ConvexplainError
from convexplain.rubrics import HEADLINE, load_rubric, rubric_ids
from convexplain.workspace import JudgeSpec, LogSettings
from convexplain.workspace.findings import explanation_cost
from convexplain.workspace.job_specs import AnalyzeJob

from .judge_options import judge_option_values
from .safe_text import message

JUDGE_HELP = "An operator adds a server to this list by the environment variable CONVEXPLAIN_BASE_URL."

_MOST_EXPLAINED = 20


def run_options(files: Sequence[Path], reading: LogSettings) -> AnalyzeJob | None:
    """Show the options of a run, and return them; None where they are not valid."""
    titles = {name: load_rubric(name).title for name in rubric_ids()}
    titles |= {str(path): f"{path.stem} (your own)" for path in own_rubrics()}
    rubrics = st.multiselect(
        "Maxims", list(titles), default=list(HEADLINE), format_func=lambda name: titles[name], key="rubrics"
    )
    left_column, middle_column, right_column = st.columns([3, 1, 1])
    judge = left_column.selectbox(
        "Judge", judge_choices(), key="judge", help=JUDGE_HELP, accept_new_options=any_model_allowed()
    )
    limit = middle_column.number_input(
        "Conversations",
        min_value=1,
        value=None,
        placeholder="all",
        key="limit",
        help="Judge at most this many conversations",
    )
    if problem := judge_problem():
        message(problem, "error")
    which: tuple[Turns, ...] = ("all", "last")
    turns = right_column.selectbox("Turns", which, key="turns", help="Which assistant turns of a conversation")
    sample = st.number_input(
        "Sample of turns",
        min_value=2,
        value=None,
        placeholder="all",
        key="sample",
        help="Judge so many random turns; figures are then estimates for all turns, with their 95 % intervals",
    )
    explain = st.number_input(
        "Worst turns to explain",
        min_value=0,
        max_value=_MOST_EXPLAINED,
        value=3,
        key="explain_worst",
        help="After judging, explain these turns, each by at most 24 evaluations of the judge; 0 explains none",
    )
    with st.expander("More options of the judge"):
        options = judge_option_values([choice for choice in judge_choices() if choice != judge])
    if not rubrics:
        st.info("Choose at least one maxim.")
        return None
    try:
        spec = JudgeSpec.parse(judge or "").changed(options)
    except ConvexplainError as error:  # a browser may send anything
        message(str(error), "error")
        return None
    return AnalyzeJob(tuple(files), tuple(rubrics), spec, turns, limit, reading, int(explain), sample)


def estimate_and_start(database: str, spec: AnalyzeJob) -> None:
    """Show the buttons to estimate and to start a run, and the estimate."""
    left_column, right_column = st.columns(2)
    if left_column.button("Estimate the cost", width="stretch"):
        with st.spinner("Reading the logs and counting …"):
            try:
                st.session_state["estimate"] = (spec, estimate(database, spec))
            except ConvexplainError as error:
                st.session_state["estimate"] = (spec, str(error))
    estimated_spec, plan = st.session_state.get("estimate", (None, None))
    plan = plan if estimated_spec == spec else None
    if isinstance(plan, Plan):
        _show(plan, len(spec.rubrics), spec.explain)
    elif isinstance(plan, str):
        message(plan, "error")
    ready = isinstance(plan, Plan) and plan.judgements > 0
    if right_column.button("Start", type="primary", width="stretch", disabled=not ready) and ready:
        try:
            start_analyze(database, spec)
        except ConvexplainError as error:
            message(str(error), "error")
        else:
            st.session_state.pop("estimate")
            st.session_state["started"] = spec
            st.rerun()
    if not ready:
        started = spec == st.session_state.get("started")
        st.caption(
            "Started: the job is below, and continues when this page is closed."
            if started
            else "Estimate the cost first."
        )


def _show(plan: Plan, rubrics: int, explain: int) -> None:
    cells = st.columns(4)
    numbers = {
        "Conversations": plan.conversations,
        "Judgements": plan.judgements,
        "Calls": plan.calls,
        "Prompt tokens, about": plan.tokens,
    }
    for cell, (name, number) in zip(cells, numbers.items(), strict=True):
        cell.metric(name, f"{number:,}")
    if plan.sample is not None:
        message(f"Judged is {plan.sample.words()}.", "soft")
    message(
        f"{plan.turns:,} assistant turns, {rubrics} maxims; {plan.cached:,} more calls are in the "
        f"cache. A model without log-probabilities needs {plan.samples} calls for each judgement."
        + " Plus one call for each flagged turn, for its reason in words." * plan.flagged_reasons
        + (f" Plus {explained}." if (explained := explanation_cost(plan, explain)) else ""),
        "soft",
    )
    unread = [problem for problem in plan.problems if not problem.kept]
    for problem in unread[:5]:
        line = "" if problem.line is None else f":{problem.line}"
        message(f"{Path(problem.path).name}{line}: {problem.reason}", "error")
    if len(unread) > 5:
        message(f"and {len(unread) - 5:,} more records that cannot be read", "soft")
