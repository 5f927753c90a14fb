"""Alarm budgets: the thresholds under which a share of ordinary turns falls."""

from dataclasses import replace

from convexplain.errors import UsageError
from convexplain.store import Run, RunStore, run_rubrics
from convexplain.store.alarms import Alarm, AlarmOrigin, keep_alarms, sorted_scores
from convexplain.types import Rubric

from .results import AnalyzedRun
from .trust import Trust, run_trust

MIN_TURNS = 200
"""Scored turns of a run from which on its own scores say which ones are low."""
_EDGE = 1e-9  # thresholds lie in (0, 1); also the rounding error of shares


def check_alarms(alarms: float | None) -> None:
    """Raise UsageError where a budget is no share of turns."""
    if alarms is not None and not 0 < alarms < 1:
        raise UsageError(
            f"alarms={alarms} is not valid; it is the share of ordinary turns that may be flagged, in (0, 1): 0.05 for "
            "the lowest 5 % (command line: --alarms 5%)"
        )


def apply_alarms(store: RunStore, run: Run, share: float) -> Run:
    """Choose the thresholds of a judged run by a budget, put them in place of the rubrics', and return the run.

    A run with MIN_TURNS scores or more gives its own threshold; else the judge's scores of turns that are known to
    be good do, where there are any; else the run's own, which are few.

    Args:
        store: the store.
        run: the run, completely judged.
        share: the share of ordinary turns that may be flagged, in (0, 1).
    """
    trust = AnalyzedRun(store, run).trust
    alarms = []
    for rubric in run_rubrics(store, run.id):
        alarm = _alarm(sorted_scores(store, run.id, rubric), rubric, trust[rubric.id], share)
        if alarm is not None:
            moved = replace(rubric, threshold=alarm.threshold)
            alarms.append(replace(alarm, flags=run_trust(store, run, [moved], {})[rubric.id].flags))
    keep_alarms(store, run.id, alarms)
    return store.run(run.id)


def _alarm(scores: list[float], rubric: Rubric, trust: Trust, share: float) -> Alarm | None:
    """Return the alarm of a maxim; None where no turn has a score and nothing is known of the judge."""
    reference = trust.quantile(share)
    origin: AlarmOrigin = "run" if len(scores) >= MIN_TURNS else "small run" if reference is None else "reference"
    if reference is None or origin == "run":
        if not scores:
            return None
        reference = _quantile(scores, share)
    threshold = min(max(reference, _EDGE), 1 - _EDGE)
    flagged = sum(score < threshold for score in scores)
    return Alarm(
        rubric.id,
        share,
        threshold,
        rubric.threshold,
        origin,
        len(scores),
        flagged,
        trust.catch(threshold),
    )


def _quantile(scores: list[float], share: float) -> float:
    """Return a threshold below which at most a share of sorted scores lies; to three decimals where these do."""
    allowed = int(share * len(scores) + _EDGE)
    threshold = scores[min(allowed, len(scores) - 1)]
    rounded = round(threshold, 3)
    return rounded if sum(score < rounded for score in scores) <= allowed else threshold
