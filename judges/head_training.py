"""Fits the linear layer of a head to what people said. Plain numbers in, plain numbers out; no model runs here."""

import warnings
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from convexplain.agreement import spearman
from convexplain.errors import UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

FEWEST = 20  # labelled turns, and pairs, below which nothing is fitted
FOLDS = 5
_LIGHT = 30.0  # so many times larger a feature counts where it is hardly regularised: as one of 900 of them
STRENGTHS: tuple[float, ...] = tuple(float(10.0**power) for power in np.arange(-5.0, 0.1, 0.5))
"""The inverse strengths of the regularisation that are tried, the strongest first."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Labelled turns as numbers.

    Attributes:
        features: (turns, features).
        scores: people's mean, one a turn, in [0, 1], 1 = satisfied; NaN for a turn that is only in pairs.
        sets: the data set of each turn: scores are compared within one set only.
        groups: the dialogue of each turn, never split between folds.
        pairs: (pairs, 2) indices of turns, the preferred one first; both of one group.
    """

    features: Floats
    scores: Floats
    sets: Sequence[Hashable]
    groups: Sequence[Hashable]
    pairs: Ints = field(default_factory=lambda: np.zeros((0, 2), dtype=np.intp))

    def among(self, rows: NDArray[np.bool_]) -> "Examples":
        """Some of the turns, and the pairs both sides of which are among them."""
        place = np.cumsum(rows) - 1
        pairs = self.pairs[rows[self.pairs].all(axis=1)] if len(self.pairs) else self.pairs
        some: list[int] = np.flatnonzero(rows).tolist()
        return Examples(
            self.features[rows],
            self.scores[rows],
            [self.sets[i] for i in some],
            [self.groups[i] for i in some],
            place[pairs],
        )


@dataclass(frozen=True, slots=True)
class Fitted:
    """A linear layer.

    Attributes:
        weights: one a feature.
        bias: what is added.
        strength: the inverse strength of the regularisation that was chosen.
        held_out: what the layer gives each turn when the turn's fold was left out: log-odds, scaled as the layer is.
        tried: for each strength how well the order of held-out turns fits people's, in [-1, 1].
    """

    weights: Floats
    bias: float
    strength: float
    held_out: Floats
    tried: dict[float, float]


def fit(
    examples: Examples, strengths: Sequence[float] = STRENGTHS, seed: int = 0, start: Floats | None = None
) -> Fitted:
    """Fits a logistic layer to ranks within sets and to preferences within pairs.

    Each turn's rank among its set, in (0, 1), is a soft label of a logistic regression whose features are centred
    within the set; each pair is the difference of its sides' features, labelled 1 (Bradley and Terry 1952). Every set
    weighs the same, and so do pairs of one set. The strength is chosen by cross-validation that splits no dialogue, by
    the mean over the sets of Spearman's correlation (of pairs: twice the share of right ones less one). At last slope
    and bias are fitted to the scores of held-out turns (Platt 1999), so that the output is a probability of
    "satisfied"; with pairs alone the bias puts the mean turn at 0.5.

    Args:
        examples: what to learn from.
        strengths: inverse strengths that are tried.
        seed: of the folds.
        start: weights of a layer that was learnt elsewhere. What it gives is one feature more, which is hardly
            regularised: few labels then correct that layer, and many replace it.

    Raises:
        UsageError: there are too few labels, too few dialogues, or people said the same of every turn.
    """
    _check(examples)
    if start is None:
        return _fit(examples, strengths, seed, light=0)
    given = examples.features @ start
    more = replace(examples, features=np.column_stack([examples.features, given]))
    found = _fit(more, strengths, seed, light=1)
    return replace(found, weights=found.weights[:-1] + found.weights[-1] * start)


def _fit(examples: Examples, strengths: Sequence[float], seed: int, light: int) -> Fitted:
    """`light`: how many of the last features are hardly regularised."""
    folds = _folds(examples, seed)
    held = {strength: np.zeros(len(examples.scores)) for strength in strengths}
    for fold in folds:
        train = _Rows(examples.among(~fold), light)
        for strength, (weights, _) in train.path(strengths):
            held[strength][fold] = (examples.features[fold] - train.middle) @ weights
    tried = {strength: _order(examples, values) for strength, values in held.items()}
    best = max(strengths, key=lambda strength: (round(tried[strength], 3), -strength))
    rows = _Rows(examples, light)
    ((_, (weights, middle)),) = rows.path([best])
    slope, bias = _scale(examples, held[best])
    return Fitted(weights * slope, bias - slope * float(middle @ weights), best, held[best] * slope + bias, tried)


