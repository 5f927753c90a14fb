"""Rubrics of one's own: read, checked, tried on a turn, and kept in the user's data folder."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import platformdirs
import yaml

from convexplain.errors import RubricError
from convexplain.rubrics import RubricProblem, parse_rubric, rubric_ids, rubric_problems
from convexplain.types import Turn

_SECONDS = 600


def rubric_folder() -> Path:
    """Where rubrics of one's own are kept: in the user's data folder."""
    return Path(platformdirs.user_data_dir("convexplain")) / "rubrics"


def own_rubrics(folder: Path | None = None) -> list[Path]:
    """The files of the user's own rubrics."""
    return sorted((folder or rubric_folder()).glob("*.yaml"))


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
    """Judges the last of the turns, as the command line does, in a store that is thrown away.

    Returns:
        The judgement as `judgements.jsonl` holds it, or None and what the command said instead.
    """
    parse_rubric(text, "rubric")
    with TemporaryDirectory(prefix="convexplain-") as name:
        folder = Path(name)
        (folder / "rubric.yaml").write_text(text, encoding="utf-8")
        messages = [{"role": turn.role, "content": turn.content} for turn in turns]
        (folder / "turn.jsonl").write_text(json.dumps({"id": "tried", "messages": messages}), encoding="ascii")
        command = [sys.executable, "-m", "convexplain", "analyze", "turn.jsonl", "--rubric=rubric.yaml"]
        command += [f"--judge={judge}", "--turns=last", "--explain", "--out=out", "--db=try.db"]
        try:
            done = subprocess.run(  # noqa: S603 - arguments, no shell
                command, cwd=folder, capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            return None, f"The judge did not answer within {_SECONDS} seconds."
        kept = folder / "out" / "judgements.jsonl"
        rows = kept.read_text("ascii").splitlines() if kept.is_file() else []
        said = done.stderr.decode("utf-8", "replace").strip()
        return (json.loads(rows[0]), said) if rows else (None, said)
