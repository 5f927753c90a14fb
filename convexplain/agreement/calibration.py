"""Calibration: maps from a judge's scores to people's mean."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convexplain.errors import UsageError
from convexplain.fidelity import Estimate
from convexplain.types import sha256_json

from .bootstrap import MIN_DIALOGUES, Draws
from .formatting import format_estimate
from .ranks import spearman
from .reliability import brier, ece
from .usefulness import MIN_LABELLED, Usefulness, usefulness

Floats = NDArray[np.float64]
Kind = Literal["isotonic", "spline", "platt", "prior"]

MIN_TURNS = 50  # labelled
_KINDS: tuple[Kind, ...] = ("platt", "spline", "isotonic")
_SPLINE_KNOTS = 5
_GRID = 101
_EDGE = 1e-6  # scores nearer to 0 or 1 count as 0 or 1


@dataclass(frozen=True, slots=True)
class Calibration:
    """A rising map from scores to scores.

    Attributes:
        kind: `isotonic` (steps, joined by lines), `spline` (a smooth curve, as short lines), `platt` (a line between
            log-odds) or `prior` (log-odds, less those that the judge gives to content-free inputs).
        knots: of isotonic and spline: (score, calibrated score), rising.
        slope, intercept: of platt and prior, on log-odds.
        threshold: for calibrated scores, in place of the rubric's threshold; None = the rubric's.
        about: its data and its quality (JSON values).
    """

    kind: Kind
    knots: tuple[tuple[float, float], ...] = ()
    slope: float = 1.0
    intercept: float = 0.0
    threshold: float | None = None
    about: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def apply(self, score: float) -> float:
        """Return the calibrated score, in [0, 1]."""
        if self.knots:
            x, y = zip(*self.knots, strict=True)
            return float(np.interp(score, x, y))
        return _sigmoid(self.slope * _logit(score) + self.intercept)

    @property
    def sha(self) -> str:
        """Return the SHA-256 of the map: two calibrations with one sha map every score alike."""
        return sha256_json([self.kind, self.knots, self.slope, self.intercept])

    def body(self) -> dict[str, Any]:
        """Return the calibration as JSON values."""
        return {**asdict(self), "knots": [list(knot) for knot in self.knots], "about": dict(self.about)}


def calibration_from_body(body: Mapping[str, Any]) -> Calibration:
    """Return the calibration of JSON values that `body` returned."""
    knots = tuple((float(x), float(y)) for x, y in body["knots"])
    return Calibration(
        body["kind"], knots, float(body["slope"]), float(body["intercept"]), body["threshold"], body["about"]
    )


def calibrate(
    scores: Sequence[float],
    humans: Sequence[float],
    groups: Sequence[Hashable],
    seed: int = 0,
    *,
    bad_below: float = 0.5,
    baselines: Mapping[str, Sequence[float]] | None = None,
) -> Calibration:
    """Fit three maps, and return the one with the best Brier score on held-out dialogues.

    Platt's scaling (1999), here on log-odds and with people's means as soft labels, needs few labels. A logistic
    regression on a spline of five knots, forced to rise, needs more; isotonic regression (Zadrozny and Elkan 2002)
    needs many. `about` holds Brier score and calibration error of held-out turns before and after, the AUC, and the
    numbers of turns and dialogues.

    Args:
        scores: the judge's, in [0, 1].
        humans: people's mean, in [0, 1].
        groups: the dialogue of each turn; no dialogue is split.
        seed: of the folds.
        bad_below: people call a turn bad if their mean is below it.
        baselines: by their names, a number for each turn (its length, its place) that the judge has to do better than.

    Raises:
        UsageError: too few labels, good or bad turns, or dialogues; all labels or all scores are the same; scores do
            not rise with them, or tell good from bad turns no better than chance or a baseline.
    """
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(humans, dtype=np.float64)
    _check(x, y, groups)
    numbers = {name: np.asarray(column, dtype=np.float64) for name, column in (baselines or {}).items()}
    use = usefulness(x, y, bad_below, bad_below, numbers, groups, seed)
    _check_use(use, bad_below)
    folds = _folds(groups, seed)
    held_out = {kind: _held_out(kind, x, y, folds) for kind in _KINDS}
    every = np.ones((1, len(x)))
    errors = {kind: float(brier(out, y)(every)[0]) for kind, out in held_out.items()}
    best = min(errors, key=lambda kind: errors[kind])
    draws = Draws(groups, seed)
    about = {
        "turns": len(x),
        "dialogues": draws.groups,
        "auc": _estimate_body(use.auc),
        "baseline": {"name": use.baseline, "auc": use.baseline_auc},
        "before": {
            "brier": _estimate_body(draws.estimate(brier(x, y))),
            "ece": _estimate_body(draws.estimate(ece(x, y))),
        },
        "after": {
            "brier": _estimate_body(draws.estimate(brier(held_out[best], y))),
            "ece": _estimate_body(draws.estimate(ece(held_out[best], y))),
        },
    }
    return replace(_fit(best, x, y), about=about)


def label_prior(scores: Sequence[float]) -> Calibration:
    """Return the calibration that removes a judge's bias on content-free inputs (Zhao et al. 2021), for two labels.

    The labels' probabilities are divided by those on content-free inputs and renormalised. With two labels that moves
    the log-odds by a constant. It needs no labels of people.

    Args:
        scores: the judge's probabilities of the label 1 on content-free inputs; their mean counts.

    Raises:
        UsageError: there are no scores.
    """
    if not scores:
        raise UsageError("no content-free input could be scored")
    mean = sum(scores) / len(scores)
    return Calibration("prior", intercept=-_logit(mean), about={"content_free": mean, "inputs": len(scores)})


def check_size(n: int, groups: Sequence[Hashable]) -> None:
    """Check that there are enough labelled turns for a calibration.

    Args:
        n: how many turns there are.
        groups: the dialogue of each.

    Raises:
        UsageError: there are too few turns or dialogues.
    """
    dialogues = len(set(groups))
    if n < MIN_TURNS or dialogues < MIN_DIALOGUES:
        raise UsageError(
            f"{n} labelled turns of {dialogues} dialogues are too few for a calibration; at least {MIN_TURNS} of "
            f"{MIN_DIALOGUES} are needed"
        )


def _check(scores: Floats, humans: Floats, groups: Sequence[Hashable]) -> None:
    n = len(scores)
    check_size(n, groups)
    if np.ptp(humans) == 0:
        raise UsageError(f"people gave all {n} turns the same score, {humans[0]:g}: there is nothing to calibrate to")
    if np.ptp(scores) == 0:
        raise UsageError(f"the judge gave all {n} turns the same score, {scores[0]:g}: there is nothing to calibrate")
    rho = float(spearman(scores, humans)(np.ones((1, n)))[0])
    if not rho > 0:
        raise UsageError(
            f"the judge's scores do not rise with people's (Spearman {rho:+.2f} on {n} turns): a calibration would "
            "turn them into a constant"
        )


def _check_use(use: Usefulness, bad_below: float) -> None:
    """Refuse a curve that would lend meaning to scores without any."""
    if min(use.good, use.bad) < MIN_LABELLED:
        raise UsageError(
            f"people call {use.bad} of the turns with a score bad (their mean is below {bad_below:g}) and {use.good} "
            f"good; at least {MIN_LABELLED} of each are needed for a calibration: label more turns"
        )
    shortfall = use.shortfall
    if not shortfall and not (use.difference.value or 0.0) > 0:
        shortfall = f"is not above that of {use.baseline}, {use.baseline_auc:.2f}"
    if shortfall:
        raise UsageError(
            f"no curve is kept: the judge's AUC {format_estimate(use.auc)} on {use.good + use.bad} labelled turns "
            f"{shortfall}. A curve would make such scores look like knowledge. Take another judge or another wording "
            "of the maxim, or label more turns if the interval is wide; `convexplain judges validate` shows the numbers"
        )


def _folds(groups: Sequence[Hashable], seed: int, k: int = 5) -> list[NDArray[np.bool_]]:
    names = list(dict.fromkeys(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    fold = {names[place]: i % k for i, place in enumerate(order)}
    numbers = np.array([fold[group] for group in groups])
    return [numbers == i for i in range(min(k, len(names)))]


def _held_out(kind: Kind, scores: Floats, humans: Floats, folds: Sequence[NDArray[np.bool_]]) -> Floats:
    """Return each turn's calibrated score, by a map that was fitted without its fold."""
    calibrated = np.zeros(len(scores))
    for fold in folds:
        calibration = _fit(kind, scores[~fold], humans[~fold])
        calibrated[fold] = [calibration.apply(score) for score in scores[fold]]
    return calibrated


