"""The arguments of scorers: rubrics, thresholds, the sampled share of conversations."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from convexplain.errors import UsageError
from convexplain.rubrics import load_rubric
from convexplain.types import Rubric

RubricArgument = str | Path | Rubric
Rubrics = RubricArgument | Iterable[RubricArgument]


def load_rubrics(rubrics: Rubrics) -> list[Rubric]:
    """Load one or several rubrics: objects, ids of shipped ones, or paths of YAML files.

    Raises:
        RubricError: there is no such rubric, or its file is not valid.
        UsageError: there is no rubric, or one is named twice.
    """
    several = [rubrics] if isinstance(rubrics, (str, Path, Rubric)) else list(rubrics)
    loaded = [rubric if isinstance(rubric, Rubric) else load_rubric(rubric) for rubric in several]
    if not loaded:
        raise UsageError("rubrics=() is not valid; name at least one")
    if len({rubric.id for rubric in loaded}) < len(loaded):
        raise UsageError(f"rubrics: one of {', '.join(rubric.id for rubric in loaded)} is named twice")
    return loaded


def load_turn_rubrics(rubrics: Rubrics) -> list[Rubric]:
    """Load rubrics as `load_rubrics` does, for judging turns while the conversation goes on.

    Raises:
        RubricError, UsageError: as `load_rubrics`; or a rubric is of conversations.
    """
    loaded = load_rubrics(rubrics)
    if names := [rubric.id for rubric in loaded if rubric.of_conversation]:
        raise UsageError(
            f"rubrics: {', '.join(names)} is not valid here: it judges a conversation that has ended, and here each "
            "turn is judged as it comes. Name rubrics of turns, and judge the stored run when its conversations have "
            f"ended: convexplain analyze --stored RUN --rubric {names[0]}"
        )
    return loaded


def check_thresholds(thresholds: Mapping[str, float], rubrics: Sequence[Rubric]) -> dict[str, float]:
    """Return thresholds by rubric id, where all are of these rubrics.

    Raises:
        UsageError: a threshold is of no rubric, or not in [0, 1].
    """
    names = [rubric.id for rubric in rubrics]
    for name in thresholds:
        if name not in names:
            raise UsageError(f"thresholds: {name!r} is none of the rubrics, which are: {', '.join(names)}")
    return {name: check_share(f"thresholds: {name}", threshold) for name, threshold in thresholds.items()}


def check_share(name: str, share: float) -> float:
    """Return a number that must be in [0, 1]; otherwise raise UsageError."""
    if not 0 <= share <= 1:
        raise UsageError(f"{name}={share} is not valid; it must be in [0, 1]")
    return float(share)


def is_sampled(id: str, share: float) -> bool:
    """Return whether a conversation is in the share that is judged; the result depends on its id alone."""
    if share >= 1:
        return True
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) < share * 2**64
