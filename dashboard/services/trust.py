"""How far the judge of a run is to be trusted, as the pages show it beside its scores."""

from collections.abc import Mapping

from convexplain.report.trust_marks import TrustMark, trust_mark
from convexplain.store import Run, RunStore, run_rubrics
from convexplain.workspace.trust import run_trust


def run_marks(store: RunStore, run: Run) -> Mapping[str, TrustMark]:
    """Return the marks of a run's maxims, by their ids."""
    trust = run_trust(store, run, run_rubrics(store, run.id), {})
    return {rubric: trust_mark(level) for rubric, level in trust.items()}
