"""Our C-LIME and L-SHAP against ICX360's on the same values.

    python3.11 -m venv peer && peer/bin/pip install torch==2.13.0 icx360==0.1.0
    python benchmarks/attribution_against_peer.py --peer peer/bin/python [--seeds 2] [--list]

Random games of 1 to 40 units, `--seeds` of each kind and size: a sum over the units; such a sum with pairs that count
only together, neighbours and others; ANDs and ORs of two to four units; and, up to 8 units, a table with a value for
each set of units, drawn independently. The value function is one Python function here, which
`benchmarks/peer_attribution.py`, in ICX360's environment, asks for values; no model takes part.

Compared are scores, unit by unit; two are *equal* when they are no more than 1e-9 apart. Evaluations are the distinct
texts that a search asks about, the whole text among them, in the mean over the games; *ours asks more* counts the games
in which it does. With `--list` every game in which an unexplained difference occurs is named on the error stream.

What is known to differ has rows of its own. ICX360's L-SHAP divides by K+1, K being the most neighbours that are gone
at once, though a unit with m < K neighbours meets only m+1 sizes: it reports (m+1)/(K+1) of the score. With the
defaults that is so in texts of one or two units; with a smaller radius or a larger K also at both ends of a longer one.
With `num_nonzeros` ICX360 takes the plain mean off before the lasso path, ours the mean by the weights that the fit
has, so that other units can come first; the rows say whose leave the smaller weighted squared error. Where units have
equal effects, scikit-learn's path can end early, with a warning, and leave a side with fewer units than were wanted.
"""

import argparse
import json
import math
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from convexplain.search import clime, lshap
from convexplain.search.attribution_methods.clime import fit

HERE = Path(__file__).resolve().parent
SIZES = range(1, 41)
TABLE_SIZES = range(1, 9)
EQUAL = 1e-9
WANTED = 3
REACHES = ((2, 2), (1, 2), (2, 4))  # radius and most neighbours that are gone at once; the first is the default

GameValue = Callable[[frozenset[int]], float]


@dataclass(frozen=True, slots=True)
class Game:
    """A value of every set of removed units.

    Attributes:
        name: kind, size and seed.
        n: how many units there are.
        value: from the removed units to the value of the others.
        effects: what each unit adds, where the value is a sum.
    """

    name: str
    n: int
    seed: int
    value: GameValue
    effects: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """The scores of a method, and the sets it asked about."""

    scores: Sequence[float]
    sets: Sequence[frozenset[int]]


@dataclass(slots=True)
class Row:
    """One comparison over many games: the largest difference of each, and how many units there were."""

    apart: list[float] = field(default_factory=list)
    units: int = 0
    equal: int = 0
    evaluations: list[tuple[int, int]] = field(default_factory=list)

    def add(self, ours: Sequence[float], theirs: Sequence[float], counts: tuple[int, int] | None = None) -> float:
        """Adds the scores of a game, and returns the largest difference."""
        differences = [abs(our_score - their_score) for our_score, their_score in zip(ours, theirs, strict=True)]
        differences = [math.inf if math.isnan(difference) else difference for difference in differences]
        if not differences:
            return 0.0
        self.apart.append(max(differences))
        self.units += len(differences)
        self.equal += sum(difference <= EQUAL for difference in differences)
        self.evaluations += [counts] if counts else []
        return self.apart[-1]

    def cells(self) -> list[str]:
        """Games, units, those that are equal, the largest difference, and the evaluations."""
        counts = [str(len(self.apart)), str(self.units), str(self.equal), f"{max(self.apart, default=math.nan):.1e}"]
        if not self.evaluations:
            return [*counts, "", "", ""]
        means = np.mean(self.evaluations, axis=0)
        return [
            *counts,
            f"{means[0]:.1f}",
            f"{means[1]:.1f}",
            str(sum(ours > theirs for ours, theirs in self.evaluations)),
        ]


