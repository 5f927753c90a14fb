"""Findings and their explanations: made at the end of an analysis, and as the store has them."""

from convexplain.analysis.plans import Plan
from convexplain.analysis.progress import Progress
from convexplain.errors import ConvexplainError, UsageError
from convexplain.report.explanations import explanation
from convexplain.store import RunStore

from .explanations import ExplanationModels, explain_scopes, turn_scopes
from .judge_arguments import JudgeLike
from .results import AnalyzedRun, Finding
from .tasks import FINDING_TASK
from .turn_explanation import Explanation


def stored_explanation(store: RunStore, finding: Finding) -> Explanation:
    """Return a finding with its newest attributions and contrast in the store, if there are any. Nothing is asked."""
    return Explanation(finding, *explanation(store, finding.run, finding.judged))


def check_explain(explain: int) -> None:
    """Raise UsageError unless this many turns can be explained."""
    if explain < 0:
        raise UsageError(f"explain={explain} is not valid; it must be at least 0, the number of turns to explain")


def explanation_cost(plan: Plan, explain: int) -> str:
    """Return in words what explaining the worst turns after an analysis takes at most; empty for none.

    Args:
        plan: of the analysis.
        explain: how many of the worst turns.
    """
    turns = min(explain, plan.turns)
    if not turns or FINDING_TASK.total is None:
        return ""
    named = "the worst turn" if turns == 1 else f"the {turns} worst turns"
    return f"at most {turns * FINDING_TASK.total} evaluations for explanations of {named}"


def worst_findings(run: AnalyzedRun, n: int) -> list[Finding]:
    """Return those of the n worst turns of a run whose score is below its threshold."""
    return [
        finding for finding in run.worst(n) if finding.score is not None and finding.score < finding.rubric.threshold
    ]


async def explain_worst(run: AnalyzedRun, n: int, judge: JudgeLike, progress: Progress) -> None:
    """Explain the worst turns of a run shortly (`FINDING_TASK`), and keep the explanations in the store.

    Nothing that goes wrong is raised: the run is judged and kept, and a note says what is missing.

    Args:
        run: the run.
        n: how many of its worst turns; those with a score below its threshold are explained.
        judge: the judge of the run, for judges that cannot be opened again by their names.
        progress: is told how far it is.
    """
    findings = worst_findings(run, n) if n else []
    if not findings:
        return
    rubrics = list({finding.rubric.sha: finding.rubric for finding in findings}.values())
    turns = [finding.judged for finding in findings]
    reopened = None if run.run.judge_spec else judge
    try:
        scopes = turn_scopes(run.store, run.run, rubrics, turns, FINDING_TASK, reopened)
        await explain_scopes(scopes, FINDING_TASK, ExplanationModels(), progress)
    except Exception as error:  # noqa: BLE001 - whatever happens to explanations, the run is there
        reason = str(error) if isinstance(error, ConvexplainError) else f"{type(error).__name__}: {error}"
        named = "the worst turn" if len(findings) == 1 else f"at least one of the {len(findings)} worst turns"
        progress.note(
            f"Not explained: {named} ({reason}). The run itself is complete; `convexplain explain {run.id}` tries "
            "again."
        )
