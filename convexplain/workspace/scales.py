"""The scale of a judge's scores: calibrations that the store or a run holds, and the keys of noise floors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from convexplain.agreement.calibration import Calibration, calibration_from_body
from convexplain.errors import UsageError
from convexplain.judges.heads import scoring_fingerprint
from convexplain.models.chat import ChatModel
from convexplain.store import Run, RunStore, calibration, noise_floor
from convexplain.store.alarms import budget_rubrics
from convexplain.types import Rubric


def calibration_key(model: ChatModel, samples: int | None) -> str:
    """Return what a calibration belongs to: sampled replies make other scores."""
    return f"{scoring_fingerprint(model)} samples={samples}" if samples else scoring_fingerprint(model)


def floor_key(model: ChatModel, calibration: Calibration | None) -> str:
    """Return what a noise floor belongs to, besides samples: mapped scores move otherwise."""
    return (
        scoring_fingerprint(model)
        if calibration is None
        else f"{scoring_fingerprint(model)} calibrated={calibration.sha}"
    )


def run_calibrations(run: Run, model: ChatModel, samples: int | None) -> dict[str, Calibration]:
    """Return the calibrations, by rubric id, that a run's scores by this judge were mapped by."""
    bodies = run.settings.get("calibrated", {}).get(calibration_key(model, samples), {})
    return {rubric: calibration_from_body(body) for rubric, body in bodies.items()}


def scale_lost(run: Run, model: ChatModel, samples: int | None) -> str:
    """Return what to say where a run is calibrated but not for this judge; empty where all is well."""
    if "calibrated" not in run.settings or calibration_key(model, samples) in run.settings["calibrated"]:
        return ""
    return f"Run {run.id} was judged with calibrated scores; those of {model.name} are raw."


def stored_calibrations(
    store: RunStore, model: ChatModel, samples: int | None, rubrics: Sequence[Rubric], *, required: bool = True
) -> dict[str, Calibration]:
    """Return the calibrations of this judge that the store holds, by rubric id.

    Raises:
        UsageError: one is required and missing.
    """
    key = calibration_key(model, samples)
    stored = {rubric.id: entry for rubric in rubrics if (entry := calibration(store, key, rubric)) is not None}
    missing = [rubric.id for rubric in rubrics if rubric.id not in stored]
    if required and missing:
        raise UsageError(
            f"calibrated: no calibration of {model.name} on {', '.join(missing)} is kept; "
            f"`convexplain judges calibrate --judge '{model.name}' --rubric {missing[0]} --labels FILE` makes one"
        )
    return stored


def with_thresholds(rubrics: Sequence[Rubric], calibrations: Mapping[str, Calibration]) -> list[Rubric]:
    """Return the rubrics, with the thresholds that calibrations propose."""
    proposed = {rubric: entry.threshold for rubric, entry in calibrations.items() if entry.threshold is not None}
    return [replace(rubric, threshold=proposed.get(rubric.id, rubric.threshold)) for rubric in rubrics]


def run_noise_floor(store: RunStore, run: Run, rubric: Rubric) -> float | None:
    """Return the noise floor of a run's first judge on a rubric, in [0, 1]; None where it was never measured."""
    samples = run.settings.get("samples")
    key = f"{run.fingerprint} samples={samples}" if samples else run.fingerprint
    body = run.settings.get("calibrated", {}).get(key, {}).get(rubric.id)
    owner = run.fingerprint if body is None else f"{run.fingerprint} calibrated={calibration_from_body(body).sha}"
    (measured,) = budget_rubrics(run, [rubric])  # an alarm budget moves thresholds, and no scores
    return noise_floor(store, owner, measured, samples)
