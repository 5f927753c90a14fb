"""SHAP's Partition explainer and Captum's perturbation attributions on the value functions of `convexplain.search`.

They need `pip install shap captum`. Both remove units by a mask; what is evaluated, and how often, is counted here.
"""

import warnings
from collections.abc import Callable, Sequence

import numpy as np

ValueFn = Callable[[list[frozenset[int]]], Sequence[float | None]]


class Counted:
    """A value function over rows of 0 and 1 (1 = the unit is there); each distinct row is evaluated once.

    Args:
        n: units.
        value: from sets of removed units to values.

    Attributes:
        calls: distinct rows that were evaluated, the whole text not counted.
    """

    def __init__(self, n: int, value: ValueFn) -> None:
        self.n = n
        self._value = value
        self._known: dict[frozenset[int], float] = {}

    @property
    def calls(self) -> int:
        """As said above."""
        return len(self._known) - (frozenset() in self._known)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """One value a row; NaN where there is none."""
        sets = [frozenset(int(i) for i in np.flatnonzero(~np.asarray(row, dtype=bool))) for row in np.atleast_2d(rows)]
        new = [removed for removed in dict.fromkeys(sets) if removed not in self._known]
        for removed, value in zip(new, self._value(new), strict=True):
            self._known[removed] = float("nan") if value is None else value
        return np.array([self._known[removed] for removed in sets])


def partition_shap(n: int, value: ValueFn, budget: int) -> tuple[list[float], int]:
    """Owen values by SHAP's Partition explainer over neighbouring units, and how many sets it evaluated."""
    import shap

    counted = Counted(n, value)
    if n == 1:
        full_value, without = counted(np.array([[1], [0]]))
        return [float(full_value - without)], counted.calls

    class Units:
        """A masker: what the model gets is the mask itself."""

        shape = (1, n)
        clustering = _neighbours(n)

        def __call__(self, mask: np.ndarray, row: np.ndarray) -> tuple[np.ndarray]:
            return (np.asarray(mask, dtype=float)[None, :],)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explainer = shap.explainers.PartitionExplainer(counted, Units())
        explanation = explainer(np.ones((1, n)), max_evals=max(2, budget), silent=True)
    return [float(score) for score in np.asarray(explanation.values).reshape(-1)[:n]], counted.calls


def _neighbours(n: int) -> np.ndarray:
    """A binary tree over neighbouring units, as SciPy writes linkages: halves of halves."""
    rows: list[list[float]] = []

    def joined(start: int, end: int) -> tuple[int, int]:
        if end - start == 1:
            return start, 1
        middle = (start + end) // 2
        (left_node, left_size), (right_node, right_size) = joined(start, middle), joined(middle, end)
        rows.append([left_node, right_node, left_size + right_size, left_size + right_size])
        return n + len(rows) - 1, left_size + right_size

    joined(0, n)
    return np.array(rows, dtype=float)


def captum_shapley(n: int, value: ValueFn, budget: int, seed: int = 0) -> tuple[list[float], int]:
    """Captum's Shapley value sampling, as many orders as the budget allows, and how many sets it evaluated."""
    import torch
    from captum.attr import ShapleyValueSampling

    counted = Counted(n, value)
    torch.manual_seed(seed)
    method = ShapleyValueSampling(lambda rows: torch.tensor(counted(rows.numpy())))
    attribution = method.attribute(torch.ones(1, n), n_samples=max(1, budget // n))
    return [float(score) for score in attribution[0]], counted.calls
