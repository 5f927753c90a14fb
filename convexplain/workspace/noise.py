"""Noise floors: how far a judge's scores move under changes that mean nothing."""

from collections.abc import Sequence
from typing import Any

from convexplain.analysis.pipeline import turns_to_judge
from convexplain.analysis.progress import Progress
from convexplain.analysis.sources import ConversationSource
from convexplain.errors import UsageError
from convexplain.explain.explanations import evenly_spaced
from convexplain.judges.noise import MIN_TURNS, VARIATIONS, NoiseFloor, extra_variations, noise_floor
from convexplain.store import RunStore, keep_noise_floor
from convexplain.types import Conversation, Rubric

from .build import open_judge
from .judge_arguments import JudgeLike, first_judge
from .results import data_frame
from .scales import floor_key

__all__ = ["MIN_TURNS", "TURN_JUDGEMENTS", "NoiseFloor", "NoiseFloors", "assistant_turns", "measure_noise"]

TURN_JUDGEMENTS = 1 + len(VARIATIONS) + len(extra_variations())
"""Judgements that each turn takes."""


class NoiseFloors(list[NoiseFloor]):
    """Noise floors of a judge, one for each rubric."""

    def to_dict(self) -> list[dict[str, Any]]:
        """Return each floor's fields."""
        return [floor.to_dict() for floor in self]

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row for each rubric.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame({name: value for name, value in row.items() if name != "by_change"} for row in self.to_dict())


def assistant_turns(
    store: RunStore, sources: Sequence[ConversationSource], n: int, progress: Progress
) -> list[tuple[Conversation, int]]:
    """Return n assistant turns, spread over the conversations.

    Raises:
        UsageError: n is too small, or there are too few turns.
    """
    if n < MIN_TURNS:
        raise UsageError(f"n={n} is not valid; it must be at least {MIN_TURNS}")
    progress.begin("reading")
    try:
        talks = (talk for source in sources for talk in source.read(store, progress.problem))
        turns = [(talk, turn) for talk in talks for turn in turns_to_judge(talk, "all")]
    finally:
        progress.end()
    if len(turns) < MIN_TURNS:
        raise UsageError(f"{len(turns)} assistant turns are there; a noise floor needs at least {MIN_TURNS}")
    return evenly_spaced(turns, n)


async def measure_noise(
    store: RunStore,
    turns: Sequence[tuple[Conversation, int]],
    rubrics: Sequence[Rubric],
    judge: JudgeLike,
    seed: int,
    progress: Progress,
    **options: Any,
) -> NoiseFloors:
    """Judge turns again under changes that mean nothing, and keep each rubric's floor as soon as it is there."""
    floors, more = NoiseFloors(), extra_variations(seed)
    async with open_judge(first_judge(judge), rubrics, cache=store, **options) as built:
        progress.begin("changes", (len(VARIATIONS) + len(more)) * len(rubrics))
        try:
            for rubric in built.rubrics:
                judged = _judged_once(turns) if rubric.of_conversation else turns
                floor = await noise_floor(built.single, built.model.name, rubric, judged, more, progress.advance)
                key = floor_key(built.model, built.calibrations.get(rubric.id))
                keep_noise_floor(store, key, rubric, floor.value, floor.turns, floor.n, built.spec.samples)
                floors.append(floor)
        finally:
            progress.end()
    return floors


def _judged_once(turns: Sequence[tuple[Conversation, int]]) -> list[tuple[Conversation, int]]:
    """Return each conversation of these turns once, with its last assistant turn."""
    return [(talk, turn) for talk in dict.fromkeys(talk for talk, _ in turns) for turn in turns_to_judge(talk, "last")]
