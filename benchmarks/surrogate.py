"""The surrogate on random AND/OR games: held-out R², faithfulness beside the other methods, and planted pairs.

    python benchmarks/surrogate.py --first 1000 -n 100 [--noise 0.05] [--per-unit 3] [--trees] [--peer peer/bin/python]

A game has 8 to 40 units: two to five clauses of two or three units each (AND or OR), two to five single units; units,
kinds and weights are drawn (0.5 to 2, a quarter of them negative), and clauses may overlap. Each game is a seed, from
--first on. With 3 and with 6 evaluations a unit, besides the whole text:

* **R²** of the fitted value on 1000 random ablations that were not evaluated (each unit removed with probability 1/2):
  `surrogate`, the linear fit of C-LIME, and with --trees scikit-learn's boosted trees on the surrogate's evaluations.
* **AUPC**: the mean fall of the value while the units that a method puts first are removed, up to half of them, as a
  share of the range of the value over random ablations; and how much more than C-LIME's, paired, with 95 % intervals.
  All methods have the same number of evaluations at most; with --peer ICX360's C-LIME and L-SHAP too, started as
  `benchmarks/peer_attribution.py` says (its L-SHAP takes what it takes: the column of evaluations shows it).
* **Interactions** on games with one planted pair (AND or OR) and two to five single units: how often it is named, how
  often another pair is; and on games without a pair how often any is named.

Games 0 to 99 were used while the method was made; figures are reported for 1000 to 1099.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import attribution_against_peer as peer_games
import numpy as np
from numpy.typing import NDArray

from convexplain.fidelity import Estimate, area, cumulative, curve, mean, proportion, ranked
from convexplain.search import clime, joint, loo, lshap, surrogate
from convexplain.search.attribution_methods import clime as clime_method
from convexplain.search.attribution_methods._surrogate_fit import fit_surrogate
from convexplain.search.attribution_methods.surrogate import ablations

HELD_OUT = 1000
PER_UNIT = (3, 6)
PAIR = 2  # units that `joint` takes together

Sets = Sequence[frozenset[int]]
Values = dict[frozenset[int], float]
Row = dict[str, float]


@dataclass(slots=True)
class Game:
    """A value of texts of n units: single units and clauses, each with its weight, and noise on each value."""

    n: int
    singles: list[tuple[int, float]]
    clauses: list[tuple[str, frozenset[int], float]]
    noise: float
    rng: np.random.Generator

    def true(self, removed: frozenset[int]) -> float:
        """Return the value without some units, and without noise."""
        total = sum(weight for unit, weight in self.singles if unit not in removed)
        for kind, units, weight in self.clauses:
            satisfied = not units & removed if kind == "and" else not units <= removed
            total += weight * satisfied
        return total

    def __call__(self, sets: Sets) -> list[float]:
        """Return the value without each of the sets of units, with noise."""
        return [self.true(removed) + self.noise * float(self.rng.standard_normal()) for removed in sets]


def game(seed: int, noise: float, *, pairs: int | None = None) -> Game:
    """Return a game; `pairs` is the number of its clauses, of two units each, instead of several of two or three."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(8, 41))

    def weight() -> float:
        return float(rng.uniform(0.5, 2) * rng.choice([-1, 1], p=[0.25, 0.75]))

    def units(size: int) -> list[int]:
        return [int(unit) for unit in rng.choice(n, size, replace=False)]

    singles = [(unit, weight()) for unit in units(int(rng.integers(2, 6)))]
    clauses = []
    for _ in range(int(rng.integers(2, 6)) if pairs is None else pairs):
        size = int(rng.integers(2, 4)) if pairs is None else 2
        clauses.append((str(rng.choice(["and", "or"])), frozenset(units(size)), weight()))
    return Game(n, singles, clauses, noise, rng)


def held_out(played: Game, rng: np.random.Generator) -> tuple[list[frozenset[int]], NDArray[np.float64]]:
    """Return random ablations and their true values."""
    sets = [frozenset(np.flatnonzero(rng.random(played.n) < 0.5).tolist()) for _ in range(HELD_OUT)]
    return sets, np.array([played.true(removed) for removed in sets])


def presence(n: int, sets: Sets) -> NDArray[np.bool_]:
    return np.array([[unit not in removed for unit in range(n)] for removed in sets])


