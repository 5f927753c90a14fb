"""Trains and tries heads on labelled sets: within a set, on sets that were left out, and from few labels.

    python benchmarks/heads.py ../shared/data/{conture,dbdc3_en,oasst_ranks}.jsonl --db heads.db
    python benchmarks/heads.py … --recipe mean@20 --recipe mean@-1            # what else could be read
    python benchmarks/heads.py … --ship judges/embedded_heads                # writes the head of all sets with a card
    python benchmarks/heads.py conture.jsonl dbdc3_en.jsonl --curve          # from how many labels on?

All sets must be of one maxim. The first time the model reads every turn (about a quarter of a second on a core);
that is kept in --db. Figures: Spearman's correlation with people (of pairs: the share of right ones), and Spearman's
given log length and turn number; 95 % intervals over dialogues.
"""

import argparse
import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from labelled_sets import Set, dialogue, read_set

from convexplain import load_rubric
from convexplain.agreement import Draws, partial_spearman, spearman
from convexplain.connectors.models import open_model
from convexplain.fidelity import Estimate
from convexplain.judges.head_fit import Examples, fit
from convexplain.judges.head_training import RECIPE, TurnKey, examples, make_head, turn_features
from convexplain.judges.heads import write_head
from convexplain.models.calls import Calls
from convexplain.store import RunStore

SIZES = (25, 50, 100, 200, 400)
DRAWS = 10  # random halves and labels of a size

Features = Mapping[TurnKey, Sequence[float]]


class Counter:
    """Says now and then how many turns were read."""

    def __init__(self, recipe: str, total: int) -> None:
        self.recipe, self.total = recipe, total
        self.began, self.done = time.monotonic(), 0

    def tell(self) -> None:
        """One turn more."""
        self.done += 1
        if self.done % 500 == 0:
            print(f"  {self.recipe}: {self.done}/{self.total}, {time.monotonic() - self.began:.0f} s", flush=True)


async def read(
    model_name: str, sets: Sequence[Set], recipes: Sequence[str], db: str
) -> tuple[Any, dict[str, Features]]:
    model = open_model(model_name)
    await model.prepare()
    places = list(dict.fromkeys(place for one in sets for place in one.source.turn_keys))
    found = {}
    async with Calls(model, RunStore(db)) as calls:
        for recipe in recipes:
            found[recipe], failed = await turn_features(calls, places, recipe, Counter(recipe, len(places)).tell)
            for reason, count in failed.items():
                print(f"  {count} x without features: {reason}")
    await model.aclose()
    return model, found


def told(estimate: Estimate) -> str:
    if estimate.value is None:
        return "-"
    interval = "" if estimate.low is None else f" [{estimate.low:+.2f}, {estimate.high:+.2f}]"
    return f"{estimate.value:+.3f}{interval}"


def words(place: TurnKey) -> float:
    return float(len(place[0].turns[place[1]].content.split()))


def measured(numbers: Examples, rows: Sequence[TurnKey], values: np.ndarray) -> dict[str, Estimate]:
    """Of turns: Spearman, and given length and turn number; of pairs: the share of right ones."""
    if len(numbers.pairs):
        gaps = values[numbers.pairs[:, 0]] - values[numbers.pairs[:, 1]]
        right = (gaps > 0) + (gaps == 0) / 2
        draws = Draws([numbers.groups[i] for i in numbers.pairs[:, 0]])
        return {"pairs": draws.estimate(lambda w: (w * right).sum(axis=1) / w.sum(axis=1))}
    draws = Draws(numbers.groups)
    controls = [np.log1p([words(place) for place in rows]), np.array([float(place[1]) for place in rows])]
    return {
        "rho": draws.estimate(spearman(values, numbers.scores)),
        "partial": draws.estimate(partial_spearman(values, numbers.scores, controls)),
    }


def baselines(numbers: Examples, rows: Sequence[TurnKey]) -> str:
    long, late = np.array([words(place) for place in rows]), np.array([float(place[1]) for place in rows])
    first = {"length": measured(numbers, rows, long), "turn number": measured(numbers, rows, late)}
    return "; ".join(f"{name} {told(next(iter(found.values())))}" for name, found in first.items())


def tried(sets: Sequence[Set], features: Features, recipe: str) -> None:
    numbers = {one.name: examples([one.source], features, dialogue) for one in sets}
    for one in sets:
        own, rows = numbers[one.name]
        print(f"{one.name}, {recipe}: n = {len(own.pairs) or len(own.scores)}; {baselines(own, rows)}")
        within = fit(own)
        show("within the set", measured(own, rows, within.held_out), within.strength)
        others = [other.source for other in sets if other is not one]
        if others:
            layer = fit(examples(others, features, dialogue)[0])
            show("left out", measured(own, rows, own.features @ layer.weights), layer.strength)
        if len(others) > 1:
            for other in others:
                layer = fit(examples([other], features, dialogue)[0])
                show(f"  by {other.name} alone", measured(own, rows, own.features @ layer.weights), layer.strength)


