"""Synthetic tasks whose smallest contrast is known, in six families.

A text of n different words; g hangs on a few of them, the causes: each has a weight, and g is the sum of the weights of
the causes that were edited (of a *redundant* pair: only when both were). Weights are equal in half of the tasks and
drawn in the others; delta lies between what the smallest contrast reaches and what one edit less can reach.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

FAMILIES = ("short", "long", "redundant", "noisy", "hurtful", "clustered")


@dataclass
class Task:
    """One text and what its score hangs on.

    Attributes:
        n: words.
        causes: groups of words that must be edited together, with their weights.
        delta: g of a contrast.
        sigma: standard deviation of the noise that each measurement adds.
        hurts: for each word, how its first, second … fill moves g for the worse (0: not at all).
        smallest: edits of the smallest contrast.
    """

    family: str
    n: int
    causes: list[tuple[tuple[int, ...], float]]
    delta: float
    sigma: float
    hurts: np.ndarray
    smallest: int
    rng: np.random.Generator = field(repr=False)

    @property
    def text(self) -> str:
        """The words, joined by spaces."""
        return " ".join(f"w{i}" for i in range(self.n))

    def fill(self, unit: int, avoid: Sequence[str]) -> str:
        """A word that says nothing; in the hurtful family some say the wrong thing."""
        k = len(avoid) % self.hurts.shape[1]
        return f"bad{k}" if self.hurts[unit, k] else f"blank{k}"

    def g(self, text: str) -> float:
        """The score of a text: without noise what `exact` gives."""
        return self.exact(text) + (float(self.rng.normal(0, self.sigma)) if self.sigma else 0.0)

    def exact(self, text: str) -> float:
        """The score without noise."""
        words = text.split()
        here = set(words)
        gone = sum(weight for units, weight in self.causes if not any(f"w{i}" in here for i in units))
        return gone - sum(word.startswith("bad") for word in words) / 3


def task(family: str, seed: int) -> Task:
    rng = np.random.default_rng([FAMILIES.index(family), seed])
    low, high = {"long": (60, 200), "clustered": (60, 120)}.get(family, (14, 30))
    n = int(rng.integers(low, high + 1))
    count = int(rng.integers(2, 6))
    if family == "redundant":
        count = int(rng.integers(1, 4))
        places = rng.choice(n, 2 * count, replace=False)
        groups = [tuple(int(i) for i in pair) for pair in places.reshape(count, 2)]
    elif family == "clustered":
        start = int(rng.integers(0, n - 2 * count))
        groups = [(start + int(i),) for i in rng.choice(2 * count, count, replace=False)]
    else:
        groups = [(int(i),) for i in rng.choice(n, count, replace=False)]
    weights = np.ones(count) if rng.random() < 0.5 else rng.uniform(0.4, 1.6, count)
    weights = weights / weights.sum()
    ordered = np.sort(weights)[::-1]
    needed = min(count, 3) if family != "redundant" else min(count, 2)
    reached = ordered[:needed].sum()
    delta = float(reached - rng.uniform(0.2, 0.8) * ordered[needed - 1])
    smallest = next(
        sum(len(groups[i]) for i in chosen)
        for size in range(1, count + 1)
        for chosen in itertools.combinations(range(count), size)
        if weights[list(chosen)].sum() >= delta
    )
    hurts = np.zeros((n, 4), dtype=bool)
    if family == "hurtful":
        hurts = rng.random((n, 4)) < 0.2
    sigma = 0.05 if family == "noisy" else 0.0
    return Task(family, n, list(zip(groups, weights.tolist(), strict=True)), delta, sigma, hurts, smallest, rng)
