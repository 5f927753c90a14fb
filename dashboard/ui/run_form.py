"""What is to be judged, what that would take, and the button that starts it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st

from convexplain.analysis.pipeline import Turns
from convexplain.analysis.plans import Plan
from convexplain.dashboard.services.jobs import estimate, start_analyze
from convexplain.dashboard.services.model_choices import judge_choices, judge_problem
from convexplain.dashboard.services.rubric_files import own_rubrics
from convexplain.errors import ConvexplainError
from convexplain.rubrics import HEADLINE, load_rubric, rubric_ids
from convexplain.workspace import JudgeSpec, LogSettings
from convexplain.workspace.jobs import AnalyzeJob

from .plain import message

JUDGE_HELP = "Further judges are servers that an operator adds by the environment variable CONVEXPLAIN_BASE_URL."


def run_options(files: Sequence[Path], reading: LogSettings) -> AnalyzeJob | None:
    """Return what is to be done, as the person sets it; None where that is not valid."""
    titles = {name: load_rubric(name).title for name in rubric_ids()}
    titles |= {str(path): f"{path.stem} (your own)" for path in own_rubrics()}
    rubrics = st.multiselect(
        "Maxims", list(titles), default=list(HEADLINE), format_func=lambda name: titles[name], key="rubrics"
    )
    left, middle, right = st.columns([3, 1, 1])
    judge = left.selectbox("Judge", judge_choices(), key="judge", help=JUDGE_HELP)
    limit = middle.number_input(
        "Conversations", min_value=1, value=None, placeholder="all", key="limit", help="At most so many"
    )
    if problem := judge_problem():
        message(problem, "error")
    which: tuple[Turns, ...] = ("all", "last")
    turns = right.selectbox("Turns", which, key="turns", help="Which assistant turns of a conversation")
    reasons = st.toggle("Ask the judge for its reason in words too (one more call a judgement)", key="explain")
    calibrated = st.toggle("Map scores to what people say, as `judges calibrate` learnt it", key="calibrated")
    others = [choice for choice in judge_choices() if choice != judge]
    second = None
    if others:
        second = st.selectbox(
            "Second judge for scores near the threshold", others, index=None, placeholder="none", key="escalate"
        )
    if not rubrics:
        st.info("Choose at least one maxim.")
        return None
    try:
        strong = None if second is None else JudgeSpec.parse(second)
        spec = replace(JudgeSpec.parse(judge), reasons=reasons, calibrated=calibrated, escalate=strong)
    except ConvexplainError as error:  # a browser may send anything
        message(str(error), "error")
        return None
    return AnalyzeJob(tuple(files), tuple(rubrics), spec, turns, limit, reading)


def estimate_and_start(database: str, spec: AnalyzeJob) -> None:
    """Show what it would take; then start it."""
    left, right = st.columns(2)
    if left.button("Estimate the cost", width="stretch"):
        with st.spinner("Reading the logs and counting …"):
            try:
                st.session_state["estimate"] = (spec, estimate(database, spec))
            except ConvexplainError as error:
                st.session_state["estimate"] = (spec, str(error))
    counted, plan = st.session_state.get("estimate", (None, None))
    plan = plan if counted == spec else None
    if isinstance(plan, Plan):
        _show(plan, len(spec.rubrics))
    elif isinstance(plan, str):
        message(plan, "error")
    ready = isinstance(plan, Plan) and plan.judgements > 0
    if right.button("Start", type="primary", width="stretch", disabled=not ready) and ready:
        try:
            start_analyze(database, spec)
        except ConvexplainError as error:
            message(str(error), "error")
        else:
            st.session_state.pop("estimate")
            st.toast("Started. It goes on when this page is closed.")
            st.rerun()
    if not ready:
        st.caption("Estimate first: then you know what you start.")


def _show(plan: Plan, rubrics: int) -> None:
    cells = st.columns(4)
    numbers = {
        "Conversations": plan.conversations,
        "Judgements": plan.judgements,
        "Calls": plan.calls,
        "Prompt tokens, about": plan.tokens,
    }
    for cell, (name, number) in zip(cells, numbers.items(), strict=True):
        cell.metric(name, f"{number:,}")
    message(
        f"{plan.turns:,} assistant turns, {rubrics} maxims; {plan.cached:,} more calls are in the "
        f"cache. A model that gives no log-probabilities takes {plan.samples} calls for a judgement.",
        "soft",
    )
    left_out = [problem for problem in plan.problems if not problem.kept]
    for problem in left_out[:5]:
        where = Path(problem.path).name if problem.line is None else f"{Path(problem.path).name}:{problem.line}"
        message(f"{where}: {problem.reason}", "error")
    if len(left_out) > 5:
        message(f"and {len(left_out) - 5:,} more that cannot be read", "soft")