def _fit(kind: Kind, scores: Floats, humans: Floats) -> Calibration:
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    if kind == "isotonic":
        return Calibration("isotonic", _rising(scores, humans))
    if kind == "spline":
        return Calibration("spline", _smooth(scores, humans))
    if np.ptp(humans) == 0:  # in a fold: a regression is impossible
        return Calibration("platt", slope=0.0, intercept=_logit(float(humans[0])))
    odds = np.array([_logit(score) for score in scores])[:, None]
    line = LogisticRegression(C=1e6, max_iter=1000).fit(
        np.concatenate([odds, odds]),
        np.repeat([1, 0], len(odds)),
        sample_weight=np.concatenate([humans, 1 - humans]),
    )
    return Calibration("platt", slope=max(0.0, float(line.coef_[0, 0])), intercept=float(line.intercept_[0]))


def _rising(scores: Floats, humans: Floats) -> tuple[tuple[float, float], ...]:
    from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]

    fit = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, humans)
    knots = zip(fit.X_thresholds_.tolist(), fit.y_thresholds_.tolist(), strict=True)
    return tuple((float(x), float(y)) for x, y in knots)


def _smooth(scores: Floats, humans: Floats) -> tuple[tuple[float, float], ...]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
    from sklearn.preprocessing import SplineTransformer  # type: ignore[import-untyped]

    ends = float(scores.min()), float(scores.max())
    if np.ptp(humans) == 0 or ends[0] == ends[1]:
        return ((ends[0], float(humans.mean())), (max(ends[1], ends[0] + _EDGE), float(humans.mean())))
    several = len(np.unique(np.quantile(scores, np.linspace(0, 1, _SPLINE_KNOTS)))) == _SPLINE_KNOTS
    spline = SplineTransformer(_SPLINE_KNOTS, degree=2, knots="quantile" if several else "uniform")
    curve = make_pipeline(spline, LogisticRegression(C=100.0, max_iter=1000))
    curve.fit(
        np.concatenate([scores, scores])[:, None],
        np.repeat([1, 0], len(scores)),
        logisticregression__sample_weight=np.concatenate([humans, 1 - humans]),
    )
    grid = np.linspace(*ends, _GRID)
    return _rising(grid, curve.predict_proba(grid[:, None])[:, 1])


def _estimate_body(estimate: Estimate) -> dict[str, Any]:
    return {name: number for name, number in asdict(estimate).items() if number is not None}


def _logit(score: float) -> float:
    p = min(1 - _EDGE, max(_EDGE, score))
    return math.log(p / (1 - p))


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-700.0, min(700.0, logit))))
