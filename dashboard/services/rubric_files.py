"""The user's own rubrics: checked, tried on a turn, and saved in the user's data folder."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import platformdirs
import yaml

from convexplain.errors import ConvexplainError, RubricError, UsageError
from convexplain.rubrics import RubricProblem, parse_rubric, rubric_ids, rubric_problems
from convexplain.system.files import write_text
from convexplain.types import Turn
from convexplain.workspace import JudgeSpec, default_database
from convexplain.workspace.job_specs import JudgeJob
from convexplain.workspace.jobs import start_job, wait_for_job

from .audit import record
from .model_choices import check_judge
from .people import check_right

_SECONDS = 600


def rubric_folder() -> Path:
    """Return the folder of the user's own rubrics."""
    return Path(platformdirs.user_data_dir("convexplain")) / "rubrics"


def own_rubrics(folder: Path | None = None) -> list[Path]:
    """Return the files of the user's own rubrics."""
    return sorted((folder or rubric_folder()).glob("*.yaml"))


def check_rubrics(rubrics: Iterable[str]) -> None:
    """Check that each rubric is a packaged maxim or one of the user's own, so that a browser reads no other file.

    Raises:
        UsageError: one is neither.
    """
    valid = {*rubric_ids(), *map(str, own_rubrics())}
    if wrong := [name for name in rubrics if name not in valid]:
        raise UsageError(f"rubric {wrong[0]!r:.100} is neither a maxim nor one of your own; save it as one first")


def as_yaml(fields: Any) -> str:
    """Return a rubric's fields, or the value of one of them, as YAML text."""
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=110)


def as_fields(text: str) -> dict[str, Any]:
    """Return the fields of a rubric file's text.

    Raises:
        RubricError: the text is not valid.
    """
    rubric = parse_rubric(text, "rubric")
    return {
        "id": rubric.id,
        "title": rubric.title,
        "category": rubric.category,
        **({"scope": rubric.scope} if rubric.of_conversation else {}),
        "requirement": rubric.requirement,
        "labels": [{"name": label.name, "value": label.value, "criterion": label.criterion} for label in rubric.labels],
        "threshold": rubric.threshold,
        "examples": [
            {"label": example.label, "turns": [{turn.role: turn.content} for turn in example.turns]}
            for example in rubric.examples
        ],
        "notes": list(rubric.notes),
    }


def problems_by_field(text: str) -> dict[str, list[RubricProblem]]:
    """Return the problems of a rubric by field; those of no single field under ""."""
    problems: dict[str, list[RubricProblem]] = {}
    for problem in rubric_problems(text):
        problems.setdefault(str(problem.path[0]) if problem.path else "", []).append(problem)
    return problems


def save_rubric(text: str, folder: Path | None = None) -> Path:
    """Save a rubric of the user's own; it replaces an earlier one with the same id. Return its path.

    Raises:
        RubricError: the rubric is not valid, or its id is that of a maxim that comes with convexplain.
        UsageError: the person's role does not allow it.
    """
    person = check_right("change maxims")
    rubric = parse_rubric(text, "rubric")
    if rubric.id in rubric_ids():
        raise RubricError(f"id: {rubric.id!r} is a maxim that comes with convexplain; give yours another id")
    folder = folder or rubric_folder()
    path = folder / f"{rubric.id}.yaml"
    write_text(path, text)
    record(default_database(), person.name, "save rubric", rubric=rubric.id)
    return path


def try_rubric(text: str, turns: Sequence[Turn], judge: str) -> tuple[dict[str, Any] | None, str]:
    """Judge the last of the turns by a rubric, in a job with a temporary store.

    Returns:
        The judgement's fields, or None; and the job's messages.
    """
    parse_rubric(text, "rubric")
    messages = tuple((turn.role, turn.content) for turn in turns)
    try:
        check_right("run models")
        spec = JudgeSpec.parse(judge)
        check_judge(spec)
        with TemporaryDirectory(prefix="convexplain-") as folder:
            database = str(Path(folder) / "trial.db")
            job = start_job(database, JudgeJob(text, messages, spec))
            state = wait_for_job(database, job, _SECONDS)
            shutil.rmtree(state.job.folder, ignore_errors=True)
    except ConvexplainError as error:
        return None, str(error)
    if state.status == "done" and state.job.result is not None:
        return dict(state.job.result), state.messages
    return None, state.job.error or state.messages or f"The judge did not answer within {_SECONDS} seconds."