class Peer:
    """ICX360 in a process of its own."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, str(HERE / "peer_attribution.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def explain(self, game: Game, method: str, **options: Any) -> Fit:
        """Return the scores that ICX360's method gives the game, and the sets it asked about."""
        answer = self._ask({"method": method, "n": game.n, "seed": game.seed, "options": options})
        sets = [frozenset(units) for units in answer["removed"]]
        return Fit(self._ask({"values": [game.value(removed) for removed in sets]})["scores"], sets)

    def _ask(self, what: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(what), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("ICX360's process has ended; its error stream says why")
        answer: dict[str, Any] = json.loads(line)
        return answer


def games(seeds: int) -> Iterator[Game]:
    """All games."""
    makers = {"sum": _sum, "pairs": _pairs, "and/or": _clauses, "table": _table}
    for number, (kind, make) in enumerate(makers.items()):
        for n in TABLE_SIZES if kind == "table" else SIZES:
            for seed in range(seeds):
                value, effects = make(n, np.random.default_rng([number, n, seed]))
                yield Game(f"{kind}, {n} units, seed {seed}", n, seed, value, effects)


def _sum(n: int, rng: np.random.Generator) -> tuple[GameValue, tuple[float, ...] | None]:
    effects, base = tuple(rng.normal(size=n).tolist()), float(rng.normal())
    return lambda removed: base + sum(effects[i] for i in range(n) if i not in removed), effects


def _pairs(n: int, rng: np.random.Generator) -> tuple[GameValue, None]:
    alone, _ = _sum(n, rng)
    together: dict[frozenset[int], float] = {}
    for _ in range(n if n > 1 else 0):
        first = int(rng.integers(n))
        partner = (
            first + 1 if rng.random() < 0.5 and first + 1 < n else int(rng.choice([i for i in range(n) if i != first]))
        )
        together[frozenset([first, partner])] = float(rng.normal())
    return lambda removed: alone(removed) + sum(w for pair, w in together.items() if not pair & removed), None


def _clauses(n: int, rng: np.random.Generator) -> tuple[GameValue, None]:
    clauses = []
    for _ in range(int(rng.integers(1, 4))):
        size = min(n, int(rng.integers(2, 5)))
        units = frozenset(rng.choice(n, size, replace=False).tolist())
        clauses.append((bool(rng.random() < 0.5), units, float(rng.uniform(0.5, 1.5))))

    def value(removed: frozenset[int]) -> float:
        return sum(w for every, units, w in clauses if (not units & removed if every else not units <= removed))

    return value, None


def _table(n: int, rng: np.random.Generator) -> tuple[GameValue, None]:
    table = rng.normal(size=2**n).tolist()
    return lambda removed: float(table[sum(1 << i for i in removed)]), None


def our_clime(game: Game) -> Fit:
    sets: list[frozenset[int]] = []
    return Fit(_known(clime(game.n, value=_recording(game, sets), seed=game.seed).scores), sets)


def our_lshap(game: Game, radius: int, most: int) -> Fit:
    sets: list[frozenset[int]] = []
    attribution = lshap(game.n, value=_recording(game, sets), radius=radius, max_removed=most)
    return Fit(_known(attribution.scores), sets)


def our_fit(game: Game, sets: Sequence[frozenset[int]], num_nonzeros: int | None = None) -> list[float]:
    """Our fit to the values of given sets."""
    return _known(fit(game.n, {removed: game.value(removed) for removed in sets}, num_nonzeros))


def _recording(game: Game, record: list[frozenset[int]]) -> Callable[[list[frozenset[int]]], list[float]]:
    def value(sets: list[frozenset[int]]) -> list[float]:
        record.extend(sets)
        return [game.value(removed) for removed in sets]

    return value


def _known(scores: Sequence[float | None]) -> list[float]:
    """The scores, NaN where there is none."""
    return [math.nan if score is None else score for score in scores]


def count(ours: Fit, theirs: Fit) -> tuple[int, int]:
    """Distinct sets that each asked about."""
    return len(set(ours.sets)), len(set(theirs.sets))


def compare_clime(game: Game, peer: Peer, rows: Mapping[str, Row]) -> float:
    """C-LIME on one game; returns the largest difference that should not be."""
    ours, theirs = our_clime(game), peer.explain(game, "clime")
    refitted = our_fit(game, theirs.sets)
    counts = count(ours, theirs)
    if set(ours.sets) == set(theirs.sets):
        wrong = rows["C-LIME, both ask about all pairs"].add(ours.scores, theirs.scores, counts)
    else:
        wrong = rows["C-LIME, ICX360's drawn pairs, fitted by both"].add(refitted, theirs.scores, counts)
        if game.effects is None:
            rows["C-LIME, each with its own drawn pairs, no sum"].add(ours.scores, theirs.scores, counts)
        else:
            sum_difference = rows["C-LIME, each with its own drawn pairs, sum"].add(ours.scores, theirs.scores, counts)
            wrong = max(wrong, sum_difference)
    if game.effects is not None:
        rows["C-LIME, sum: ours against the truth"].add(ours.scores, game.effects)
        rows["C-LIME, sum: ICX360 against the truth"].add(theirs.scores, game.effects)
    return wrong


def compare_sparse(game: Game, peer: Peer, rows: Mapping[str, Row]) -> float:
    """C-LIME with few units wanted, on ICX360's subsets."""
    theirs = peer.explain(game, "clime", num_nonzeros=WANTED)
    ours = our_fit(game, theirs.sets, WANTED)
    chosen, chosen_by_peer = ({i for i, score in enumerate(scores) if score} for scores in (ours, theirs.scores))
    better = squared_error(game, theirs.sets, theirs.scores) - squared_error(game, theirs.sets, ours)
    if chosen == chosen_by_peer:
        case = "the same chosen"
    elif len(chosen) < len(chosen_by_peer):
        case = "ours chooses fewer"
    elif len(chosen_by_peer) < len(chosen):
        case = "ICX360 chooses fewer"
    elif abs(better) <= EQUAL:
        case = "others, as good a fit"
    else:
        case = f"others, {'ours' if better > 0 else 'ICX360'} fits better"
    apart = rows[f"C-LIME, num_nonzeros={WANTED}: {case}"].add(ours, theirs.scores)
    return apart if len(chosen) < len(chosen_by_peer) or chosen == chosen_by_peer else 0.0


def squared_error(game: Game, sets: Sequence[frozenset[int]], scores: Sequence[float]) -> float:
    """The weighted mean squared error of scores, with the constant that suits them best."""
    sizes = Counter(map(len, sets))
    weights = np.array([1 / sizes[len(removed)] for removed in sets]) / len(sizes)
    constants = np.array([game.value(removed) + sum(scores[i] for i in removed) for removed in sets])
    return float(weights @ (constants - weights @ constants) ** 2)


def compare_lshap(game: Game, peer: Peer, rows: Mapping[str, Row], radius: int, most: int) -> float:
    """L-SHAP on one game; returns the largest difference that should not be."""
    ours = our_lshap(game, radius, most)
    theirs = peer.explain(game, "lshap", num_neighbors=radius, max_units_replace=most)
    neighbours = [min(radius, i) + min(radius, game.n - 1 - i) for i in range(game.n)]
    full = [i for i in range(game.n) if neighbours[i] >= most]
    short = [i for i in range(game.n) if neighbours[i] < most]
    mended = [theirs.scores[i] * (most + 1) / (neighbours[i] + 1) for i in short]
    name = f"L-SHAP, radius {radius}, K = {most}"
    rows[f"{name}, all units"].add(ours.scores, theirs.scores, count(ours, theirs))
    rows[f"{name}, fewer than K neighbours"].add(_at(ours, short), _at(theirs, short))
    if game.effects is not None:
        rows[f"{name}, sum: ours against the truth"].add(ours.scores, game.effects)
        rows[f"{name}, sum: ICX360 against the truth"].add(theirs.scores, game.effects)
    return max(
        rows[f"{name}, at least K neighbours"].add(_at(ours, full), _at(theirs, full)),
        rows[f"{name}, fewer, ICX360's times (K+1)/(m+1)"].add(_at(ours, short), mended),
    )


def _at(fit: Fit, units: list[int]) -> list[float]:
    return [fit.scores[i] for i in units]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="python of an environment with icx360")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    rows: dict[str, Row] = defaultdict(Row)
    with Peer(options.peer) as peer:
        for game in games(options.seeds):
            apart = {"C-LIME": compare_clime(game, peer, rows), "3 units": compare_sparse(game, peer, rows)}
            apart |= {f"L-SHAP {reach}": compare_lshap(game, peer, rows, *reach) for reach in REACHES}
            wrong = {name: difference for name, difference in apart.items() if not difference <= EQUAL}
            if options.list and wrong:
                print(game.name, wrong, file=sys.stderr)
    print("| what | games | units | equal | largest difference | ours asks | ICX360 asks | ours asks more |")
    print("|---|---|---|---|---|---|---|---|")
    for name in sorted(rows):
        print(f"| {name} | {' | '.join(rows[name].cells())} |")


if __name__ == "__main__":
    main()
