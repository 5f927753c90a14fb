"""Prompts with what stands around them, and the files that hold many: a line each, as plain text or as JSON."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convexplain.errors import Problem, UsageError

_KEYS = ("prompt", "id", "system", "document", "editable")


@dataclass(frozen=True, slots=True)
class PromptCase:
    """A prompt, and what the model receives with it.

    Attributes:
        prompt: the prompt, with at least one word.
        id: names it in tables and files.
        system: the system message; empty for none.
        document: a text that stands before the prompt, in the same message; it is never edited. Empty for none.
        editable: the part of the prompt that may be edited, a text that occurs once in it; empty for all of it.

    Raises:
        UsageError: the prompt is empty, or the editable part does not occur once in it.
    """

    prompt: str
    id: str = ""
    system: str = ""
    document: str = ""
    editable: str = ""

    def __post_init__(self) -> None:
        if not self.prompt.strip():
            raise UsageError("prompt: it is empty; a prompt has at least one word")
        if self.editable and (count := self.prompt.count(self.editable)) != 1:
            often = "is not in the prompt" if not count else f"is {count} times in the prompt"
            raise UsageError(f"editable={self.editable!r} {often}; it has to be a text that occurs once there")


@dataclass(frozen=True, slots=True)
class PromptFile:
    """The prompts of a file.

    Attributes:
        cases: the prompts, in the order of the file.
        problems: lines that hold no prompt, with the reasons.
        unused: keys of the file's objects that are not used.
    """

    cases: list[PromptCase] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


def read_prompts(path: str | Path, system: str = "", document: str = "") -> PromptFile:
    """Read prompts: JSON Lines where the first line that is not empty begins with a brace, else one prompt a line.

    An object has `prompt`, and may have `id`, `system`, `document` and `editable`; see `PromptCase`. A prompt without
    an id is named by its line, or `line N` where N is the id of another.

    Args:
        path: the file.
        system, document: of prompts that have none of their own.

    Raises:
        UsageError: the file cannot be read, or has no line.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"prompts {str(path)!r} cannot be read ({reason}); name another file") from error
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise UsageError(f"prompts {str(path)!r}: the file is empty; it has one prompt a line, or one JSON object")
    is_json = numbered[0][1].startswith("{")
    contents, unused, ids = PromptFile(), dict[str, None](), set[str]()
    bodies = [(number, _object(line) if is_json else {"prompt": line}) for number, line in numbered]
    reserved = {str(body["id"]) for _, body in bodies if not isinstance(body, str) and body.get("id")}
    for number, body in bodies:
        try:
            if isinstance(body, str):
                raise UsageError(body)
            case = _case(body, free_id(number, reserved), system, document)
            if case.id in ids:
                raise UsageError(f"the id {case.id!r} is that of an earlier prompt; ids have to differ")
        except UsageError as error:
            contents.problems.append(Problem(path, number, str(error)))
            continue
        ids.add(case.id)
        unused |= dict.fromkeys(key for key in body if key not in _KEYS)
        contents.cases.append(case)
    contents.unused.extend(unused)
    return contents


def free_id(number: int, reserved: Collection[str]) -> str:
    """Return the id of the prompt at a place that has none of its own: one that is not reserved."""
    name = str(number)
    while name in reserved:
        name = f"line {name}"
    return name


def _object(line: str) -> dict[str, Any] | str:
    """Return the object of a line; where there is none, the reason in words."""
    try:
        body = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", "it is nested too deeply")
        return f"it is no JSON ({reason})"
    if not isinstance(body, dict):
        return f"it is a JSON {type(body).__name__}; valid is an object with the key prompt"
    return body


def _case(body: dict[str, Any], name: str, system: str, document: str) -> PromptCase:
    if "prompt" not in body:
        raise UsageError(f"it has no key prompt; its keys are: {', '.join(body) or 'none'}")
    texts = {name: "" if body.get(name) is None else body[name] for name in _KEYS if name in body}
    for key, text in texts.items():
        if key == "id" and isinstance(text, int) and not isinstance(text, bool):
            texts[key] = str(text)
        elif not isinstance(text, str):
            raise UsageError(f"{key} is a {type(text).__name__}; it has to be a text")
    defaults = {"id": name, "system": system, "document": document}
    return PromptCase(**{**texts, **{key: texts.get(key) or text for key, text in defaults.items()}})
