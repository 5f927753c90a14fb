"""Jobs that a visitor starts; each checks that the visitor may choose what the browser sent."""

import uuid
from pathlib import Path

import platformdirs

from convexplain.analysis.plans import Plan
from convexplain.errors import UnavailableError
from convexplain.explain.settings import AttributionSettings, ContrastSettings
from convexplain.store import RunStore
from convexplain.store.jobs import find_job, newest_jobs
from convexplain.workspace import Workspace
from convexplain.workspace.job_specs import (
    AnalyzeJob,
    ExplainJob,
    ExportJob,
    JobSpec,
    JudgeJob,
    RedactJob,
    RetryJob,
    ThemesJob,
    job_settings,
    job_spec,
)
from convexplain.workspace.jobs import cancel_job, resume_job, start_job, state_of

from .audit import recorded
from .model_choices import check_judge, check_run_judge
from .people import Action, check_right
from .rubric_files import check_rubrics
from .uploads import check_logs


def estimate(database: str, spec: AnalyzeJob) -> Plan:
    """Return the plan of an analysis with its number of calls; this reads all logs once and asks no judge.

    Raises:
        ConvexplainError: the settings are not valid, or the judge's server does not answer.
    """
    check_right("run models")
    _check(database, spec)
    workspace = Workspace(database)
    try:
        plan = workspace.plan(
            spec.logs,
            spec.rubrics,
            spec.judge,
            turns=spec.turns,
            limit=spec.limit,
            settings=spec.reading,
            sample=spec.sample,
        )
    finally:
        workspace.close()
    if plan.unreached:
        raise UnavailableError(plan.unreached)
    return plan


def start_analyze(database: str, spec: AnalyzeJob) -> int:
    """Start judging uploaded logs, or resume an unfinished job with the same settings; return the job's number.

    Raises:
        UsageError: a setting cannot be chosen, or a job with the same settings is running.
        ConvexplainError: the process cannot be started.
    """
    return _start(database, spec)


def start_explain(
    database: str,
    run: int,
    conversation: str,
    turn: int,
    rubric: str,
    contrast: ContrastSettings | None,
    number: int | None = None,
    attribution: AttributionSettings = AttributionSettings(),
) -> int:
    """Start explaining one turn of a run, or resume an unfinished explanation; return the job's number.

    Args:
        database: the store's URL or file.
        run: the run's number.
        conversation: the conversation's own id.
        turn: the turn's index.
        rubric: the maxim's id.
        contrast: settings of the contrast search; None attributes the score instead.
        number: the conversation's number in the store; None explains this turn of every conversation with that id.
        attribution: settings of the attribution.

    Raises:
        ConvexplainError: as for `start_analyze`.
    """
    return _start(database, ExplainJob(run, conversation, turn, rubric, contrast, attribution, number))


def running_explanation(
    store: RunStore,
    run: int,
    conversation: str,
    turn: int,
    rubric: str,
    contrast: ContrastSettings | None,
    number: int | None = None,
) -> int | None:
    """Return the number of the job that explains a turn in the same way right now; None where there is none.

    Args:
        store: the run store.
        run, conversation, turn, rubric, contrast, number: as of `start_explain`.
    """
    spec = ExplainJob(run, conversation, turn, rubric, contrast, number=number)
    settings = job_settings(spec)
    for job in newest_jobs(store):
        if (job.kind, job.status, job.settings) == (spec.kind, "running", settings):
            return job.id if state_of(store, job).status == "running" else None
    return None


def start_export(database: str, run: int, form: str, min_margin: float, test: float, unreviewed: bool = False) -> int:
    """Start writing the pairs of a run into a new folder; return the job's number.

    Args:
        database: the store's URL or file.
        run, form, min_margin, test, unreviewed: as in `ExportJob`.

    Raises:
        ConvexplainError: as for `start_analyze`.
    """
    out = Path(platformdirs.user_data_dir("convexplain")) / "exports" / uuid.uuid4().hex
    return _start(database, ExportJob(run, form, out, min_margin, test, unreviewed))


def start_themes(database: str, run: int, lowest: float | None, explain: int) -> int:
    """Start looking for the themes of a run; return the job's number.

    Args:
        database: the store's URL or file.
        run, lowest, explain: as in `ThemesJob`.

    Raises:
        ConvexplainError: as for `start_analyze`.
    """
    return _start(database, ThemesJob(run, lowest, explain))


def start_retry(database: str, run: int) -> int:
    """Start judging again what has no score in a run; return the job's number.

    Raises:
        ConvexplainError: as for `start_analyze`.
    """
    return _start(database, RetryJob(run))


def start_redaction(database: str, run: int) -> int:
    """Start replacing personal data in a run, for good; return the job's number.

    Raises:
        ConvexplainError: as for `start_analyze`.
    """
    return _start(database, RedactJob(run))


def resume(database: str, job: int) -> None:
    """Resume a job where it stopped.

    Raises:
        UsageError: it is running, one of its settings can no longer be chosen, another version started it, or the
            person's role does not allow it.
    """
    store = RunStore(database)
    try:
        spec = job_spec(find_job(store, job))
    finally:
        store.close()
    with recorded(database, _right(spec), "resume job", job=job):
        _check(database, spec)
        resume_job(database, job)


def cancel(database: str, job: int) -> None:
    """Stop a job; what it has done until then is kept.

    Raises:
        UsageError: it cannot be stopped from here, or the person's role does not allow it.
    """
    with recorded(database, "run models", "cancel job", job=job):
        cancel_job(database, job)


def _start(database: str, spec: JobSpec) -> int:
    right = _right(spec)
    with recorded(database, right, "export" if right == "export" else f"start {spec.kind}") as details:
        _check(database, spec)
        details["job"] = start_job(database, spec)
        if isinstance(spec, AnalyzeJob):
            details |= {"logs": [log.name for log in spec.logs], "judge": spec.judge.public}
        elif not isinstance(spec, JudgeJob):
            details["run"] = spec.run
    return int(details["job"])


def _right(spec: JobSpec) -> Action:
    if isinstance(spec, RedactJob):
        return "delete"
    return "export" if isinstance(spec, ExportJob) else "run models"


def _check(database: str, spec: JobSpec) -> None:
    if isinstance(spec, RedactJob) or (isinstance(spec, ThemesJob) and not spec.explain):
        return  # no judge is asked
    if isinstance(spec, AnalyzeJob):
        check_judge(spec.judge)
        check_rubrics(spec.rubrics)
        check_logs([*spec.logs, *filter(None, [spec.reading.redact_names])])
    elif isinstance(spec, JudgeJob):
        check_judge(spec.judge)
    else:
        store = RunStore(database)
        try:
            check_run_judge(store, store.run(spec.run))
        finally:
            store.close()
