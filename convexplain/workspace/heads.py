"""Heads of a team's own, from turns that people have labelled."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convexplain import __version__
from convexplain.analysis.progress import Progress
from convexplain.errors import Problem
from convexplain.judges.head_fit import check_size
from convexplain.judges.head_training import RECIPE, TrainingSource, make_head, turn_features
from convexplain.judges.heads import Head, check_turn_rubrics, head_of, write_head
from convexplain.judges.spec import JudgeSpec
from convexplain.store import RunStore

from .build import open_calls
from .judge_arguments import ModelLike, judge_spec
from .labels import LabelResult, LabelSet


@dataclass(frozen=True, slots=True)
class TrainedHead(LabelResult):
    """A head that was trained.

    Attributes:
        head: the head; its card says how far it agrees with people on dialogues that were held out.
        model: the model whose hidden states it reads.
        problems: what could not be used of labels and logs.
    """

    head: Head
    model: JudgeSpec
    problems: tuple[Problem, ...] = ()

    def write(self, path: str | Path) -> JudgeSpec:
        """Write the head to a file, and return the judge that judges with it."""
        target = Path(path)
        write_head(self.head, target)
        return replace(self.model, heads=(str(target),))

    def to_dict(self) -> dict[str, Any]:
        """Return the rubric, the model and the card as JSON values."""
        return {"rubric": self.head.rubric, "model": self.model.public, "card": dict(self.head.card)}


async def train_head(
    store: RunStore, labels: LabelSet, model: ModelLike, licence: str | None, progress: Progress
) -> TrainedHead:
    """Read the turns that are labelled on one rubric by the model, and fit a head; what was read is kept."""
    (rubric,) = labels.rubrics
    check_turn_rubrics([rubric])
    source = TrainingSource(labels.name, labels.labelled(rubric), labels.matched.pairs(rubric.id))
    check_size(len(source.turns), len(source.pairs))
    async with open_calls(model, store) as calls:
        progress.begin("turns", len(source.turn_keys))
        try:
            features, failed = await turn_features(calls, source.turn_keys, on_turn=progress.advance)
        finally:
            progress.end()
    for reason, count in failed.items():
        progress.note(f"! {count:,} x left out: {reason}")
    brought = head_of(calls.model, rubric)
    start = brought if brought is not None and brought.recipe == RECIPE else None
    card = {"model_name": calls.model.name, "version": __version__, "licence": licence or "not given"}
    progress.begin("fitting")
    try:
        head = make_head(rubric, calls.model, [source], features, labels.group, start=start, card=card)
    finally:
        progress.end()
    return TrainedHead(head, judge_spec(model), labels.problems)
