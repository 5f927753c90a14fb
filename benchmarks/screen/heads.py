"""The heads of the screen: fitted to labelled sets and planted pairs, and brought to the scale of probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from adapter import TrainedAdapter
from cards import Worth, make_card, right_pairs, set_agreement, show_card
from features import Floats, TurnFeatures
from planting import PlantedPair
from ridge import fit_ridge, planted_blocks, set_blocks
from sets import MaximSet
from sklearn.linear_model import LogisticRegression

from convexplain import load_rubric
from convexplain.connectors.models.embedded import FINGERPRINT, sha256
from convexplain.judges.head_training import RECIPE
from convexplain.judges.heads import Head, question_of, write_head
from convexplain.judges.reference.planting import PlantedTurn
from convexplain.judges.turn_numbers import NAMES

_WITHOUT_LENGTH = ("helpfulness", "harm")  # maxims whose heads read no number that follows the length of the turn
_PENALTY, _PENALTY_OF_NUMBERS = 2.0, 100.0
_SHARE_OF_NUMBERS, _SHARE_OF_ADAPTER = 0.5, 0.5  # beside the ridge regression on everything
_BAD_SHARE = 0.25  # share of bad turns for which scores are probabilities


@dataclass(frozen=True, slots=True)
class Material:
    """All that the heads are made of.

    Attributes:
        sets: the labelled sets of each maxim.
        pairs: planted pairs.
        unseen: scenarios and dialogues of planted pairs that the adapter has not learnt from.
        calibration: planted turns of the reference set's choosing half, by which outputs become probabilities.
        features: what heads read of all turns, with the adapter.
        adapter: the adapter.
    """

    sets: Mapping[str, Sequence[MaximSet]]
    pairs: Sequence[PlantedPair]
    unseen: set[str]
    calibration: Sequence[PlantedTurn]
    features: TurnFeatures
    adapter: TrainedAdapter

    @property
    def learnt_pairs(self) -> list[PlantedPair]:
        """Return the pairs that the adapter has learnt from."""
        return [pair for pair in self.pairs if pair.group not in self.unseen]

    @property
    def labelled(self) -> Floats:
        """Return the standardised features of all turns of the labelled sets, (turns, features)."""
        sets = [maxim_set for members in self.sets.values() for maxim_set in members]
        return self.features.of(list(dict.fromkeys(key for maxim_set in sets for key in maxim_set.turn_keys)))


def fit_weights(material: Material, maxim: str, pairs: Sequence[PlantedPair], family: str | None = None) -> Floats:
    """Return the weights of a maxim's head on standardised features.

    They are those of a ridge regression on everything, plus, with half the weight, those of a strongly shrunk one on
    the plain numbers alone, and those of the layer that was trained with the adapter; the outputs of each have a
    standard deviation of 1 on the labelled turns before.

    Args:
        material: what the head is made of.
        maxim: the maxim.
        pairs: the planted pairs that are learnt from.
        family: a family of sets that nothing is learnt from, neither from planted pairs that are made of its answers.
    """
    if family == "assistants":
        pairs = [pair for pair in pairs if pair.origin != "answers"]
    labelled = material.labelled
    used = np.ones(labelled.shape[1], dtype=bool)
    if maxim in _WITHOUT_LENGTH:
        used[: len(NAMES)] = [not name.startswith("length_") for name in NAMES]
    blocks = set_blocks(material.sets[maxim], material.features, () if family is None else (family,))
    planted = planted_blocks(pairs, material.features, maxim)
    numbers_only = used & (np.arange(len(used)) < len(NAMES))
    adapter = np.zeros(len(used))
    adapter[len(NAMES) :] = np.array(material.adapter.heads[maxim]) * material.features.spread[len(NAMES) :]
    parts = (
        (1.0, fit_ridge([*blocks, *planted], used, _PENALTY)),
        (_SHARE_OF_NUMBERS, fit_ridge([*blocks, *planted], numbers_only, _PENALTY_OF_NUMBERS)),
        (_SHARE_OF_ADAPTER, adapter),
    )
    return sum((share * weights / (labelled @ weights).std() for share, weights in parts), np.zeros(len(used)))


def calibrate(material: Material, maxim: str, weights: Floats) -> tuple[float, float]:
    """Return the slope and the constant that turn outputs into log-odds (Platt 1999), by the calibration turns.

    Bad turns are weighted as if they were a quarter of all.
    """
    turns = [turn for turn in material.calibration if turn.label(maxim) is not None]
    outputs = material.features.of([(turn.conversation, turn.turn) for turn in turns]) @ weights
    good = np.array([turn.label(maxim) == 1 for turn in turns])
    if good.all() or not good.any():
        raise ValueError(f"{maxim}: the calibration turns are all good, or all bad; --rows is too small")
    shares = np.where(good, (1 - _BAD_SHARE) / good.mean(), _BAD_SHARE / (1 - good.mean()))
    fitted = LogisticRegression(C=10.0).fit(outputs[:, None], good, sample_weight=shares)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def write_heads(material: Material, folder: Path) -> None:
    """Fit the head of each maxim on everything, print what it is worth, and write it with its card."""
    model = f"{FINGERPRINT}+adapter:{sha256(material.adapter.file)[:16]}"
    for maxim in material.sets:
        fitted = fit_weights(material, maxim, material.pairs)
        slope, constant = calibrate(material, maxim, fitted)
        weights, bias = material.features.raw_layer(slope * fitted)
        card = make_card(maxim, material.sets[maxim], material.pairs, worth(material, maxim))
        rubric = load_rubric(maxim)
        head = Head(rubric.id, question_of(rubric), model, RECIPE, tuple(weights.tolist()), bias + constant, card)
        write_head(head, folder / f"{maxim}.json")
        show_card(maxim, card)


def worth(material: Material, maxim: str) -> Worth:
    """Return how far heads agree with people and with planted labels on what they have not learnt from."""
    features = material.features
    families = dict.fromkeys(maxim_set.family for maxim_set in material.sets[maxim])
    weights = {family: fit_weights(material, maxim, material.pairs, family) for family in families}
    sets = {}
    for maxim_set in material.sets[maxim]:
        keys = maxim_set.turn_keys
        outputs = features.of(keys) @ weights[maxim_set.family]
        sets[maxim_set.labels.name] = set_agreement(maxim_set, dict(zip(keys, outputs.tolist(), strict=True)))
    unseen = [pair for pair in material.pairs if pair.group in material.unseen and pair.origin == "authored"]
    keys = list(features.row_of)
    outputs = features.of(keys) @ fit_weights(material, maxim, material.learnt_pairs)
    return Worth(sets, right_pairs(unseen, maxim, dict(zip(keys, outputs.tolist(), strict=True))))
