"""Calibration: from a judge's scores to what people say on average, and thresholds that keep a promise. Pure."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convexplain.errors import UsageError
from convexplain.fidelity import Estimate
from convexplain.types import sha256_json

from . import Draws, brier, ece, spearman

Floats = NDArray[np.float64]
Kind = Literal["isotonic", "spline", "platt", "prior"]
Aim = Literal["precision", "recall", "flagged"]

FEWEST = 50  # labelled turns
FEWEST_GROUPS = 5  # dialogues
_KINDS: tuple[Kind, ...] = ("platt", "spline", "isotonic")
_SPLINE_KNOTS = 5
_GRID = 101
_EDGE = 1e-6  # scores are not told from 0 and 1 nearer than that


@dataclass(frozen=True, slots=True)
class Calibration:
    """A rising map from scores to scores.

    Attributes:
        kind: `isotonic` (steps, joined by lines), `spline` (a smooth curve, as short lines), `platt` (a line between
            log-odds) or `prior` (log-odds moved by those that the judge gives where there is nothing to judge).
        knots: of isotonic and spline, (score, what it becomes), rising.
        slope, intercept: of the others, on log-odds.
        threshold: what a calibrated score has to reach instead of the rubric's threshold; None = that one.
        about: what it was made from, and what it reaches (JSON values).
    """

    kind: Kind
    knots: tuple[tuple[float, float], ...] = ()
    slope: float = 1.0
    intercept: float = 0.0
    threshold: float | None = None
    about: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def apply(self, score: float) -> float:
        """What a score becomes, in [0, 1]."""
        if self.knots:
            x, y = zip(*self.knots, strict=True)
            return float(np.interp(score, x, y))
        return _sigmoid(self.slope * _logit(score) + self.intercept)

    @property
    def sha(self) -> str:
        """SHA-256 of the map: two calibrations with one sha make the same of every score."""
        return sha256_json([self.kind, self.knots, self.slope, self.intercept])

    def body(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "knots": [list(knot) for knot in self.knots], "about": dict(self.about)}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold that keeps a promise on labelled turns; turns that score below it are flagged.

    Attributes:
        value: the threshold, in (0, 1).
        precision: share of the flagged turns that people call bad.
        recall: share of the turns that people call bad which are flagged.
        flagged: share of all turns that are flagged.
    """

    value: float
    precision: Estimate
    recall: Estimate
    flagged: Estimate


def of_body(body: Mapping[str, Any]) -> Calibration:
    """A calibration from its JSON values."""
    knots = tuple((float(x), float(y)) for x, y in body["knots"])
    return Calibration(
        body["kind"], knots, float(body["slope"]), float(body["intercept"]), body["threshold"], body["about"]
    )


def calibrate(
    scores: Sequence[float], humans: Sequence[float], groups: Sequence[Hashable], seed: int = 0
) -> Calibration:
    """Fits three maps and takes the one that is nearest to people on dialogues that were held out (Brier score).

    Platt's scaling (1999), here on log-odds and with people's means as soft labels, needs few labels; a logistic
    regression on a spline of five knots, made rising, more; isotonic regression (Zadrozny and Elkan 2002) many. `about`
    says, of held-out turns, Brier score and calibration error before and after, and how many turns and dialogues there
    were.

    Args:
        scores: the judge's, in [0, 1].
        humans: people's mean, in [0, 1].
        groups: the dialogue of each turn; none is split.
        seed: of the folds.

    Raises:
        UsageError: too few labels or dialogues, all labels or all scores are the same, or scores do not rise with them.
    """
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(humans, dtype=np.float64)
    _check(x, y, groups)
    folds = _folds(groups, seed)
    held: dict[Kind, Floats] = {}
    for kind in _KINDS:
        out = np.zeros(len(x))
        for fold in folds:
            made = _fit(kind, x[~fold], y[~fold])
            out[fold] = [made.apply(score) for score in x[fold]]
        held[kind] = out
    every = np.ones((1, len(x)))
    errors = {kind: float(brier(out, y)(every)[0]) for kind, out in held.items()}
    best = min(errors, key=lambda kind: errors[kind])
    draws = Draws(groups, seed)
    about = {
        "turns": len(x),
        "dialogues": draws.groups,
        "before": {"brier": _told(draws.estimate(brier(x, y))), "ece": _told(draws.estimate(ece(x, y)))},
        "after": {
            "brier": _told(draws.estimate(brier(held[best], y))),
            "ece": _told(draws.estimate(ece(held[best], y))),
        },
    }
    made = _fit(best, x, y)
    return Calibration(made.kind, made.knots, made.slope, made.intercept, None, about)


