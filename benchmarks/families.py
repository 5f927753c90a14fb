"""Results of the searches on synthetic tasks whose smallest contrast is known, in six families.

    python benchmarks/families.py [--seeds 200] [--first-seed 0] [--budget 50] [--split-k 1 2 3]

A text of n different words; g hangs on two to five of them, the causes: each has a weight, and g is the sum of the
weights of the causes that were edited (of a *redundant* pair: only when both were). Weights are equal in half of the
tasks and drawn in the others; delta lies between what the smallest contrast reaches and what one edit less can reach.
Fills say nothing, but in the *hurtful* family a fifth of them puts a third of what there is back in, and g of the
*noisy* one carries noise of standard deviation 0.05. *Smallest* is the share of all tasks in which a contrast was found
that has the fewest edits there can be and crosses without noise too. Intervals are 95 %.
"""

import argparse
import itertools
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convexplain.fidelity import mean, proportion
from convexplain.search.contrast_searches.cell import cell
from convexplain.search.contrast_searches.cell_budget import cell_budget
from convexplain.search.contrast_searches.few import few
from convexplain.search.contrast_searches.guided import guided
from convexplain.search.contrast_searches.random_units import random_search
from convexplain.search.driver import Evaluate, Outcome, drive, run
from convexplain.search.protocol import Edits, Hole, Infill, Score, Search

FAMILIES = ("short", "long", "redundant", "noisy", "hurtful", "clustered")