def show(name: str, found: Mapping[str, Estimate], strength: float) -> None:
    print(
        f"  {name:24}",
        "  ".join(f"{key} {told(value)}" for key, value in found.items()),
        f"(C {strength:.1e})",
        flush=True,
    )


def curve(sets: Sequence[Set], features: Features) -> None:
    """A head of few labels from half of a set's dialogues against the head of the other sets, on the other half."""
    for one in sets:
        own, _ = examples([one.source], features, dialogue)
        if len(own.pairs):
            continue
        stock = fit(examples([other.source for other in sets if other is not one], features, dialogue)[0]).weights
        groups = list(dict.fromkeys(own.groups))
        print(f"{one.name}: {DRAWS} draws, Spearman on the half of its dialogues that has no labels")
        for size in SIZES:
            found: dict[str, list[float]] = {"stock head": [], "own head": [], "own head from the stock head": []}
            for seed in range(DRAWS):
                rng = np.random.default_rng(seed)
                half = {groups[i] for i in rng.permutation(len(groups))[: len(groups) // 2]}
                labelled = np.flatnonzero([group in half for group in own.groups])
                if len(labelled) < size:
                    continue
                train = np.zeros(len(own.scores), dtype=bool)
                train[rng.choice(labelled, size, replace=False)] = True
                rest = np.array([group not in half for group in own.groups])
                some = own.subset(train)
                layers = (stock, fit(some).weights, fit(some, start=stock).weights)
                every = np.ones((1, int(rest.sum())))
                for name, layer in zip(found, layers, strict=True):
                    found[name].append(float(spearman(own.features[rest] @ layer, own.scores[rest])(every)[0]))
            if not found["stock head"]:
                continue
            parts = [f"stock head {np.mean(found['stock head']):.3f}"]
            for name in ("own head", "own head from the stock head"):
                gains = np.array(found[name]) - np.array(found["stock head"])
                low, high = np.quantile(gains, [0.025, 0.975])
                parts.append(f"{name} {np.mean(found[name]):.3f} (gain {gains.mean():+.3f} [{low:+.3f}, {high:+.3f}])")
            print(f"  {size:4} labels: {'; '.join(parts)}", flush=True)


def ship(model: Any, sets: Sequence[Set], features: Features, recipe: str, folder: Path) -> None:
    """One head of all sets; its card says how far a head of the others agrees with each."""
    unseen = {}
    for one in sets:
        own, rows = examples([one.source], features, dialogue)
        layer = fit(examples([other.source for other in sets if other is not one], features, dialogue)[0])
        found = measured(own, rows, own.features @ layer.weights)
        unseen[one.name] = {
            key: {
                part: round(number, 4)
                for part, number in (("value", e.value), ("low", e.low), ("high", e.high))
                if number
            }
            | {"n": e.n}
            for key, e in found.items()
        }
    figures = [(found[key]["value"], name) for name, found in unseen.items() for key in {"rho", "pairs"} & set(found)]
    how = "only weakly" if max(figures)[0] < 0.5 else "in part"
    values = " and ".join(f"{value:.2f} ({name})" for value, name in figures)
    said = (
        f"On {len(figures)} public test sets this judge agreed {how} with people: "
        f"rank correlation {values}, where 1 is perfect."
    )
    card = {
        "summary": said,
        "licence": {one.name: one.licence for one in sets},
        "left_out": unseen,
        "model_name": "embedded",
    }
    rubric = load_rubric(sets[0].rubric)
    head = make_head(rubric, model, [one.source for one in sets], features, dialogue, recipe=recipe, card=card)
    write_head(head, folder / f"{rubric.id}.json")
    print(f"{folder / f'{rubric.id}.json'}: {said}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--model", default="embedded?head=none")
    parser.add_argument("--recipe", action="append")
    parser.add_argument("--db", required=True)
    parser.add_argument("--ship", type=Path)
    parser.add_argument("--curve", action="store_true")
    options = parser.parse_args()
    sets = [read_set(path) for path in options.sets]
    if len({one.rubric for one in sets}) > 1:
        parser.error("the sets' labels answer several maxims")
    recipes = options.recipe or [RECIPE]
    model, features = asyncio.run(read(options.model, sets, recipes, options.db))
    for recipe in recipes:
        if options.curve:
            curve(sets, features[recipe])
        elif options.ship:
            ship(model, sets, features[recipe], recipe, options.ship)
        else:
            tried(sets, features[recipe], recipe)


if __name__ == "__main__":
    main()
