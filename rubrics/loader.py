"""Loader of rubric files: YAML that obeys schema.json becomes a `Rubric`."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from convexplain.errors import RubricError
from convexplain.types import Example, Label, Rubric, Turn

from .plain_yaml import MAX_CHARACTERS, parse_yaml

HEADLINE = ("helpfulness", "harm", "informativeness")
_MAX_BYTES = 4 * MAX_CHARACTERS
_MAX_PROBLEMS = 20  # that are listed
_MAX_MESSAGE = 300  # characters: jsonschema's messages repeat the value


def rubric_ids() -> tuple[str, ...]:
    """Return the ids of the rubrics in this folder: the headline maxims first, then all others by name."""
    names = {file.name.removesuffix(".yaml") for file in files(__package__).iterdir() if file.name.endswith(".yaml")}
    return (*HEADLINE, *sorted(names - set(HEADLINE)))


def load_rubric(id_or_path: str | Path) -> Rubric:
    """Load a shipped rubric by its id, or a user's own by the path of its YAML file.

    Raises:
        RubricError: there is no such rubric, or the file breaks the schema; the message names file, line and key.
    """
    text = str(id_or_path)
    return parse_rubric(rubric_text(id_or_path), f"{text}.yaml" if text in rubric_ids() else text)


def rubric_text(id_or_path: str | Path) -> str:
    """Return the YAML text of a shipped rubric or of a user's file.

    Raises:
        RubricError: there is no such rubric, or the file is not UTF-8 text.
    """
    text = str(id_or_path)
    if text in rubric_ids():
        return (files(__package__) / f"{text}.yaml").read_text("utf-8")
    path = Path(id_or_path)
    try:
        if not path.is_file():
            raise RubricError(f"rubric {text!r:.200} is neither a file nor one of: {', '.join(rubric_ids())}")
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise RubricError(f"{path}: has more than {_MAX_BYTES:,} bytes, the most that a rubric may have")
        return content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RubricError(f"{path}: cannot be read as UTF-8 text: {error}") from error


@dataclass(frozen=True, slots=True)
class RubricProblem:
    """A problem in the text of a rubric.

    Attributes:
        path: the keys and indices (from 0) that lead to it; empty where it concerns the whole text.
        line: the 1-based line of the text; None where it concerns the whole text.
        message: what is wrong there, for people.
    """

    path: tuple[str | int, ...]
    line: int | None
    message: str


@lru_cache(maxsize=64)
def parse_rubric(text: str, where: str) -> Rubric:
    """Parse a rubric from YAML text.

    Args:
        text: the YAML text.
        where: the file's name, for messages.

    Raises:
        RubricError: the text is no rubric; one line for each problem.
    """
    data, problems = _parse(text)
    if problems:
        places = (where if problem.line is None else f"{where}:{problem.line}" for problem in problems)
        lines = (f"{place}: {problem.message}" for place, problem in zip(places, problems, strict=True))
        raise RubricError("\n".join(lines))
    return _rubric(data)


def rubric_problems(text: str) -> list[RubricProblem]:
    """Return all problems that keep YAML text from being a rubric; an empty list where it is one."""
    return _parse(text)[1]


def _parse(text: str) -> tuple[Any, list[RubricProblem]]:
    """Parse the text, and return the parsed YAML with its problems."""
    try:
        tree, data = parse_yaml(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = f"not valid YAML: {getattr(error, 'problem', None) or error}"
        return None, [RubricProblem((), mark.line + 1 if mark else None, message)]
    if tree is None:
        return None, [RubricProblem((), None, "the file is empty")]
    errors = _validator().iter_errors(data)
    problems = [(_path(error), _explain(error)) for error in islice(errors, _MAX_PROBLEMS)]
    problems = problems or _beyond_schema(data)[:_MAX_PROBLEMS]
    return data, [RubricProblem(tuple(path), _line(tree, path), _shortened(text)) for path, text in problems]


def _shortened(message: str) -> str:
    return message if len(message) <= _MAX_MESSAGE else f"{message[: _MAX_MESSAGE // 2]} … {message[-100:]}"


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema that rubric files obey."""
    loaded: dict[str, Any] = json.loads((files(__package__) / "schema.json").read_text("utf-8"))
    return loaded


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())


def _explain(error: jsonschema.ValidationError) -> str:
    key = "/".join(str(part) for part in error.absolute_path) or "the file"
    if unknown := _unknown_keys(error):
        names = ", ".join(map(repr, unknown))
        return f"{key} has the unknown key {names}; valid keys are: {', '.join(_known_keys(error))}"
    return f"{key}: {error.message}"


def _path(error: jsonschema.ValidationError) -> list[str | int]:
    """Return the path to the error in the file; an unknown key is at its own line."""
    return [*error.absolute_path, *_unknown_keys(error)[:1]]


def _unknown_keys(error: jsonschema.ValidationError) -> list[str]:
    if error.validator != "additionalProperties" or not isinstance(error.instance, dict):
        return []
    return [name for name in error.instance if name not in _known_keys(error)]


def _known_keys(error: jsonschema.ValidationError) -> list[str]:
    return list(error.schema.get("properties", {})) if isinstance(error.schema, dict) else []


def _beyond_schema(data: dict[str, Any]) -> list[tuple[list[str | int], str]]:
    """Return the problems that JSON Schema cannot express: labels, their values and the examples must fit together."""
    problems: list[tuple[list[str | int], str]] = []
    for i, label in enumerate(data["labels"]):
        if not math.isfinite(label["value"]):
            problems.append((["labels", i, "value"], f"labels/{i}/value: {label['value']} is not a number in [0, 1]"))
    if not math.isfinite(data["threshold"]):
        problems.append((["threshold"], f"threshold: {data['threshold']} is not a number in (0, 1)"))
    names = [label["name"] for label in data["labels"]]
    folded = [name.casefold() for name in names]
    if len(set(folded)) < len(folded):
        problems.append((["labels"], f"label names must differ in more than case: {', '.join(names)}"))
    if len({label["value"] for label in data["labels"]}) < len(names):
        problems.append((["labels"], "two labels have the same value; values order the labels"))
    for i, example in enumerate(data["examples"]):
        if example["label"] not in names:
            message = f"example {i + 1} has the label {example['label']!r}; the labels are: {', '.join(names)}"
            problems.append((["examples", i, "label"], message))
        if data.get("scope") == "conversation":
            if not any("assistant" in turn for turn in example["turns"]):
                problems.append((["examples", i, "turns"], f"example {i + 1} must have an assistant turn"))
        elif "assistant" not in example["turns"][-1]:
            problems.append((["examples", i, "turns"], f"example {i + 1} must end with an assistant turn"))
    return problems


def _line(tree: yaml.Node, path: Sequence[str | int]) -> int:
    """Return the 1-based line of the deepest node on `path` that the file has."""
    node = tree
    for part in path:
        if isinstance(node, yaml.MappingNode):
            child = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            child = node.value[part]
        else:
            child = None
        if child is None:
            break
        node = child
    return int(node.start_mark.line) + 1


def _rubric(data: dict[str, Any]) -> Rubric:
    return Rubric(
        id=data["id"],
        title=data["title"],
        category=data["category"],
        requirement=data["requirement"],
        labels=tuple(Label(item["name"], float(item["value"]), item["criterion"]) for item in data["labels"]),
        examples=tuple(
            Example(item["label"], tuple(Turn(role, text) for turn in item["turns"] for role, text in turn.items()))
            for item in data["examples"]
        ),
        threshold=float(data["threshold"]),
        notes=tuple(data.get("notes", ())),
        scope=data.get("scope", "turn"),
    )
