"""The judges that a visitor may choose: the models on this machine, the operator's server and connections."""

from convexplain.errors import UsageError
from convexplain.store import Run, RunStore
from convexplain.store.jobs import analyzing_jobs
from convexplain.workspace import JudgeSpec
from convexplain.workspace.judge_defaults import BASE_URL, connection_judges, endpoint_judge, local_judges


class _Choice:
    any_model = False


def allow_any_model(allowed: bool) -> None:
    """Let people name any model, also by URL, file or repository: for a dashboard that only its operator reaches."""
    _Choice.any_model = allowed


def any_model_allowed() -> bool:
    """Return whether people may name any model."""
    return _Choice.any_model


def judge_choices() -> tuple[str, ...]:
    """Return the names of the judges that a visitor may choose."""
    try:
        endpoint = endpoint_judge()
    except UsageError:  # `judge_problem` reports it
        endpoint = None
    return (*local_judges(), *(() if endpoint is None else (endpoint.public,)), *connection_judges())


def judge_problem() -> str | None:
    """Return why the endpoint of the environment cannot be chosen; None where it can, or where there is none."""
    try:
        endpoint_judge()
    except UsageError as error:
        return str(error)
    return None


def check_judge(judge: JudgeSpec) -> None:
    """Check that a judge and its second judge may be chosen; how they judge is free.

    Raises:
        UsageError: one of them may not.
    """
    if any_model_allowed():
        return
    choices = judge_choices()
    models = [JudgeSpec.parse(choice).model_alone() for choice in choices]
    for spec in judge.chain:
        if spec.model_alone() in models:
            continue
        name = spec.public.rpartition("@")[2].partition("key=")[0]  # a visitor may have put a key there
        raise UsageError(
            f"model {name[:100]!r} is not known to this dashboard; valid are: {', '.join(choices)}. An operator adds a "
            f"server by `convexplain connections add`, or by the environment variable {BASE_URL}"
        )


def check_run_judge(store: RunStore, run: Run) -> None:
    """Check that a run's judge may be asked again; the operator answers for runs of the command line.

    Raises:
        UsageError: the run was started on a page, with a judge that can no longer be chosen.
    """
    for job in analyzing_jobs(store, run.id):
        check_judge(JudgeSpec.parse(str(job.settings.get("judge") or run.judge_spec or run.judge)))
