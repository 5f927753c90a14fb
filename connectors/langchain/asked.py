"""What a scorer is asked for: rubrics, thresholds, the share of conversations."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from convexplain.errors import UsageError
from convexplain.rubrics import load_rubric
from convexplain.types import Rubric

OneRubric = str | Path | Rubric
Rubrics = OneRubric | Iterable[OneRubric]


def loaded(rubrics: Rubrics) -> list[Rubric]:
    """The rubrics: objects, ids of shipped ones, or paths of YAML files; one or several.

    Raises:
        RubricError: there is no such rubric, or its file is not valid.
        UsageError: there is none, or one is named twice.
    """
    several = [rubrics] if isinstance(rubrics, (str, Path, Rubric)) else list(rubrics)
    found = [item if isinstance(item, Rubric) else load_rubric(item) for item in several]
    if not found:
        raise UsageError("rubrics=() is not valid; name at least one")
    if len({rubric.id for rubric in found}) < len(found):
        raise UsageError(f"rubrics: one of {', '.join(rubric.id for rubric in found)} is named twice")
    return found


def checked(thresholds: Mapping[str, float], rubrics: Sequence[Rubric]) -> dict[str, float]:
    """Return thresholds by rubric id, when they are of these rubrics.

    Raises:
        UsageError: one is of no rubric, or not in [0, 1].
    """
    names = [rubric.id for rubric in rubrics]
    for name in thresholds:
        if name not in names:
            raise UsageError(f"thresholds: {name!r} is none of the rubrics, which are: {', '.join(names)}")
    return {name: share(f"thresholds: {name}", value) for name, value in thresholds.items()}


def share(name: str, value: float) -> float:
    """The value, which must be in [0, 1]; else UsageError."""
    if not 0 <= value <= 1:
        raise UsageError(f"{name}={value} is not valid; it must be in [0, 1]")
    return float(value)


def chosen(id: str, share: float) -> bool:
    """Whether a conversation is among the share that is judged; always the same answer for an id."""
    if share >= 1:
        return True
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) < share * 2**64
