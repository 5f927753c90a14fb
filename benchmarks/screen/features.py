"""What heads read of turns, standardised for the fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from convexplain.judges.head_training import TurnKey
from convexplain.judges.turn_numbers import NAMES, turn_numbers

Floats = NDArray[np.float64]

_FURTHEST = 5.0  # standard deviations to which plain numbers are cut while a layer is fitted
_SHARPNESS = 0.25  # of standardised states beside standardised numbers: what is small is penalised more


@dataclass(frozen=True, slots=True)
class TurnFeatures:
    """The features of turns that heads read.

    Attributes:
        row_of: the row of each turn.
        standard: (turns, features): standardised; states are a quarter as large as plain numbers.
        centre, spread: `standard` is what heads get less `centre`, divided by `spread`, but for numbers far out.
    """

    row_of: Mapping[TurnKey, int]
    standard: Floats
    centre: Floats
    spread: Floats

    @classmethod
    def of_states(cls, turn_keys: Sequence[TurnKey], states: Floats) -> Self:
        """Return the features of turns.

        Args:
            turn_keys: the turns.
            states: (turns, width): a model's features of each.
        """
        numbers = np.array([turn_numbers(conversation.turns[: turn + 1]) for conversation, turn in turn_keys])
        raw = np.concatenate([numbers, states], axis=1)
        centre, spread = raw.mean(0), raw.std(0) + 1e-6
        spread[len(NAMES) :] /= _SHARPNESS
        standard = (raw - centre) / spread
        standard[:, : len(NAMES)] = np.clip(standard[:, : len(NAMES)], -_FURTHEST, _FURTHEST)
        return cls({key: row for row, key in enumerate(turn_keys)}, standard, centre, spread)

    def of(self, turn_keys: Sequence[TurnKey]) -> Floats:
        """Return the standardised features of turns, (turns, features)."""
        return self.standard[[self.row_of[key] for key in turn_keys]]

    def raw_layer(self, weights: Floats) -> tuple[Floats, float]:
        """Return the weights and the constant on features as heads get them, of weights on standardised ones."""
        raw_weights = weights / self.spread
        return raw_weights, -float(self.centre @ raw_weights)
