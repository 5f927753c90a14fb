"""The fit of a head's linear layer to labels of people. Plain numbers in, plain numbers out; no model runs here."""

import warnings
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from convexplain.agreement import spearman
from convexplain.errors import UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

MIN_EXAMPLES = 20  # labelled turns, or pairs, that a fit needs
FOLDS = 5
_LIGHT = 30.0  # factor by which a hardly regularised feature is larger: it is penalised 900 times less
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

    def subset(self, rows: NDArray[np.bool_]) -> "Examples":
        """Return the turns of a mask, and the pairs of which both sides are in it."""
        new_index = np.cumsum(rows) - 1
        pairs = self.pairs[rows[self.pairs].all(axis=1)] if len(self.pairs) else self.pairs
        indices: list[int] = np.flatnonzero(rows).tolist()
        return Examples(
            self.features[rows],
            self.scores[rows],
            [self.sets[i] for i in indices],
            [self.groups[i] for i in indices],
            new_index[pairs],
        )


@dataclass(frozen=True, slots=True)
class LinearFit:
    """A linear layer, and how well it fits.

    Attributes:
        weights: one for each feature.
        bias: the constant that is added.
        strength: the inverse strength of the regularisation that was chosen.
        held_out: log-odds of each turn by a layer that was fitted without the turn's fold, scaled as this layer is.
        agreements: for each strength how well the order of held-out turns fits people's, in [-1, 1]; 1 = best.
    """

    weights: Floats
    bias: float
    strength: float
    held_out: Floats
    agreements: dict[float, float]


def fit(
    examples: Examples, strengths: Sequence[float] = STRENGTHS, seed: int = 0, start: Floats | None = None
) -> LinearFit:
    """Fit a logistic layer to ranks within sets and to preferences within pairs.

    Each turn's rank among its set, in (0, 1), is a soft label of a logistic regression whose features are centred
    within the set; each pair is the difference of its sides' features, labelled 1 (Bradley and Terry 1952). Every set
    weighs the same, and so do pairs of one set. The strength is chosen by cross-validation that splits no dialogue, by
    the mean over the sets of Spearman's correlation (of pairs: twice the share of right ones less one). At last slope
    and bias are fitted to the scores of held-out turns (Platt 1999), so that the output is a probability of
    "satisfied"; with pairs alone the bias puts the mean turn at 0.5.

    Args:
        examples: the labelled turns.
        strengths: inverse strengths of the regularisation to choose from.
        seed: the seed of the folds.
        start: weights of a layer that was learnt elsewhere. Its output becomes one more feature, which is hardly
            regularised: few labels then correct that layer, and many replace it.

    Raises:
        UsageError: there are too few labels, too few dialogues, or people said the same of every turn.
    """
    _check(examples)
    if start is None:
        return _fit(examples, strengths, seed, light=0)
    outputs = examples.features @ start
    extended = replace(examples, features=np.column_stack([examples.features, outputs]))
    layer = _fit(extended, strengths, seed, light=1)
    return replace(layer, weights=layer.weights[:-1] + layer.weights[-1] * start)


def _fit(examples: Examples, strengths: Sequence[float], seed: int, light: int) -> LinearFit:
    """Fit the layer; the last `light` features are hardly regularised."""
    folds = _folds(examples, seed)
    held = {strength: np.zeros(len(examples.scores)) for strength in strengths}
    for fold in folds:
        train = _Rows(examples.subset(~fold), light)
        for strength, (weights, _) in train.path(strengths):
            held[strength][fold] = (examples.features[fold] - train.middle) @ weights
    agreements = {strength: _order_agreement(examples, values) for strength, values in held.items()}
    best = max(strengths, key=lambda strength: (round(agreements[strength], 3), -strength))
    rows = _Rows(examples, light)
    ((_, (weights, middle)),) = rows.path([best])
    slope, bias = _scale(examples, held[best])
    return LinearFit(
        weights * slope, bias - slope * float(middle @ weights), best, held[best] * slope + bias, agreements
    )


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
        for name in dict.fromkeys(sets):
            pairs = examples.pairs[[pair_set == name for pair_set in sets]]
            parts.append((features[pairs[:, 0]] - features[pairs[:, 1]]) / self._spread)
            targets.append(np.ones(len(pairs)))
            weights.append(np.full(len(pairs), 1.0 / len(pairs)))
        self._features = np.concatenate(parts)
        self._targets = np.concatenate(targets)
        self._weights = np.concatenate(weights) / len(parts)

    def path(self, strengths: Sequence[float]) -> Iterator[tuple[float, tuple[Floats, Floats]]]:
        """Yield for each strength the weights on the unscaled features, and the features' mean."""
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


