"""How commands are told to judge: samples, reasons, calibration and a second judge; and the judge that this makes."""

import functools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import click

from convexplain.agreement.calibration import Calibration, of_body
from convexplain.analysis.pipeline import TurnJudge
from convexplain.errors import UsageError
from convexplain.judges import Judge
from convexplain.judges.calibrated import CalibratedJudge
from convexplain.judges.cascade import BAND, Cascade
from convexplain.judges.heads import judged_by
from convexplain.models.calls import Calls
from convexplain.models.chat import ChatModel
from convexplain.store import Run, RunStore, calibration
from convexplain.types import Rubric
from convexplain.workspace.build import asking

from .options import JUDGE_HELP

_OPTIONS = (
    click.option(
        "--samples",
        type=click.IntRange(min=1),
        metavar="N",
        help="Average N sampled replies instead of reading label probabilities.",
    ),
    click.option(
        "--explain", is_flag=True, help="Ask the judge for its reason in words too (one more call a judgement)."
    ),
    click.option(
        "--calibrated",
        is_flag=True,
        help="Map scores to what people say, as `convexplain calibrate` has found; raw scores are kept beside them.",
    ),
    click.option(
        "--escalate",
        metavar="MODEL",
        help=f"A second, stronger judge for the turns whose score lies near the threshold. {JUDGE_HELP}",
    ),
    click.option(
        "--escalate-band",
        type=click.FloatRange(0, 1),
        default=BAND,
        show_default=True,
        metavar="D",
        help="With --escalate: how near.",
    ),
)


@dataclass(frozen=True, slots=True)
class Judging:
    """What a command was told.

    Attributes:
        samples: replies that are averaged; None reads label probabilities.
        explain: ask for reasons.
        calibrated: apply the calibrations that are kept.
        escalate: name of a second judge; None = there is none.
        band: how near to the threshold a score must lie for the second judge to be asked.
    """

    samples: int | None = None
    explain: bool = False
    calibrated: bool = False
    escalate: str | None = None
    band: float = BAND