def r_squared(true: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    return float(1 - ((true - predicted) ** 2).sum() / ((true - true.mean()) ** 2).sum())


def fits(played: Game, seed: int, per_unit: int, trees: bool) -> tuple[Row, list[int]]:
    """Return R² of each fit on ablations that were not evaluated and CPU seconds; and the surrogate's order."""
    n, most = played.n, per_unit * played.n
    test_sets, true = held_out(played, np.random.default_rng([seed, 1]))
    tested = presence(n, test_sets)
    rng = np.random.default_rng([seed, 2])
    sets = [frozenset[int](), *ablations(n, rng, most)]
    values = dict(zip(sets, played(sets), strict=True))
    began = time.process_time()
    fitted = fit_surrogate(n, values, rng)
    seconds = time.process_time() - began
    row = {"surrogate": r_squared(true, fitted.clauses.values(tested)), "its CPU seconds": seconds}
    linear_sets = [frozenset[int](), *clime_method._sets(n, rng, 2, most)]
    linear_values = dict(zip(linear_sets, played(linear_sets), strict=True))
    effects = np.array(clime_method.fit(n, linear_values), dtype=float)
    base = np.mean(list(linear_values.values())) - (presence(n, linear_sets) @ effects).mean()
    row["C-LIME"] = r_squared(true, base + tested @ effects)
    if trees:
        from sklearn.ensemble import GradientBoostingRegressor

        boosted = GradientBoostingRegressor(n_estimators=150, max_depth=3, subsample=0.7, random_state=0)
        boosted.fit(presence(n, sets), list(values.values()))
        row["boosted trees"] = r_squared(true, boosted.predict(tested))
    return row, ranked(fitted.clauses.shapley(n))


def other_orders(
    played: Game, seed: int, budget: int, peer: peer_games.Peer | None
) -> dict[str, tuple[list[int], int]]:
    """Return each other method's order of the units, the one that raises the value most first, and its evaluations."""
    n = played.n
    results = {
        "C-LIME": clime(n, value=played, seed=seed, budget=budget),
        "L-SHAP": lshap(n, value=played, budget=budget),
        "LOO": loo(n, value=played, budget=budget),
    }
    ranks = {name: (ranked(result.scores), result.calls) for name, result in results.items()}
    together = joint(n, value=played, k=min(PAIR, n), seed=seed, budget=budget)
    others = [unit for unit in ranked(together.scores) if unit not in together.chosen]
    ranks["joint"] = ([*together.chosen, *others], together.calls)
    if peer is not None:
        there = peer_games.Game("", n, seed, lambda removed: played([removed])[0])
        factor = {"oversampling_factor": budget / n}
        for name, method, options in (("ICX360 C-LIME", "clime", factor), ("ICX360 L-SHAP", "lshap", {})):
            fit = peer.explain(there, method, **options)
            ranks[name] = (ranked(fit.scores), len(set(fit.sets) - {frozenset()}))
    return ranks


def faithfulness(played: Game, seed: int, order: Sequence[int]) -> float:
    """Return the AUPC of an order, as a share of the value's range over random ablations."""
    _, true = held_out(played, np.random.default_rng([seed, 1]))
    sizes = [1] * played.n
    sets = cumulative(order, sizes, 0.5)
    falls = curve(sets, sizes, played.true(frozenset()), [played.true(removed) for removed in sets])
    return (area(falls, 0.5) or 0.0) / float(np.ptp(true))


def named_pairs(seeds: Sequence[int], noise: float, per_unit: int) -> tuple[Estimate, Estimate, Estimate]:
    """Return how often a planted pair is named, how often another is beside it, and how often any without a pair."""
    named = others = without = 0
    for seed in seeds:
        played = game(seed, noise, pairs=1)
        planted = tuple(sorted(played.clauses[0][1]))
        result = surrogate(played.n, value=played, seed=seed, per_unit=per_unit)
        pairs = [interaction.units for interaction in result.interactions]
        named += planted in pairs
        others += any(pair != planted for pair in pairs)
        plain = game(seed, noise, pairs=0)
        without += bool(surrogate(plain.n, value=plain, seed=seed, per_unit=per_unit).interactions)
    return proportion(named, len(seeds)), proportion(others, len(seeds)), proportion(without, len(seeds))


def shown(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=1000, help="seed of the first game")
    parser.add_argument("-n", type=int, default=100, help="games")
    parser.add_argument("--noise", type=float, default=0.0, help="standard deviation of the noise on each value")
    parser.add_argument("--per-unit", type=int, choices=PER_UNIT, help="evaluations a unit; both unless given")
    parser.add_argument("--trees", action="store_true", help="fit boosted trees too")
    parser.add_argument("--peer", help="python of an environment with icx360")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.n)
    with peer_games.Peer(options.peer) if options.peer else nullcontext() as peer:
        for per_unit in [options.per_unit] if options.per_unit else PER_UNIT:
            title = f"{options.n} games from seed {options.first}, noise {options.noise:g}"
            print(f"\n{title}, {per_unit} evaluations a unit\n")
            rows, aupc, calls = [], defaultdict(list), defaultdict(list)
            for seed in seeds:
                played = game(seed, options.noise)
                row, order = fits(played, seed, per_unit, options.trees)
                rows.append(row)
                ranks = {"surrogate": (order, per_unit * played.n)}
                for name, (order, evaluations) in {
                    **ranks,
                    **other_orders(played, seed, per_unit * played.n, peer),
                }.items():
                    aupc[name].append(faithfulness(played, seed, order))
                    calls[name].append(evaluations / played.n)
            print("| fit | held-out R² | median | worst tenth |\n|---|---|---|---|")
            for name in rows[0]:
                numbers = [row[name] for row in rows]
                median, tenth = np.median(numbers), np.quantile(numbers, 0.9 if name.startswith("its") else 0.1)
                print(f"| {name} | {shown(mean(numbers))} | {median:.3f} | {tenth:.3f} |", flush=True)
            print("\n| order | evaluations a unit | AUPC | more than C-LIME |\n|---|---|---|---|")
            for name, numbers in aupc.items():
                more = mean([ours - other for ours, other in zip(numbers, aupc["C-LIME"], strict=True)])
                difference = "" if name == "C-LIME" else shown(more)
                print(f"| {name} | {np.mean(calls[name]):.1f} | {shown(mean(numbers))} | {difference} |", flush=True)
            named, others, without = named_pairs(seeds, options.noise, per_unit)
            print(f"\nplanted pair named {shown(named)}; another beside it {shown(others)}", end="; ")
            print(f"any without a pair {shown(without)}")


if __name__ == "__main__":
    main()