def check_size(turns: int, pairs: int) -> None:
    """Check that there are enough labelled turns or pairs to fit a head.

    Raises:
        UsageError: there are too few of both.
    """
    if turns < MIN_EXAMPLES and pairs < MIN_EXAMPLES:
        raise UsageError(
            f"{turns} labelled turns and {pairs} pairs are too few; at least {MIN_EXAMPLES} of either are needed"
        )


def _check(examples: Examples) -> None:
    scored = np.isfinite(examples.scores)
    n, pairs = int(scored.sum()), len(examples.pairs)
    check_size(n, pairs)
    if pairs < MIN_EXAMPLES and n and np.ptp(examples.scores[scored]) == 0:
        raise UsageError(
            f"people gave all {n} turns the same score, {examples.scores[scored][0]:g}: nothing can be learnt from that"
        )
    groups = len(set(examples.groups))
    if groups < FOLDS:
        raise UsageError(f"the labels are of {groups} dialogues; at least {FOLDS} are needed to see what was learnt")


def _folds(examples: Examples, seed: int) -> list[NDArray[np.bool_]]:
    """Return masks of the held-out turns; no dialogue is split, and each set is spread over all folds."""
    rng = np.random.default_rng(seed)
    fold_of: dict[Hashable, int] = {}
    for rows in _by_set(examples):
        fresh = [group for group in dict.fromkeys(examples.groups[i] for i in rows) if group not in fold_of]
        order = rng.permutation(len(fresh))
        start = int(rng.integers(FOLDS))
        fold_of |= {fresh[index]: (start + i) % FOLDS for i, index in enumerate(order)}
    numbers = np.array([fold_of[group] for group in examples.groups])
    return [numbers == i for i in range(FOLDS) if (numbers == i).any()]


def _by_set(examples: Examples) -> list[Ints]:
    sets = list(dict.fromkeys(examples.sets))
    return [np.flatnonzero([turn_set == name for turn_set in examples.sets]).astype(np.intp) for name in sets]


def _ranks(values: Floats) -> Floats:
    """Return the mean ranks, in (0, 1)."""
    _, indices, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(((np.cumsum(counts) - (counts - 1) / 2 - 0.5) / len(values))[indices], dtype=np.float64)


def _order_agreement(examples: Examples, values: Floats) -> float:
    """Return how well the order of the values fits people's, the mean over sets, in [-1, 1]; 1 = best."""
    agreements = []
    for rows in _by_set(examples):
        scored = rows[np.isfinite(examples.scores[rows])]
        agreements.append(float(spearman(values[scored], examples.scores[scored])(np.ones((1, len(scored))))[0]))
        pairs = examples.pairs[np.isin(examples.pairs[:, 0], rows)] if len(examples.pairs) else examples.pairs
        if len(pairs):
            gaps = values[pairs[:, 0]] - values[pairs[:, 1]]
            agreements.append(float(2 * ((gaps > 0) + (gaps == 0) / 2).mean() - 1))
    finite = [value for value in agreements if np.isfinite(value)]
    return float(np.mean(finite)) if finite else -1.0


def _scale(examples: Examples, held: Floats) -> tuple[float, float]:
    """Return slope and bias that turn held-out values into log-odds of people's scores; the slope is positive."""
    from sklearn.linear_model import LogisticRegression

    scored = np.flatnonzero(np.isfinite(examples.scores))
    spread = float(held.std()) or 1.0
    if not len(scored) or np.ptp(examples.scores[scored]) == 0:
        return 1.0 / spread, 0.0
    values = held[scored, None] / spread
    weights = np.zeros(len(scored))
    for rows in _by_set(examples):
        members = np.isin(scored, rows)
        weights[members] = len(scored) / max(1, int(members.sum()))
    weights /= len(set(examples.sets))
    targets = examples.scores[scored]
    model = LogisticRegression(C=1.0)
    model.fit(
        np.concatenate([values, values]),
        np.repeat([1, 0], len(values)),
        sample_weight=np.concatenate([targets, 1 - targets]) * np.tile(weights, 2),
    )
    return max(1e-3, float(model.coef_[0, 0])) / spread, float(model.intercept_[0])
