"""Rubrics of one's own: read, checked, tried on a turn, and kept in the user's data folder."""

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import platformdirs
import yaml

from convexplain.errors import ConvexplainError, RubricError, UsageError
from convexplain.rubrics import RubricProblem, parse_rubric, rubric_ids, rubric_problems
from convexplain.types import Turn
from convexplain.workspace import JudgeSpec
from convexplain.workspace.jobs import JudgeJob, start_job, wait_for_job

from .model_choices import check_judge

_SECONDS = 600


def rubric_folder() -> Path:
    """Where rubrics of one's own are kept: in the user's data folder."""
    return Path(platformdirs.user_data_dir("convexplain")) / "rubrics"


def own_rubrics(folder: Path | None = None) -> list[Path]:
    """The files of the user's own rubrics."""
    return sorted((folder or rubric_folder()).glob("*.yaml"))


def check_rubrics(rubrics: Iterable[str]) -> None:
    """Check that rubrics are shipped ones, or files of the user's own: no other file is read for a browser.

    Raises:
        UsageError: one is not.
    """
    valid = {*rubric_ids(), *map(str, own_rubrics())}
    if wrong := [name for name in rubrics if name not in valid]:
        raise UsageError(f"rubric {wrong[0]!r:.100} is neither a maxim nor one of your own; save it as one first")


def as_yaml(fields: Any) -> str:
    """A rubric's fields, or the value of one of them, as YAML text."""
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=110)


def as_fields(text: str) -> dict[str, Any]:
    """The fields of a valid rubric file's text. Raises RubricError where it is not valid."""
    rubric = parse_rubric(text, "rubric")
    return {
        "id": rubric.id,
        "title": rubric.title,
        "category": rubric.category,
        "requirement": rubric.requirement,
        "labels": [{"name": one.name, "value": one.value, "criterion": one.criterion} for one in rubric.labels],
        "threshold": rubric.threshold,
        "examples": [
            {"label": one.label, "turns": [{turn.role: turn.content} for turn in one.turns]} for one in rubric.examples
        ],
        "notes": list(rubric.notes),
    }


def problems_by_field(text: str) -> dict[str, list[RubricProblem]]:
    """What is wrong with a rubric, by its field; under "" what is wrong with the whole."""
    found: dict[str, list[RubricProblem]] = {}
    for problem in rubric_problems(text):
        found.setdefault(str(problem.path[0]) if problem.path else "", []).append(problem)
    return found


def save_rubric(text: str, folder: Path | None = None) -> Path:
    """Keeps a rubric of one's own, in place of an earlier one with the same id.

    Raises:
        RubricError: it is not valid, or its id is that of a maxim that comes with convexplain.
    """
    rubric = parse_rubric(text, "rubric")
    if rubric.id in rubric_ids():
        raise RubricError(f"id: {rubric.id!r} is a maxim that comes with convexplain; give yours another id")
    folder = folder or rubric_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{rubric.id}.yaml"
    coming = path.with_suffix(".coming")
    coming.write_text(text, encoding="utf-8")
    os.replace(coming, path)
    return path


def try_rubric(text: str, turns: Sequence[Turn], judge: str) -> tuple[dict[str, Any] | None, str]:
    """Judge the last of the turns by a job, in a store that is thrown away.

    Returns:
        The judgement's fields, or None; and what the job reported.
    """
    parse_rubric(text, "rubric")
    messages = tuple((turn.role, turn.content) for turn in turns)
    try:
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
