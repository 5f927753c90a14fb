"""The surrogate on random AND/OR games: held-out R², faithfulness beside the other methods, and planted pairs.

    python benchmarks/surrogate.py --first 1000 -n 100 [--noise 0.05] [--per-unit 3] [--trees] [--peer peer/bin/python]

A game has 8 to 40 units: two to five clauses of two or three units each (AND or OR), two to five single units; units,
kinds and weights are drawn (0.5 to 2, a quarter of them negative), and clauses may overlap. Each game is a seed, from
--first on. With 3 and with 6 evaluations a unit, besides the whole text:

* **R²** of the fitted value on 1000 random ablations that were not evaluated (each unit removed with probability 1/2):
  `surrogate`, and with --trees scikit-learn's boosted trees on the surrogate's evaluations. The other methods give a
  score a unit and no value of a text without several of them. Read as a sum they have one: the whole text's value less
  the scores of the removed units. Its R² stands beside, and its R² with the constant that suits the ablations best,
  which takes off what the sum is wrong about on all of them alike.
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
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import attribution_against_peer as peer_games
import numpy as np
from numpy.typing import NDArray

from convexplain.fidelity import Estimate, area, cumulative, curve, mean, proportion, ranked
from convexplain.search import clime, joint, loo, lshap, surrogate
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


@dataclass(frozen=True, slots=True)
class Fit:
    """The outcome of a method on a game.

    Attributes:
        order: the units, the one that raises the value most first; empty where the method orders none.
        calls: evaluations, the whole text not counted.
        predicted: its values of texts, from a row a text that says which units are there.
    """

    order: list[int]
    calls: int
    predicted: Callable[[NDArray[np.bool_]], NDArray[np.float64]]


def fits(played: Game, seed: int, per_unit: int, trees: bool) -> tuple[dict[str, Fit], float]:
    """Return the fits to random ablations, and the CPU seconds of the surrogate's."""
    n, rng = played.n, np.random.default_rng([seed, 2])
    sets = [frozenset[int](), *ablations(n, rng, per_unit * n)]
    values = dict(zip(sets, played(sets), strict=True))
    began = time.process_time()
    fitted = fit_surrogate(n, values, rng)
    seconds = time.process_time() - began
    by_name = {"surrogate": Fit(ranked(fitted.clauses.shapley(n)), len(sets) - 1, fitted.clauses.values)}
    if trees:
        from sklearn.ensemble import GradientBoostingRegressor

        boosted = GradientBoostingRegressor(n_estimators=150, max_depth=3, subsample=0.7, random_state=0)
        boosted.fit(presence(n, sets), list(values.values()))
        by_name["boosted trees"] = Fit([], len(sets) - 1, boosted.predict)
    return by_name, seconds


def additive_fits(played: Game, seed: int, budget: int, peer: peer_games.Peer | None) -> dict[str, Fit]:
    """Return the fits of the methods that give a score for each unit, read as sums."""
    n = played.n
    results = {
        "C-LIME": clime(n, value=played, seed=seed, budget=budget),
        "L-SHAP": lshap(n, value=played, budget=budget),
        "LOO": loo(n, value=played, budget=budget),
        "joint": joint(n, value=played, k=min(PAIR, n), seed=seed, budget=budget),
    }
    by_name = {}
    for name, result in results.items():
        unchosen = [unit for unit in ranked(result.scores) if unit not in result.chosen]
        by_name[name] = Fit([*result.chosen, *unchosen], result.calls, sum_of(result.full, result.scores))
    if peer is not None:
        there = peer_games.Game("", n, seed, lambda removed: played([removed])[0])
        factor = {"oversampling_factor": budget / n}
        for name, method, options in (("ICX360 C-LIME", "clime", factor), ("ICX360 L-SHAP", "lshap", {})):
            fit = peer.explain(there, method, **options)
            (full,) = played([frozenset()])
            calls = len(set(fit.sets) - {frozenset()})
            by_name[name] = Fit(ranked(fit.scores), calls, sum_of(full, fit.scores))
    return by_name


def sum_of(full: float | None, scores: Sequence[float | None]) -> Callable[[NDArray[np.bool_]], NDArray[np.float64]]:
    """Return the values of texts by the sum of scores: the whole text's less those of the units that are gone."""
    effects = np.array([score or 0.0 for score in scores])
    return lambda present: (full or 0.0) - (~present).astype(float) @ effects


def measured(played: Game, seed: int, fit: Fit) -> Row:
    """Return the measures of a fit on a game: its evaluations a unit, both R², and the AUPC of its order."""
    test_sets, true = held_out(played, np.random.default_rng([seed, 1]))
    predicted = fit.predicted(presence(played.n, test_sets))
    row = {"calls": fit.calls / played.n, "r2": r_squared(true, predicted)}
    row["r2 with the best constant"] = r_squared(true, predicted - predicted.mean() + true.mean())
    return row | ({"aupc": faithfulness(played, seed, fit.order)} if fit.order else {})


def show(rows: Mapping[str, Sequence[Row]]) -> None:
    """Print the tables of R² and of AUPC."""
    print("| fit | evaluations a unit | held-out R² | median | worst tenth | with the best constant | median |")
    print("|---|---|---|---|---|---|---|")
    for name, of_games in rows.items():
        plain, best = ([row[key] for row in of_games] for key in ("r2", "r2 with the best constant"))
        cells = [f"{np.mean([row['calls'] for row in of_games]):.1f}", shown(mean(plain)), f"{np.median(plain):.3f}"]
        cells += [f"{np.quantile(plain, 0.1):.3f}", shown(mean(best)), f"{np.median(best):.3f}"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print("\n| order | evaluations a unit | AUPC | more than C-LIME |\n|---|---|---|---|")
    for name, of_games in rows.items():
        if "aupc" in of_games[0]:
            pairs = zip(of_games, rows["C-LIME"], strict=True)
            more = mean([row["aupc"] - clime_row["aupc"] for row, clime_row in pairs])
            cells = [
                f"{np.mean([row['calls'] for row in of_games]):.1f}",
                shown(mean([row["aupc"] for row in of_games])),
            ]
            print(f"| {name} | {' | '.join([*cells, '' if name == 'C-LIME' else shown(more)])} |", flush=True)


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
            seconds, rows = [], defaultdict(list)
            for seed in seeds:
                played = game(seed, options.noise)
                by_name, fit_seconds = fits(played, seed, per_unit, options.trees)
                seconds.append(fit_seconds)
                for name, fit in {**by_name, **additive_fits(played, seed, per_unit * played.n, peer)}.items():
                    rows[name].append(measured(played, seed, fit))
            show(rows)
            print(f"\nCPU seconds of the surrogate's fit: {shown(mean(seconds))}, worst tenth", end=" ")
            print(f"{np.quantile(seconds, 0.9):.3f}")
            named, others, without = named_pairs(seeds, options.noise, per_unit)
            print(f"\nplanted pair named {shown(named)}; another beside it {shown(others)}", end="; ")
            print(f"any without a pair {shown(without)}")


if __name__ == "__main__":
    main()
