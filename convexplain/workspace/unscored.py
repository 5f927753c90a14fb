"""Another try at the judgements of a run that have no score."""

import json
from typing import Any

from convexplain.analysis.pipeline import Choice
from convexplain.analysis.progress import Progress
from convexplain.analysis.runs import judge_unscored
from convexplain.analysis.sampling import stored_sample
from convexplain.errors import UsageError
from convexplain.judges.spec import JudgeSpec
from convexplain.store import Run, RunStore, run_rubrics, unscored_conversations

from .build import BuiltJudge, open_judge
from .judge_arguments import JudgeLike
from .results import AnalyzedRun


async def retry_run(store: RunStore, run: Run, judge: JudgeLike | None, progress: Progress) -> AnalyzedRun:
    """Judge again what has no score in a run, by the run's own judge and rubrics, and keep the results in it.

    Args:
        store: the store.
        run: the run.
        judge: the run's judge, where it cannot be opened by its name; None opens it.
        progress: receives how far it is.

    Raises:
        UsageError: the judge cannot be opened by its name, or is another one than that of the run.
        StoreError: a process works on the run.
        UnavailableError: the model is gone; what was judged until then is kept.
    """
    turns = run.settings.get("turns", "all")
    if turns not in ("all", "last"):
        raise UsageError(f"run {run.id} judges the turns of labels: validate again instead")
    numbers = unscored_conversations(store, run.id)
    if not numbers:
        return AnalyzedRun(store, run)
    if judge is None and run.judge_spec is None:
        raise UsageError(
            f"run {run.id} was judged by {run.judge!r}, which cannot be opened by that name: name the judge "
            "(--judge, or judge= from Python)"
        )
    chosen = judge if judge is not None else JudgeSpec.parse(str(run.judge_spec))
    options = _options(run) if judge is not None else {}

    def spent() -> None:
        progress.spent(*built.spends)

    async with open_judge(chosen, run_rubrics(store, run.id), cache=store, on_change=spent, **options) as opened:
        built = opened
        _check_same(run, built)
        progress.started(run.id)
        sample = stored_sample(store, run)
        choice: Choice = turns if sample is None else sample.choose
        await judge_unscored(
            store, store.reopen_run(run.id), numbers, built.rubrics, built.judge, built.all_calls, progress, choice
        )
        return AnalyzedRun(store, store.run(run.id), built.escalated)


def _options(run: Run) -> dict[str, Any]:
    """Return the fields of `JudgeSpec` that a run was judged with."""
    explain = run.settings.get("explain")
    reasons = {True: "all", False: "none"}.get(explain, explain) if isinstance(explain, bool) else explain
    options = {"samples": run.settings.get("samples"), "reasons": reasons, "calibrated": "calibrated" in run.settings}
    return options | {"reasoning": bool(run.settings.get("reasoning"))}


def _check_same(run: Run, built: BuiltJudge) -> None:
    """Raise UsageError where a judge is another one than that of the run, or has other settings."""
    differing = "another model answers" if built.fingerprint != run.fingerprint else ""
    settings = json.loads(json.dumps(dict(built.settings)))
    names = {"samples", "explain", "reasoning", "calibrated", "escalate"}
    changed = sorted(name for name in names if settings.get(name) != run.settings.get(name))
    if changed and not differing:
        differing = f"{' and '.join(changed)} differ"
    if differing:
        raise UsageError(
            f"run {run.id} was judged by {run.judge} ({run.fingerprint}), and not by {built.model.name} as it is now: "
            f"{differing}. Scores of two judges are not mixed in one run; `convexplain analyze --stored {run.id}` "
            "judges all of its conversations in a run of its own"
        )
