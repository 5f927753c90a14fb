"""The typed settings of background jobs, and their form as JSON in the store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from convexplain.analysis.pipeline import Turns
from convexplain.errors import UsageError
from convexplain.explain.settings import AttributionSettings, ContrastSettings
from convexplain.judges.spec import JudgeSpec
from convexplain.rubrics import HEADLINE
from convexplain.store.jobs import TRIAL, Job
from convexplain.types import Role

from .logs import LogSettings


@dataclass(frozen=True, slots=True)
class AnalyzeJob:
    """Judge logs into a run.

    Attributes:
        logs: the files.
        rubrics: ids of shipped rubrics, or paths of rubric files.
        judge: the judge. Its passwords are not kept: the worker takes them from the environment.
        turns: `all` assistant turns or the `last` one.
        limit: only so many conversations, the first ones.
        reading: how the logs are read.
        explain: how many of the worst turns are explained afterwards.
        sample: only so many random turns; None judges everything.
    """

    kind: ClassVar[str] = "analyze"
    logs: tuple[Path, ...]
    rubrics: tuple[str, ...] = HEADLINE
    judge: JudgeSpec = field(default=JudgeSpec())
    turns: Turns = "all"
    limit: int | None = None
    reading: LogSettings = field(default=LogSettings())
    explain: int = 3
    sample: int | None = None


@dataclass(frozen=True, slots=True)
class ExplainJob:
    """Explain one turn of a run, by the judge that its score is from.

    Attributes:
        run: the run's number.
        conversation: the conversation's own id.
        turn: the turn's index.
        rubric: the rubric's id.
        contrast: which contrast is looked for; None attributes the score.
        attribution: how it is attributed.
        number: the conversation's number in the store, for several of a run may have one id; None explains the turn
            of each.
    """

    kind: ClassVar[str] = "explain"
    run: int
    conversation: str
    turn: int
    rubric: str
    contrast: ContrastSettings | None = None
    attribution: AttributionSettings = field(default=AttributionSettings())
    number: int | None = None


@dataclass(frozen=True, slots=True)
class ExportJob:
    """Write the contrasts of a run as preference pairs.

    Attributes:
        run: the run's number.
        form: as what, a name of `connectors.training.EXPORTERS`.
        out: the folder.
        min_margin: by how much the chosen turn must score higher, in [0, 1].
        test: share of the conversations that is held out, in [0, 1).
        unreviewed: also contrasts that nobody has reviewed, where they pass all gates.
    """

    kind: ClassVar[str] = "export"
    run: int
    form: str
    out: Path
    min_margin: float = 0.0
    test: float = 0.0
    unreviewed: bool = False


@dataclass(frozen=True, slots=True)
class JudgeJob:
    """Judge one turn by a rubric that is being written. Such a job is waited for; `list_jobs` leaves it out.

    Attributes:
        rubric: the rubric file's text.
        messages: role and text of the turns; the last one is judged.
        judge: as of `AnalyzeJob`.
    """

    kind: ClassVar[str] = TRIAL
    rubric: str
    messages: tuple[tuple[Role, str], ...]
    judge: JudgeSpec = field(default=JudgeSpec())


@dataclass(frozen=True, slots=True)
class ThemesJob:
    """Find the themes of a run.

    Attributes:
        run: the run's number.
        lowest: on maxims whose scores only sort turns, this share of the lowest scores is grouped; None as of
            `Workspace.themes`.
        explain: how many members of each theme are explained.
    """

    kind: ClassVar[str] = "themes"
    run: int
    lowest: float | None = None
    explain: int = 0


@dataclass(frozen=True, slots=True)
class RetryJob:
    """Judge again what has no score in a run, by the run's own judge.

    Attributes:
        run: the run's number.
    """

    kind: ClassVar[str] = "retry"
    run: int


@dataclass(frozen=True, slots=True)
class RedactJob:
    """Replace personal data in a run, for good.

    Attributes:
        run: the run's number.
    """

    kind: ClassVar[str] = "redact"
    run: int


RunJob: TypeAlias = ExplainJob | ExportJob | ThemesJob | RetryJob | RedactJob
"""What a job does with a run that exists."""

JobSpec: TypeAlias = AnalyzeJob | JudgeJob | RunJob
"""What a job does."""

_KINDS: dict[str, type[JobSpec]] = {
    kind.kind: kind for kind in (AnalyzeJob, ExplainJob, ExportJob, JudgeJob, ThemesJob, RetryJob, RedactJob)
}


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _reading(values: Mapping[str, Any]) -> LogSettings:
    names = values["redact_names"]
    values = {"map" if name == "columns" else name: value for name, value in values.items()}  # its name in older stores
    return LogSettings(**{**_tuples(values), "redact_names": None if names is None else Path(names)})


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "logs": lambda value: tuple(map(Path, value)),
    "rubrics": tuple,
    "judge": JudgeSpec.parse,
    "reading": _reading,
    "contrast": lambda value: None if value is None else ContrastSettings(**_tuples(value)),
    "attribution": lambda value: AttributionSettings(**_tuples(value)),
    "out": Path,
    "messages": lambda value: tuple(map(tuple, value)),
}


def job_settings(spec: JobSpec) -> dict[str, Any]:
    """Return a spec's fields as JSON values, without passwords."""
    return {part.name: _json(getattr(spec, part.name)) for part in fields(spec)}


def job_spec(job: Job) -> JobSpec:
    """Return what a job does.

    Raises:
        UsageError: another version of convexplain has started it.
    """
    try:
        values = {name: _FIELDS.get(name, lambda value: value)(value) for name, value in job.settings.items()}
        return _KINDS[job.kind](**values)
    except (KeyError, TypeError, UsageError) as error:
        raise UsageError(
            f"job {job.id} was started by another version of convexplain and cannot go on; start it again"
        ) from error


def _json(value: Any) -> Any:
    if isinstance(value, JudgeSpec):
        return value.public
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    if is_dataclass(value):
        return {part.name: _json(getattr(value, part.name)) for part in fields(value)}
    return value
