"""Calibrations of judges: made from labels or from what a judge says of nothing, and kept in the store."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from convexplain.agreement.agreements import turn_baselines
from convexplain.agreement.calibration import Calibration, calibrate, check_size, label_prior
from convexplain.agreement.thresholds import Aim, Threshold, threshold_for
from convexplain.agreement.validation import RunJudgements
from convexplain.analysis.progress import Progress
from convexplain.errors import Problem, UsageError
from convexplain.store import RunStore, calibrations, keep_calibration, remove_calibration
from convexplain.types import Conversation, Rubric, Turn

from .build import open_judge
from .judge_arguments import JudgeLike, first_judge, judge_spec
from .labels import LabelResult, LabelSet, judge_labelled
from .results import data_frame
from .scales import calibration_key

CONTENT_FREE = ("N/A", "[…]", "…")
"""What stands in the place of every turn where there is nothing to judge."""


@dataclass(frozen=True, slots=True)
class FittedCalibration(LabelResult):
    """A calibration that was made and kept.

    Attributes:
        rubric: the rubric.
        calibration: from the judge's scores to what people say; `about` says how far it does.
        threshold: the proposed threshold with what it promises; None where none was asked for.
        problems: what could not be used of labels and logs.
    """

    rubric: Rubric
    calibration: Calibration
    threshold: Threshold | None = None
    problems: tuple[Problem, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration, and what its threshold promises, as JSON values."""
        proposed = None if self.threshold is None else asdict(self.threshold)
        return {"rubric": self.rubric.id, "calibration": self.calibration.body(), "threshold": proposed}


class StoredCalibrations(dict[int, Calibration]):
    """Calibrations of a store by their numbers, the oldest first."""

    def to_dict(self) -> list[dict[str, Any]]:
        """Return each calibration's number and body as JSON values."""
        return [{"number": number, **calibration.body()} for number, calibration in self.items()]

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row for each calibration.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        keys = ("judge", "rubric", "turns", "labels", "date")
        return data_frame(
            {"number": number, "kind": entry.kind, "threshold": entry.threshold}
            | {key: entry.about.get(key) for key in keys}
            for number, entry in self.items()
        )


def aim_of(precision: float | None, recall: float | None, flagged: float | None) -> tuple[Aim, float] | None:
    """Return what a proposed threshold is to keep; None where nothing is named.

    Raises:
        UsageError: several are named.
    """
    named: dict[Aim, float | None] = {"precision": precision, "recall": recall, "flagged": flagged}
    aims = [(aim, value) for aim, value in named.items() if value is not None]
    if len(aims) > 1:
        raise UsageError("precision, recall and flagged exclude each other: name one of them")
    return aims[0] if aims else None


async def calibrate_on_labels(
    store: RunStore,
    labels: LabelSet,
    judge: JudgeLike,
    samples: int | None,
    aim: tuple[Aim, float] | None,
    seed: int,
    progress: Progress,
) -> FittedCalibration:
    """Judge the turns that are labelled on one rubric, fit the map from scores to labels, and keep it."""
    (rubric,) = labels.rubrics
    rated = labels.labelled(rubric)
    check_size(len(rated), [labels.group(turn.conversation) for turn in rated])
    options = {"samples": samples, "calibrated": False, "reasons": "none"}
    run, built = await judge_labelled(store, labels, first_judge(judge), progress, "calibration", **options)
    judged = RunJudgements(store, run.id, run.run.judge)
    judgements = [judged.judgement(turn.conversation, turn.turn, rubric.id) for turn in rated]
    pairs = [
        (judgement.score, turn) for judgement, turn in zip(judgements, rated, strict=True) if judgement is not None
    ]
    scores = [score for score, _ in pairs if score is not None]
    turns = [turn for score, turn in pairs if score is not None]
    humans, groups = [turn.human for turn in turns], [labels.group(turn.conversation) for turn in turns]
    if missing := len(rated) - len(turns):
        progress.note(f"{missing:,} labelled turns have no score; they count in nothing.")
    fitted = calibrate(scores, humans, groups, seed, bad_below=rubric.threshold, baselines=turn_baselines(turns))
    threshold = None
    if aim is not None:
        mapped = [fitted.apply(score) for score in scores]
        threshold = threshold_for(*aim, mapped, humans, rubric.threshold, groups, seed)
    about = {**fitted.about, **_about(judge, rubric, labels.name), "run": run.id}
    fitted = replace(fitted, threshold=threshold.value if threshold else None, about=about)
    keep_calibration(store, calibration_key(built.model, built.spec.samples), rubric, fitted)
    return FittedCalibration(rubric, fitted, threshold, labels.problems)


def check_prior(logs: object, labels: object, aim: tuple[Aim, float] | None) -> None:
    """Raise UsageError where labels, logs or a threshold are asked for, which a prior has no use for."""
    if aim or logs is not None or labels is not None:
        raise UsageError(
            "prior uses neither labels nor logs and proposes no threshold: leave it out, or leave out labels, "
            "logs, precision, recall and flagged"
        )


async def calibrate_prior(store: RunStore, judge: JudgeLike, rubric: Rubric, samples: int | None) -> FittedCalibration:
    """Move the judge's log-odds by those that it gives where there is nothing to judge, and keep that.

    Raises:
        UsageError: the rubric has other labels than two of the values 0 and 1, or nothing could be scored.
    """
    if {label.value for label in rubric.labels} != {0.0, 1.0}:
        raise UsageError(f"prior: {rubric.id} has not just a label of value 0 and one of value 1")
    talks = [
        Conversation(f"nothing-{i}", (Turn("user", text), Turn("assistant", text)))
        for i, text in enumerate(CONTENT_FREE)
    ]
    async with open_judge(first_judge(judge), [rubric], cache=store, samples=samples, calibrated=False) as built:
        judgements = await built.judge_all(talks, lambda talk: [1])
        fitted = label_prior([judgement.score for judgement in judgements if judgement.score is not None])
        fitted = replace(fitted, about={**fitted.about, **_about(judge, rubric, "none")})
        keep_calibration(store, calibration_key(built.model, built.spec.samples), rubric, fitted)
    return FittedCalibration(rubric, fitted)


def take_out(store: RunStore, number: int) -> None:
    """Take a calibration out of the store.

    Raises:
        UsageError: there is none of that number.
    """
    if not remove_calibration(store, number):
        numbers = ", ".join(str(stored) for stored, _ in calibrations(store)) or "there is none"
        raise UsageError(f"number={number}: there is no such calibration; valid are: {numbers}")


def _about(judge: JudgeLike, rubric: Rubric, labels: str) -> dict[str, Any]:
    today = datetime.now(UTC).date().isoformat()
    return {"judge": judge_spec(judge).public, "rubric": rubric.id, "labels": labels, "date": today}