@dataclass
class Task:
    """One text and what its score hangs on.

    Attributes:
        n: words.
        causes: groups of words that must be edited together, with their weights.
        delta: g of a contrast.
        sigma: standard deviation of the noise that each measurement adds.
        hurts: for each word, whether its first, second … fill puts something back in.
    """

    n: int
    causes: list[tuple[tuple[int, ...], float]]
    delta: float
    sigma: float
    hurts: np.ndarray
    rng: np.random.Generator = field(repr=False)

    def smallest(self, split_k: int) -> int:
        """Edits of the smallest contrast when `split_k` words make a unit."""
        cause_sets = (
            chosen for size in range(1, len(self.causes) + 1) for chosen in itertools.combinations(self.causes, size)
        )
        crossing = (chosen for chosen in cause_sets if sum(weight for _, weight in chosen) >= self.delta)
        return min(len({word // split_k for words, _ in chosen for word in words}) for chosen in crossing)

    def fill(self, word: int, avoid: Sequence[str]) -> str:
        """A word that says nothing, or puts something back in."""
        k = len(avoid) % self.hurts.shape[1]
        return f"bad{k}" if self.hurts[word, k] else f"blank{k}"

    def exact(self, edits: Edits, split_k: int) -> float:
        """g without noise."""
        gone = {word for unit, _ in edits for word in range(unit * split_k, unit * split_k + split_k)}
        removed = sum(weight for words, weight in self.causes if gone.issuperset(words))
        return removed - sum(fill.startswith("bad") for _, fill in edits) / 3

    def g(self, edits: Edits, split_k: int) -> float:
        """One measurement of g."""
        return self.exact(edits, split_k) + (float(self.rng.normal(0, self.sigma)) if self.sigma else 0.0)


def task(family: str, seed: int) -> Task:
    """The task of that family and seed."""
    rng = np.random.default_rng([FAMILIES.index(family), seed])
    low, high = {"long": (60, 200), "clustered": (60, 120)}.get(family, (14, 30))
    n = int(rng.integers(low, high + 1))
    count = int(rng.integers(1, 4)) if family == "redundant" else int(rng.integers(2, 6))
    if family == "clustered":
        start = int(rng.integers(0, n - 2 * count))
        words = [[start + int(i)] for i in rng.choice(2 * count, count, replace=False)]
    else:
        size = 2 if family == "redundant" else 1
        words = rng.choice(n, size * count, replace=False).reshape(count, size).tolist()
    weights = np.ones(count) if rng.random() < 0.5 else rng.uniform(0.4, 1.6, count)
    weights = weights / weights.sum()
    ordered = np.sort(weights)[::-1]
    needed = min(count, 2 if family == "redundant" else 3)
    delta = float(ordered[:needed].sum() - rng.uniform(0.2, 0.8) * ordered[needed - 1])
    hurts = rng.random((n, 4)) < 0.2 if family == "hurtful" else np.zeros((n, 4), dtype=bool)
    causes = [(tuple(cause_words), weight) for cause_words, weight in zip(words, weights.tolist(), strict=True)]
    return Task(n, causes, delta, 0.05 if family == "noisy" else 0.0, hurts, rng)


def halving(n: int, *, delta: float) -> Search:
    """QuickXplain (Junker 2004) over the edits: sees only whether a set of them crosses."""
    fills: Sequence[str | None] = yield Infill(tuple(Hole(unit) for unit in range(n)))  # type: ignore[assignment]
    every = [(unit, fill) for unit, fill in enumerate(fills) if fill is not None]

    def crosses(edits: list[tuple[int, str]]) -> Generator[Score, Any, bool]:
        (g,) = yield Score((tuple(sorted(edits)),))
        return g is not None and g >= delta

    def needed(
        before: list[tuple[int, str]], grown: bool, of: list[tuple[int, str]]
    ) -> Generator[Score, Any, list[Any]]:
        if grown and (yield from crosses(before)):
            return []
        if len(of) == 1:
            return of
        first_half, second_half = of[: len(of) // 2], of[len(of) // 2 :]
        second = yield from needed(before + first_half, True, second_half)
        first = yield from needed(before + second, bool(second), first_half)
        return first + second

    if (yield from crosses(every)):
        yield Score((tuple(sorted((yield from needed([], False, every)))),))


Make = Callable[[int, float, int, int], Search]
SEARCHES: dict[str, Make] = {
    "guided": lambda n, delta, budget, seed: guided(n, delta=delta, rng=np.random.default_rng(seed)),
    "few": lambda n, delta, budget, seed: few(n, delta=delta, rng=np.random.default_rng(seed)),
    "halving": lambda n, delta, budget, seed: halving(n, delta=delta),
    "cell_budget": lambda n, delta, budget, seed: cell_budget(
        n, delta=delta, budget=budget, rng=np.random.default_rng(seed)
    ),
    "cell": lambda n, delta, budget, seed: cell(n, delta=delta),
    "random": lambda n, delta, budget, seed: random_search(n, rng=np.random.default_rng(seed)),
}


@dataclass(frozen=True)
class Solved:
    """The result of one search on one task."""

    found: bool
    smallest: bool
    calls: int
    edits: int
    rounds: int


def solve(problem: Task, make: Make, budget: int, split_k: int, seed: int = 0) -> Solved:
    """Runs a search on a task."""
    rounds = 0

    def infill(holes: Sequence[Hole]) -> list[str | None]:
        return [problem.fill(hole.unit * split_k, hole.avoid) for hole in holes]

    def evaluate(ask: Evaluate) -> list[Outcome]:
        nonlocal rounds
        rounds += 1
        return [Outcome(problem.g(edits, split_k)) for edits in ask.candidates]

    search = make(-(-problem.n // split_k), problem.delta, budget, seed)
    result = run(drive(search, delta=problem.delta, budget=budget, start=Outcome(0.0)), infill, evaluate)
    edits = result.edits or ()
    crosses = result.found and problem.exact(edits, split_k) >= problem.delta - 1e-9
    return Solved(result.found, crosses and len(edits) <= problem.smallest(split_k), result.calls, len(edits), rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--split-k", type=int, nargs="+", default=[1])
    parser.add_argument("--search", nargs="+", choices=list(SEARCHES), default=list(SEARCHES))
    options = parser.parse_args()
    print("| split_k | family | search | flips | smallest | edits (found) | calls | rounds |")
    print("|---|---|---|---|---|---|---|---|")
    for split_k, family, name in itertools.product(options.split_k, FAMILIES, options.search):
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        rows = [solve(task(family, seed), SEARCHES[name], options.budget, split_k) for seed in seeds]
        flips = proportion(sum(row.found for row in rows), len(rows))
        smallest = proportion(sum(row.smallest for row in rows), len(rows))
        edits = mean([row.edits for row in rows if row.found], 0)
        calls = mean([row.calls for row in rows], 0)
        rounds = mean([row.rounds for row in rows], 0)
        cells = " | ".join([_percent(flips), _percent(smallest), _number(edits), _number(calls), _number(rounds)])
        print(f"| {split_k} | {family} | {name} | {cells} |", flush=True)


def _percent(estimate: object) -> str:
    value, low, high = estimate.value, estimate.low, estimate.high  # type: ignore[attr-defined]
    return f"{value:.0%} [{low:.0%}, {high:.0%}]"


def _number(estimate: object) -> str:
    value, low, high = estimate.value, estimate.low, estimate.high  # type: ignore[attr-defined]
    if value is None:
        return "–"
    return f"{value:.1f}" if low is None else f"{value:.1f} [{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    main()