class _Rows:
    """Rows of a logistic regression without an intercept: turns centred within their set, and differences of pairs."""

    def __init__(self, examples: Examples, light: int = 0) -> None:
        features = examples.features
        self.middle = features.mean(axis=0)
        spread = features.std(axis=0)
        self._spread = np.where(spread > 1e-9, spread, 1.0)
        if light:
            self._spread[-light:] /= _LIGHT
        parts, targets, weights = [], [], []
        for rows in _by_set(examples):
            scored = rows[np.isfinite(examples.scores[rows])]
            if len(scored) > 1 and np.ptp(examples.scores[scored]) > 0:
                parts.append((features[scored] - features[scored].mean(axis=0)) / self._spread)
                targets.append(_ranks(examples.scores[scored]))
                weights.append(np.full(len(scored), 1.0 / len(scored)))
        sets = [examples.sets[i] for i in examples.pairs[:, 0]] if len(examples.pairs) else []
        for one in dict.fromkeys(sets):
            pairs = examples.pairs[[other == one for other in sets]]
            parts.append((features[pairs[:, 0]] - features[pairs[:, 1]]) / self._spread)
            targets.append(np.ones(len(pairs)))
            weights.append(np.full(len(pairs), 1.0 / len(pairs)))
        self._features = np.concatenate(parts)
        self._targets = np.concatenate(targets)
        self._weights = np.concatenate(weights) / len(parts)

    def path(self, strengths: Sequence[float]) -> Iterator[tuple[float, tuple[Floats, Floats]]]:
        """For each strength the weights on the features as they are, and the middle that they are taken from."""
        from sklearn.exceptions import ConvergenceWarning  # type: ignore[import-untyped]
        from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

        # A soft label is two rows. Mirrored, since a regression without two classes is refused.
        mirrored = np.where(self._targets > 0.5, 1.0, -1.0)[:, None] * self._features
        certain = np.maximum(self._targets, 1 - self._targets)
        both = np.concatenate([mirrored, mirrored])
        labels = np.repeat([1, 0], len(mirrored))
        weights = np.concatenate([certain, 1 - certain]) * np.tile(self._weights, 2) * len(self._weights)
        if not (weights[len(mirrored) :] > 0).any():  # pairs alone: the same rows the other way round
            both[len(mirrored) :] *= -1
            weights = np.tile(self._weights, 2) * len(self._weights) / 2
        model = LogisticRegression(fit_intercept=False, solver="lbfgs", max_iter=300, tol=1e-3, warm_start=True)
        for strength in strengths:
            model.set_params(C=strength)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(both, labels, sample_weight=weights)
            yield strength, (np.asarray(model.coef_[0]) / self._spread, self.middle)


def _check(examples: Examples) -> None:
    scored = np.isfinite(examples.scores)
    n, pairs = int(scored.sum()), len(examples.pairs)
    if n < FEWEST and pairs < FEWEST:
        raise UsageError(f"{n} labelled turns and {pairs} pairs are too few; at least {FEWEST} of either are needed")
    if pairs < FEWEST and n and np.ptp(examples.scores[scored]) == 0:
        raise UsageError(
            f"people gave all {n} turns the same score, {examples.scores[scored][0]:g}: nothing can be learnt from that"
        )
    groups = len(set(examples.groups))
    if groups < FOLDS:
        raise UsageError(f"the labels are of {groups} dialogues; at least {FOLDS} are needed to see what was learnt")


def _folds(examples: Examples, seed: int) -> list[NDArray[np.bool_]]:
    """Masks of the turns that are held out; dialogues stay whole, and each set is spread over all folds."""
    rng = np.random.default_rng(seed)
    fold_of: dict[Hashable, int] = {}
    for rows in _by_set(examples):
        fresh = [group for group in dict.fromkeys(examples.groups[i] for i in rows) if group not in fold_of]
        order = rng.permutation(len(fresh))
        start = int(rng.integers(FOLDS))
        fold_of |= {fresh[place]: (start + i) % FOLDS for i, place in enumerate(order)}
    numbers = np.array([fold_of[group] for group in examples.groups])
    return [numbers == i for i in range(FOLDS) if (numbers == i).any()]


def _by_set(examples: Examples) -> list[Ints]:
    sets = list(dict.fromkeys(examples.sets))
    return [np.flatnonzero([other == one for other in examples.sets]).astype(np.intp) for one in sets]


def _ranks(values: Floats) -> Floats:
    """Mean ranks, in (0, 1)."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(((np.cumsum(counts) - (counts - 1) / 2 - 0.5) / len(values))[places], dtype=np.float64)


def _order(examples: Examples, values: Floats) -> float:
    """How well an order of the turns fits people's, the mean over sets."""
    found = []
    for rows in _by_set(examples):
        scored = rows[np.isfinite(examples.scores[rows])]
        found.append(float(spearman(values[scored], examples.scores[scored])(np.ones((1, len(scored))))[0]))
        pairs = examples.pairs[np.isin(examples.pairs[:, 0], rows)] if len(examples.pairs) else examples.pairs
        if len(pairs):
            gaps = values[pairs[:, 0]] - values[pairs[:, 1]]
            found.append(float(2 * ((gaps > 0) + (gaps == 0) / 2).mean() - 1))
    known = [value for value in found if np.isfinite(value)]
    return float(np.mean(known)) if known else -1.0


def _scale(examples: Examples, held: Floats) -> tuple[float, float]:
    """Slope and bias that make held-out values log-odds of people's scores; never a slope below zero."""
    from sklearn.linear_model import LogisticRegression

    scored = np.flatnonzero(np.isfinite(examples.scores))
    spread = float(held.std()) or 1.0
    if not len(scored) or np.ptp(examples.scores[scored]) == 0:
        return 1.0 / spread, 0.0
    values = held[scored, None] / spread
    weights = np.zeros(len(scored))
    for rows in _by_set(examples):
        mine = np.isin(scored, rows)
        weights[mine] = len(scored) / max(1, int(mine.sum()))
    weights /= len(set(examples.sets))
    targets = examples.scores[scored]
    model = LogisticRegression(C=1.0)
    model.fit(
        np.concatenate([values, values]),
        np.repeat([1, 0], len(values)),
        sample_weight=np.concatenate([targets, 1 - targets]) * np.tile(weights, 2),
    )
    return max(1e-3, float(model.coef_[0, 0])) / spread, float(model.intercept_[0])
