"""Results of a distillation: heads that learnt from a teacher, and what they are worth."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from convexplain.analysis.plans import Plan
from convexplain.errors import Problem
from convexplain.judges.distillation import AFTER, BEFORE, LENGTH, TEACHER, HeldOutAgreement, JudgingCost, share_of_cost
from convexplain.judges.heads import Head, write_head
from convexplain.judges.spec import JudgeSpec
from convexplain.system.files import make_folder

from .labels import LabelResult
from .results import data_frame

__all__ = [
    "AFTER",
    "BEFORE",
    "LENGTH",
    "TEACHER",
    "Distillation",
    "DistillationPlan",
    "DistilledHead",
    "HeldOutAgreement",
    "JudgingCost",
]


@dataclass(frozen=True, slots=True)
class DistilledHead:
    """A head that learnt from a teacher's scores on one maxim.

    Attributes:
        head: the head; its card has all figures.
        with_teacher: its agreement with the teacher on held-out turns.
        with_people: its agreement, and the teacher's, with people's labels of held-out turns; None without such labels.
        verdict: in words, whether it follows the teacher, and whether both agree with people.
        unscored: for each reason the number of sampled turns that the teacher did not score.
    """

    head: Head
    with_teacher: HeldOutAgreement
    with_people: HeldOutAgreement | None
    verdict: str
    unscored: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Distillation(LabelResult):
    """Heads that learnt from a teacher, one for each maxim.

    Attributes:
        heads: the heads.
        teacher: the teacher's name.
        student: the model whose hidden states the heads read.
        run: the run of the store with the teacher's scores.
        turns: turns of the sample, held-out ones among them.
        held_out: held-out turns of the sample.
        costs: of 1,000 turns on one maxim, of `teacher` and `student`; the student reads a turn once for all maxims.
        refused: maxims that no head was fitted for, each with the reason.
        problems: what could not be used of labels and logs.
    """

    heads: tuple[DistilledHead, ...]
    teacher: str
    student: JudgeSpec
    run: int
    turns: int
    held_out: int
    costs: Mapping[str, JudgingCost]
    refused: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def share_of_seconds(self) -> float | None:
        """Return the student's seconds as a share of the teacher's; None where one of them is not measured."""
        return share_of_cost(self.costs["student"], self.costs["teacher"])

    def write(self, path: str | Path) -> JudgeSpec:
        """Write the heads to files, and return the judge that judges with them.

        Args:
            path: the file of a single head; the folder of several, in which each is `ID.head.json`. A folder that is
                there takes a single head too.
        """
        target = Path(path)
        single = len(self.heads) == 1 and not target.is_dir()
        make_folder(target.parent if single else target)
        files = [target if single else target / f"{distilled.head.rubric}.head.json" for distilled in self.heads]
        for distilled, file in zip(self.heads, files, strict=True):
            write_head(distilled.head, file)
        brought = [head for head in self.student.heads if head != "none"]
        return replace(self.student, heads=(*brought, *map(str, files)))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values, with the heads' cards."""
        return {
            "teacher": self.teacher,
            "student": self.student.public,
            "run": self.run,
            "turns": self.turns,
            "held_out": self.held_out,
            "cost_per_1000_turns": {name: cost.to_dict() for name, cost in self.costs.items()},
            "heads": [{"rubric": distilled.head.rubric, "card": dict(distilled.head.card)} for distilled in self.heads],
            "refused": dict(self.refused),
            "problems": [str(problem) for problem in self.problems],
        }

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row for each maxim, reference, judge and measure.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame(
            {"rubric": distilled.head.rubric, "reference": reference, "judge": name, "measure": measure, **estimate}
            for distilled in self.heads
            for reference, agreement in (("teacher", distilled.with_teacher), ("people", distilled.with_people))
            if agreement is not None
            for name, order in agreement.by_name.items()
            for measure, estimate in asdict(order).items()
        )


@dataclass(frozen=True, slots=True)
class DistillationPlan:
    """The calls that a distillation would make.

    Attributes:
        rubrics: the maxims.
        turns: turns of the sample, held-out ones among them.
        held_out: held-out turns of the sample.
        reads: turns that the student reads, once each.
        student: the student's name.
        teacher: what the teacher is going to be asked. Which replies the cache has is not exact where the student
            chooses a part of the sample.
    """

    rubrics: tuple[str, ...]
    turns: int
    held_out: int
    reads: int
    student: str
    teacher: Plan

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values, without problems."""
        return {**asdict(self), "teacher": {**asdict(self.teacher), "problems": None}}