def judging_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `Judging`; the command gets them as one argument, `judging`."""

    @functools.wraps(command)
    def collected(
        *args: Any,
        samples: int | None,
        explain: bool,
        calibrated: bool,
        escalate: str | None,
        escalate_band: float,
        **rest: Any,
    ) -> Any:
        return command(*args, judging=Judging(samples, explain, calibrated, escalate, escalate_band), **rest)

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return collected


@dataclass(slots=True)
class Bench:
    """A judge in the making.

    Attributes:
        rubrics: what is judged, with the thresholds that calibrations propose.
        settings: what else decides its scores, for the run's signature.
        cascades: those that were made, to ask how many turns were escalated.
    """

    rubrics: list[Rubric]
    settings: dict[str, Any]
    cascades: list[Cascade]
    _judging: Judging
    _own: dict[str, Calibration]
    _second: Calls | None
    _seconds: dict[str, Calibration]

    def judge(self, calls: Calls) -> TurnJudge:
        """The judge that asks by these calls."""
        first = self._one(calls, self._own)
        if self._second is None:
            return first
        made = Cascade(first, self._one(self._second, self._seconds), self._judging.band)
        self.cascades.append(made)
        return made

    @property
    def calibrations(self) -> Mapping[str, Calibration]:
        """Rubric's id to what the first judge's scores are mapped by."""
        return self._own

    @property
    def escalated(self) -> str:
        """How many turns were escalated, in words; empty where there is no second judge."""
        judged, second = (sum(getattr(one, name) for one in self.cascades) for name in ("judged", "escalated"))
        if self._second is None:
            return ""
        share = f" ({second / judged:.0%})" if judged else ""
        spend = self._second.spend
        return (
            f"{second:,} of {judged:,} judgements{share} were escalated to {self._second.model.name}: "
            f"{spend.calls:,} calls, {spend.cached:,} from the cache"
        )

    def _one(self, calls: Calls, calibrations: dict[str, Calibration]) -> TurnJudge:
        judge = Judge(calls, samples=self._judging.samples, explain=self._judging.explain)
        return CalibratedJudge(judge, calibrations) if calibrations else judge


@asynccontextmanager
async def bench(judging: Judging, store: RunStore, model: ChatModel, rubrics: Sequence[Rubric]) -> AsyncIterator[Bench]:
    """What judges by a prepared model; a second one is opened and closed here.

    Raises:
        UsageError: a calibration is asked for that is not there.
        UnavailableError: the second judge cannot be had.
    """
    async with AsyncExitStack() as stack:
        second = None if judging.escalate is None else await stack.enter_async_context(asking(judging.escalate, store))
        own = kept_calibrations(store, model, judging.samples, rubrics) if judging.calibrated else {}
        seconds = {}
        if second is not None and judging.calibrated:
            seconds = kept_calibrations(store, second.model, judging.samples, rubrics, needed=False)
        used = [(model, own), *([(second.model, seconds)] if second is not None else [])]
        settings: dict[str, Any] = {}
        if judging.calibrated:
            judges = {calibration_key(one, judging.samples): known for one, known in used}
            settings["calibrated"] = {
                key: {name: one.body() for name, one in known.items()} for key, known in judges.items()
            }
        if second is not None:
            settings["escalate"] = [judged_by(second.model), judging.band]
        chosen = [with_threshold(one, own.get(one.id)) for one in rubrics]
        yield Bench(chosen, settings, [], judging, own, second, seconds)


def calibration_key(model: ChatModel, samples: int | None) -> str:
    """What a calibration belongs to: sampled replies make other scores."""
    return f"{judged_by(model)} samples={samples}" if samples else judged_by(model)


def calibrated_by(settings: Mapping[str, Any], model: ChatModel, samples: int | None) -> dict[str, Calibration]:
    """Rubric's id to the calibration that a run's scores by this judge were mapped by.

    Args:
        settings: the run's.
        model: the judge's model, prepared.
        samples: replies that are averaged.
    """
    known = settings.get("calibrated", {}).get(calibration_key(model, samples), {})
    return {name: of_body(body) for name, body in known.items()}


def scale_lost(run: Run, model: ChatModel, samples: int | None) -> str:
    """What to say where a run's scores are calibrated and it knows nothing of this judge; empty where it does."""
    if "calibrated" not in run.settings or calibration_key(model, samples) in run.settings["calibrated"]:
        return ""
    return f"Run {run.id} was judged with calibrated scores; those of {model.name} are raw."


def floor_key(model: ChatModel, calibration: Calibration | None) -> str:
    """What a noise floor belongs to, besides samples: mapped scores move otherwise."""
    return judged_by(model) if calibration is None else f"{judged_by(model)} calibrated={calibration.sha}"


def with_threshold(rubric: Rubric, calibration: Calibration | None) -> Rubric:
    """The rubric with the threshold that a calibration proposes, if it does."""
    if calibration is None or calibration.threshold is None:
        return rubric
    return replace(rubric, threshold=calibration.threshold)


def kept_calibrations(
    store: RunStore, model: ChatModel, samples: int | None, rubrics: Sequence[Rubric], *, needed: bool = True
) -> dict[str, Calibration]:
    """Rubric's id to the calibration of this judge that is kept.

    Raises:
        UsageError: one is needed and not there.
    """
    key = calibration_key(model, samples)
    found = {one.id: known for one in rubrics if (known := calibration(store, key, one)) is not None}
    missing = [one.id for one in rubrics if one.id not in found]
    if needed and missing:
        raise UsageError(
            f"--calibrated: no calibration of {model.name} on {', '.join(missing)} is kept; "
            f"`convexplain calibrate --judge '{model.name}' --rubric {missing[0]} --labels FILE` makes one"
        )
    return found
