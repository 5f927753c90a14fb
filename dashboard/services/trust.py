"""How far the judge of a run is to be trusted, as the pages show it beside its scores."""

from collections.abc import Mapping, Sequence

from convexplain.report.trust_marks import TrustMark, trust_mark
from convexplain.store import Run, RunStore, run_rubrics
from convexplain.types import Rubric
from convexplain.workspace.trust import run_trust


def run_marks(store: RunStore, run: Run, rubrics: Sequence[Rubric] | None = None) -> Mapping[str, TrustMark]:
    """Return the marks of a run's maxims, by their ids.

    Args:
        store: the run store.
        run: the run.
        rubrics: its rubrics; None reads them, which takes long on a large run.
    """
    trust = run_trust(store, run, run_rubrics(store, run.id) if rubrics is None else rubrics, {})
    return {rubric: trust_mark(level) for rubric, level in trust.items()}
