"""Calls that an attribution saves a contrast search that looks first where it points.

    python benchmarks/prior.py [--seeds 100]

On the tasks of `families.py`, guided search, budget 50: without a prior, and with that of an attribution by leave one
out and by C-LIME with three evaluations a word. The attribution's value is what an edit of a word takes away from g.
Its own evaluations are told apart, since turns are mostly attributed anyway, to explain them. Intervals are 95 %.
"""

import argparse
from collections.abc import Callable

import numpy as np
from families import SIX, Solved, solve
from search_tasks import Task, task

from convexplain.fidelity import mean, proportion
from convexplain.search import AttributionResult, clime, loo
from convexplain.search.contrast_searches.guided import guided
from convexplain.search.protocol import Search

_REST = 0.05  # of the mean: as in `convexplain.prior`


def attributions(problem: Task) -> dict[str, AttributionResult]:
    """Of each word, by each method."""

    def value(sets: list[frozenset[int]]) -> list[float]:
        return [-problem.g(tuple((word, problem.fill(word, ())) for word in sorted(removed)), 1) for removed in sets]

    return {"loo": loo(problem.n, value=value), "clime": clime(problem.n, value=value, budget=3 * problem.n)}


def weights(attribution: AttributionResult) -> list[float]:
    worth = [max(0.0, score or 0.0) for score in attribution.scores]
    return [weight + _REST * sum(worth) / len(worth) for weight in worth] if sum(worth) else [1.0] * len(worth)


def search(prior: list[float] | None) -> Callable[[int, float, int, int], Search]:
    return lambda n, delta, budget, seed: guided(n, delta=delta, rng=np.random.default_rng(seed), prior=prior)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    options = parser.parse_args()
    print("| family | prior | its evaluations | flips | calls | edits |")
    print("|---|---|---|---|---|---|")
    for family in SIX:
        rows: dict[str, list[tuple[int, Solved]]] = {}
        for seed in range(options.seeds):
            problem = task(family, seed)
            rows.setdefault("none", []).append((0, solve(problem, search(None), 50, 1)))
            for name, attribution in attributions(task(family, seed)).items():
                prior = weights(attribution)
                rows.setdefault(name, []).append((attribution.calls, solve(task(family, seed), search(prior), 50, 1)))
        for name, runs in rows.items():
            flips = proportion(sum(solved.found for _, solved in runs), len(runs))
            calls, edits = (mean([float(getattr(solved, field)) for _, solved in runs]) for field in ("calls", "edits"))
            evaluations = sum(calls for calls, _ in runs) / len(runs)
            print(
                f"| {family} | {name} | {evaluations:.0f} | {flips.value:.0%} | {calls.value:.1f} "
                f"[{calls.low:.1f}, {calls.high:.1f}] | {edits.value:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
