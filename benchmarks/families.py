"""Results of the searches on synthetic tasks whose smallest contrast is known.

    python benchmarks/families.py [--seeds 200] [--first-seed 0] [--budget 50] [--split-k 1 2 3] [--family NAME ...]

The families are in `search_tasks.py`, each with its definition. *Found* is the share of tasks in which a contrast is
reported; *true* the share in which one is reported that crosses without noise too, and *precision* its share of those
that are found. *Smallest* is the share of all tasks in which a true contrast was found that has the fewest edits there
can be. Intervals are 95 %.
"""

import argparse
import itertools
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from search_tasks import FAMILIES, Task, task

from convexplain.fidelity import mean, proportion
from convexplain.search.confirmation import Evaluate
from convexplain.search.contrast_searches.cell import cell
from convexplain.search.contrast_searches.cell_budget import cell_budget
from convexplain.search.contrast_searches.few import few
from convexplain.search.contrast_searches.guided import guided
from convexplain.search.contrast_searches.random_units import random_search
from convexplain.search.driver import drive, run
from convexplain.search.ledger import Outcome
from convexplain.search.protocol import Hole, Infill, Score, Search

SIX = ("short", "long", "redundant", "noisy", "hurtful", "clustered")
"""The families of words; the only ones of which units of several words are tried."""


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
_GROUPED = ("guided", "few")
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
    true: bool
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

    def search() -> Search:
        return make(-(-problem.n // split_k), problem.delta, budget, seed)

    driving = drive(search, delta=problem.delta, budget=budget, start=Outcome(0.0), repeats=problem.repeats)
    result = run(driving, infill, evaluate)
    edits = result.edits or ()
    true = result.found and problem.exact(edits, split_k) >= problem.delta - 1e-9
    smallest = true and len(edits) <= problem.smallest(split_k)
    return Solved(result.found, true, smallest, result.calls, len(edits), rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--split-k", type=int, nargs="+", default=[1])
    parser.add_argument("--family", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--search", nargs="+", choices=list(SEARCHES), default=list(SEARCHES))
    options = parser.parse_args()
    print("| split_k | family | search | found | true | precision | smallest | edits (found) | calls | rounds |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for split_k, family, name in itertools.product(options.split_k, options.family, options.search):
        if split_k > 1 and family not in SIX:
            continue
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        rows = [solve(task(family, seed), SEARCHES[name], options.budget, split_k) for seed in seeds]
        print(f"| {split_k} | {family} | {name} | {' | '.join(_cells(rows))} |", flush=True)


def _cells(rows: Sequence[Solved]) -> list[str]:
    contrasts = [row for row in rows if row.found]
    shares = [
        proportion(len(contrasts), len(rows)),
        proportion(sum(row.true for row in rows), len(rows)),
        proportion(sum(row.true for row in contrasts), len(contrasts)) if contrasts else None,
        proportion(sum(row.smallest for row in rows), len(rows)),
    ]
    numbers = [
        mean([row.edits for row in contrasts], 0),
        mean([row.calls for row in rows], 0),
        mean([row.rounds for row in rows], 0),
    ]
    return [*map(_percent, shares), *map(_number, numbers)]


def _percent(estimate: object) -> str:
    if estimate is None:
        return "–"
    value, low, high = estimate.value, estimate.low, estimate.high  # type: ignore[attr-defined]
    return f"{value:.0%} [{low:.0%}, {high:.0%}]"


def _number(estimate: object) -> str:
    value, low, high = estimate.value, estimate.low, estimate.high  # type: ignore[attr-defined]
    if value is None:
        return "–"
    return f"{value:.1f}" if low is None else f"{value:.1f} [{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    main()