def label_prior(scores: Sequence[float]) -> Calibration:
    """Takes out what a judge of two labels says where there is nothing to judge (Zhao et al. 2021).

    The labels' probabilities are divided by those on content-free inputs and renormalised; of two labels that moves the
    log-odds by a constant, which needs no label of a person.

    Args:
        scores: the judge's probability of the label 1 on content-free inputs, which are averaged.

    Raises:
        UsageError: there is none.
    """
    if not scores:
        raise UsageError("no content-free input could be scored")
    mean = sum(scores) / len(scores)
    return Calibration("prior", intercept=-_logit(mean), about={"content_free": mean, "inputs": len(scores)})


def threshold_for(
    aim: Aim,
    wanted: float,
    scores: Sequence[float],
    humans: Sequence[float],
    bad_below: float,
    groups: Sequence[Hashable],
    seed: int = 0,
) -> Threshold:
    """The threshold at which flagging keeps a promise on labelled turns.

    Args:
        aim: of `precision` at least `wanted`, with as many flagged as that allows; of `recall` at least `wanted`, with
            as few flagged as that allows; or the share `flagged`, as near as ties allow.
        wanted: in (0, 1].
        scores: calibrated or not, in [0, 1].
        humans: people's mean.
        bad_below: turns whose mean is below it are those that people call bad.
        groups: the dialogue of each turn, for the intervals.
        seed: of the intervals.

    Raises:
        UsageError: people call no turn bad, or no threshold keeps the promise.
    """
    if not 0 < wanted <= 1:
        raise UsageError(f"{aim}={wanted} is not valid; it must be in (0, 1]")
    x, bad = np.asarray(scores, dtype=np.float64), np.asarray(humans, dtype=np.float64) < bad_below
    if aim != "flagged" and not bad.any():
        raise UsageError(f"people call no turn bad (their mean is nowhere below {bad_below:g}): no {aim} can be had")
    values = np.unique(x)
    cuts = [(low + high) / 2 for low, high in pairwise(values.tolist())]
    cuts = [cut for cut in [*cuts, min(1.0, float(values[-1]) + _EDGE)] if 0 < cut < 1]
    kept = [cut for cut in cuts if _keeps(aim, wanted, x < cut, bad)]
    if aim == "flagged":
        kept = [min(cuts, key=lambda cut: abs(float((x < cut).mean()) - wanted))] if cuts else []
    if not kept:
        raise UsageError(f"no threshold gives a {aim} of {wanted:g} on these {len(x)} labelled turns")
    value = float(max(kept) if aim == "precision" else min(kept))
    flagged, draws = (x < value).astype(np.float64), Draws(groups, seed)
    badly = bad.astype(np.float64)

    def share(of: Floats, among: Floats) -> Estimate:
        def statistic(weights: Floats) -> Floats:
            below = (weights * among).sum(axis=1)
            above = (weights * of * among).sum(axis=1)
            found: Floats = np.divide(above, below, out=np.full(len(weights), np.nan), where=below > 0)
            return found

        return draws.estimate(statistic)

    return Threshold(value, share(badly, flagged), share(flagged, badly), share(flagged, np.ones(len(x))))


def _keeps(aim: Aim, wanted: float, flagged: NDArray[np.bool_], bad: NDArray[np.bool_]) -> bool:
    if not flagged.any():
        return False
    found = bad[flagged].mean() if aim == "precision" else flagged[bad].mean() if bad.any() else 0.0
    return bool(found >= wanted - 1e-12)


def _check(scores: Floats, humans: Floats, groups: Sequence[Hashable]) -> None:
    n, dialogues = len(scores), len(set(groups))
    if n < FEWEST or dialogues < FEWEST_GROUPS:
        raise UsageError(
            f"{n} labelled turns of {dialogues} dialogues are too few for a calibration; at least {FEWEST} of "
            f"{FEWEST_GROUPS} are needed"
        )
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


def _folds(groups: Sequence[Hashable], seed: int, k: int = 5) -> list[NDArray[np.bool_]]:
    names = list(dict.fromkeys(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    fold = {names[place]: i % k for i, place in enumerate(order)}
    numbers = np.array([fold[group] for group in groups])
    return [numbers == i for i in range(min(k, len(names)))]


def _fit(kind: Kind, scores: Floats, humans: Floats) -> Calibration:
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    if kind == "isotonic":
        return Calibration("isotonic", _rising(scores, humans))
    if kind == "spline":
        return Calibration("spline", _smooth(scores, humans))
    if np.ptp(humans) == 0:  # of a fold: no regression can be had
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

    made = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, humans)
    knots = zip(made.X_thresholds_.tolist(), made.y_thresholds_.tolist(), strict=True)
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


def _told(estimate: Estimate) -> dict[str, Any]:
    return {key: value for key, value in asdict(estimate).items() if value is not None}


def _logit(score: float) -> float:
    p = min(1 - _EDGE, max(_EDGE, score))
    return math.log(p / (1 - p))


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(-700.0, min(700.0, value))))
