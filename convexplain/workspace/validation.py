"""Judges held against people: on turns that people have labelled."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from convexplain import __version__
from convexplain.agreement import RubricAgreement, agreement_body, format_estimate
from convexplain.agreement.validation import RunJudgements, agreements
from convexplain.analysis.plans import Plan
from convexplain.analysis.progress import Progress
from convexplain.errors import Problem, UsageError
from convexplain.explain.wording import counted
from convexplain.fidelity import Estimate
from convexplain.report.agreement_report import write_agreement
from convexplain.store import RunStore
from convexplain.system.files import make_folder, write_text
from convexplain.types import Rubric

from .judge_arguments import JudgeLike, judges_of
from .judge_defaults import default_judge
from .labels import LabelResult, LabelSet, judge_labelled, without_reasons
from .results import AnalyzedRun, data_frame
from .runs import plan_analysis
from .triage import RunLabels
from .trust import keep_validation


@dataclass(frozen=True, slots=True)
class Validation(LabelResult):
    """Agreement of judges with people.

    Attributes:
        agreements: one for each rubric that has labels.
        problems: what could not be used of labels and logs.
        seed: of the intervals.
        samples: for the runs that were held against labels of the store, the agreement on the turns drawn at random.
    """

    agreements: tuple[RubricAgreement, ...]
    problems: tuple[Problem, ...] = ()
    seed: int = 0
    samples: tuple["RandomSample", ...] = ()

    @property
    def unscored(self) -> bool:
        """Return whether a labelled turn has no score."""
        return any(judge.unscored for agreement in self.agreements for judge in agreement.judges)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values, with each judge's widest disagreements."""
        return {
            "version": __version__,
            "seed": self.seed,
            "rubrics": [agreement_body(agreement) for agreement in self.agreements],
            "problems": [str(problem) for problem in self.problems],
            "random_samples": [asdict(sample) for sample in self.samples],
        }

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row for each rubric, judge or baseline, and measure.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame(self._rows())

    def write(self, folder: Path) -> dict[str, Path]:
        """Write agreement.html and agreement.json into a folder, and return `Pictures` and `Numbers` to these files."""
        make_folder(folder)
        written = {"Pictures": folder / "agreement.html", "Numbers": folder / "agreement.json"}
        body = self.to_dict()
        write_text(written["Numbers"], json.dumps(body, indent=1), encoding="ascii")
        write_agreement(self.agreements, body["problems"], written["Pictures"])
        return written

    def _rows(self) -> Iterator[dict[str, Any]]:
        for agreement in self.agreements:
            for judge in (*agreement.judges, *agreement.baselines):
                for measure, estimate in judge.measures.items():
                    place = {"rubric": agreement.rubric.id, "judge": judge.name, "run": judge.run, "measure": measure}
                    yield {**place, **asdict(estimate)}


@dataclass(frozen=True, slots=True)
class RandomSample:
    """The agreement of a run with people on labelled turns that are a random sample of all its turns.

    The queue of labels mixes them with low and with uncertain scores, so the agreement on all labels is not that of
    the log: a judge looks worse on uncertain scores, and better where low ones are mixed with average ones.

    Attributes:
        rubric: the maxim's id.
        run: the run's number.
        labelled: how many of its turns have labels.
        auc: on the sample, 0.5 = chance; n counts its turns.
    """

    rubric: str
    run: int
    labelled: int
    auc: Estimate

    @property
    def sentence(self) -> str:
        """Return the agreement in words, with the number of turns that it rests on."""
        labelled = f"{self.auc.n:,} of {counted(self.labelled, 'labelled turn')}"
        start = f"{self.rubric}, run {self.run}: {labelled} are a random sample of all"
        if self.auc.value is None:
            return f"{start}: too few to say how far judge and people agree on the log ({self.auc.reason})."
        return f"{start}: on them AUC is {format_estimate(self.auc)}, 0.5 = chance."


def random_samples(store: RunStore, rubrics: Sequence[Rubric], runs: Sequence[int]) -> Iterator[RandomSample]:
    """Yield the agreement on random samples, where a run has labels in the store that were not all drawn at random."""
    for number in runs:
        run = AnalyzedRun(store, store.run(number))
        judged = {rubric.sha for rubric in run.rubrics}
        for rubric in rubrics:
            if rubric.sha not in judged:
                continue
            progress = RunLabels(run, rubric).progress()
            if progress.sample.n < progress.labelled:
                yield RandomSample(rubric.id, run.id, progress.labelled, progress.sample)


@dataclass(frozen=True, slots=True)
class ValidationPlan:
    """The calls that a validation would make.

    Attributes:
        rubrics: the rubrics that have labels.
        conversations: how many conversations have labels.
        judgements: how many labelled turns, or sides of pairs, there are on all rubrics.
        judges: what each judge is going to be asked.
    """

    rubrics: tuple[str, ...]
    conversations: int
    judgements: int
    judges: tuple[Plan, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values, without problems."""
        return {**asdict(self), "judges": [{**asdict(plan), "problems": None} for plan in self.judges]}


def validation_judges(judge: JudgeLike | Sequence[JudgeLike] | None, runs: Sequence[int]) -> list[JudgeLike]:
    """Return the judges that judge now: the default one where neither judges nor runs are named.

    Raises:
        UsageError: a judge or a run is named twice.
    """
    judges = [] if judge is None else judges_of(judge)
    if len(set(judges)) < len(judges) or len(set(runs)) < len(runs):
        raise UsageError("judge or runs: the same one is named twice")
    return judges if judges or runs else [default_judge().spec]


async def validate(
    store: RunStore,
    labels: LabelSet,
    judges: Sequence[JudgeLike],
    runs: Sequence[int],
    seed: int,
    progress: Progress,
    **options: Any,
) -> Validation:
    """Hold judges, which judge the labelled turns first, and runs against people; they are `validated` then."""
    numbers = [
        (await judge_labelled(store, labels, judge, progress, "validation", **options))[0].id for judge in judges
    ]
    numbers += runs
    names = [store.run(number).judge for number in numbers]
    judged = [
        RunJudgements(store, number, name if names.count(name) == 1 else f"{name} (run {number})")
        for number, name in zip(numbers, names, strict=True)
    ]
    progress.begin("working out the intervals")
    try:
        agreed = agreements(labels.matched, labels.rubrics, judged, labels.group, seed)
    finally:
        progress.end()
    keep_validation(store, agreed)
    return Validation(tuple(agreed), labels.problems, seed, tuple(random_samples(store, labels.rubrics, runs)))


async def plan_validation(
    store: RunStore, labels: LabelSet, judges: Sequence[JudgeLike], **options: Any
) -> ValidationPlan:
    """Return what `validate` would ask, without asking anything."""
    return ValidationPlan(
        tuple(rubric.id for rubric in labels.rubrics),
        len(labels.turns.conversations),
        labels.turns.judgements,
        tuple(
            [await plan_analysis(store, labels.analysis, judge, **without_reasons(judge, options)) for judge in judges]
        ),
    )
