"""What is to be judged, what that would take, and the button that starts it."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from convexplain.analysis.pipeline import Turns
from convexplain.analysis.runs import Plan
from convexplain.connectors.models import NAMES
from convexplain.dashboard.services.jobs import start_analyze
from convexplain.dashboard.services.rubric_files import own_rubrics
from convexplain.dashboard.services.uploads import Options, Reading, estimate
from convexplain.errors import ConvexplainError
from convexplain.judges import SAMPLES
from convexplain.rubrics import HEADLINE, load_rubric, rubric_ids

from .plain import message


def run_options(reading: Reading) -> Options | None:
    """Maxims, judge and budget, as the person sets them; None where no maxim is chosen."""
    own = {str(path): f"{path.stem} (your own)" for path in own_rubrics()}
    titles = {name: load_rubric(name).title for name in rubric_ids()} | own
    rubrics = st.multiselect(
        "Maxims", list(titles), default=list(HEADLINE), format_func=lambda name: titles[name], key="rubrics"
    )
    left, middle, right = st.columns([3, 1, 1])
    judge = left.text_input("Judge", "embedded", help=f"One of: {NAMES}", key="judge").strip()
    limit = middle.number_input(
        "Conversations", min_value=1, value=None, placeholder="all", key="limit", help="At most so many"
    )
    which: tuple[Turns, ...] = ("all", "last")
    turns = right.selectbox("Turns", which, key="turns", help="Which assistant turns of a conversation")
    explain = st.toggle("Ask the judge for its reason in words too (one more call a judgement)", key="explain")
    if not rubrics or not judge:
        st.info("Choose at least one maxim, and a judge.")
        return None
    return Options(tuple(rubrics), judge, turns, limit, explain=explain, reading=reading)


def estimate_and_start(database: str, files: Sequence[Path], options: Options) -> None:
    """Says what it would take; then starts it."""
    key = (tuple(files), options)
    left, right = st.columns(2)
    if left.button("Estimate the cost", width="stretch"):
        with st.spinner("Reading the logs and counting …"):
            try:
                st.session_state["estimate"] = (key, estimate(database, files, options))
            except ConvexplainError as error:
                st.session_state["estimate"] = (key, str(error))
    known = st.session_state.get("estimate", (None, None))
    found = known[1] if known[0] == key else None
    if isinstance(found, Plan):
        _show(found, options)
    elif isinstance(found, str):
        message(found, "error")
    ready = isinstance(found, Plan) and found.judgements > 0
    if right.button("Start", type="primary", width="stretch", disabled=not ready) and isinstance(found, Plan):
        try:
            start_analyze(database, files, options, planned=found.judgements)
        except ConvexplainError as error:
            message(str(error), "error")
        else:
            st.session_state.pop("estimate")
            st.toast("Started. It goes on when this page is closed.")
            st.rerun()
    if not ready:
        st.caption("Estimate first: then you know what you start.")


def _show(found: Plan, options: Options) -> None:
    cells = st.columns(4)
    numbers = {
        "Conversations": found.conversations,
        "Judgements": found.judgements,
        "Calls": found.calls,
        "Prompt tokens, about": found.tokens,
    }
    for cell, (name, number) in zip(cells, numbers.items(), strict=True):
        cell.metric(name, f"{number:,}")
    message(
        f"{found.turns:,} assistant turns, {len(options.rubrics)} maxims; {found.cached:,} more calls are in the "
        f"cache. A model that gives no log-probabilities takes {SAMPLES} calls for a judgement.",
        "soft",
    )
    left_out = [problem for problem in found.problems if not problem.kept]
    for problem in left_out[:5]:
        where = Path(problem.path).name if problem.line is None else f"{Path(problem.path).name}:{problem.line}"
        message(f"{where}: {problem.reason}", "error")
    if len(left_out) > 5:
        message(f"and {len(left_out) - 5:,} more that cannot be read", "soft")
