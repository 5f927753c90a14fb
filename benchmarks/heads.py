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
    places = list(dict.fromkeys(place for labelled_set in sets for place in labelled_set.source.turn_keys))
    features = {}
    async with Calls(model, RunStore(db)) as calls:
        for recipe in recipes:
            features[recipe], failed = await turn_features(calls, places, recipe, Counter(recipe, len(places)).tell)
            for reason, count in failed.items():
                print(f"  {count} x without features: {reason}")
    await model.aclose()
    return model, features


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
    return "; ".join(f"{name} {told(next(iter(estimates.values())))}" for name, estimates in first.items())


def tried(sets: Sequence[Set], features: Features, recipe: str) -> None:
    numbers = {labelled_set.name: examples([labelled_set.source], features, dialogue) for labelled_set in sets}
    for labelled_set in sets:
        set_examples, rows = numbers[labelled_set.name]
        n = len(set_examples.pairs) or len(set_examples.scores)
        print(f"{labelled_set.name}, {recipe}: n = {n}; {baselines(set_examples, rows)}")
        within = fit(set_examples)
        show("within the set", measured(set_examples, rows, within.held_out), within.strength)
        other_sources = [other_set.source for other_set in sets if other_set is not labelled_set]
        if other_sources:
            layer = fit(examples(other_sources, features, dialogue)[0])
            show("left out", measured(set_examples, rows, set_examples.features @ layer.weights), layer.strength)
        if len(other_sources) > 1:
            for other_source in other_sources:
                layer = fit(examples([other_source], features, dialogue)[0])
                show(
                    f"  by {other_source.name} alone",
                    measured(set_examples, rows, set_examples.features @ layer.weights),
                    layer.strength,
                )


def show(name: str, estimates: Mapping[str, Estimate], strength: float) -> None:
    print(
        f"  {name:24}",
        "  ".join(f"{key} {told(value)}" for key, value in estimates.items()),
        f"(C {strength:.1e})",
        flush=True,
    )


def curve(sets: Sequence[Set], features: Features) -> None:
    """A head of few labels from half of a set's dialogues against the head of the other sets, on the other half."""
    for labelled_set in sets:
        set_examples, _ = examples([labelled_set.source], features, dialogue)
        if len(set_examples.pairs):
            continue
        stock = fit(
            examples([other_set.source for other_set in sets if other_set is not labelled_set], features, dialogue)[0]
        ).weights
        groups = list(dict.fromkeys(set_examples.groups))
        print(f"{labelled_set.name}: {DRAWS} draws, Spearman on the half of its dialogues that has no labels")
        for size in SIZES:
            rhos: dict[str, list[float]] = {"stock head": [], "own head": [], "own head from the stock head": []}
            for seed in range(DRAWS):
                rng = np.random.default_rng(seed)
                half = {groups[i] for i in rng.permutation(len(groups))[: len(groups) // 2]}
                labelled = np.flatnonzero([group in half for group in set_examples.groups])
                if len(labelled) < size:
                    continue
                train = np.zeros(len(set_examples.scores), dtype=bool)
                train[rng.choice(labelled, size, replace=False)] = True
                test_mask = np.array([group not in half for group in set_examples.groups])
                train_examples = set_examples.subset(train)
                layers = (stock, fit(train_examples).weights, fit(train_examples, start=stock).weights)
                every = np.ones((1, int(test_mask.sum())))
                for name, layer in zip(rhos, layers, strict=True):
                    rhos[name].append(
                        float(
                            spearman(set_examples.features[test_mask] @ layer, set_examples.scores[test_mask])(every)[0]
                        )
                    )
            if not rhos["stock head"]:
                continue
            parts = [f"stock head {np.mean(rhos['stock head']):.3f}"]
            for name in ("own head", "own head from the stock head"):
                gains = np.array(rhos[name]) - np.array(rhos["stock head"])
                low, high = np.quantile(gains, [0.025, 0.975])
                parts.append(f"{name} {np.mean(rhos[name]):.3f} (gain {gains.mean():+.3f} [{low:+.3f}, {high:+.3f}])")
            print(f"  {size:4} labels: {'; '.join(parts)}", flush=True)


def ship(model: Any, sets: Sequence[Set], features: Features, recipe: str, folder: Path) -> None:
    """One head of all sets; its card says how far a head of the others agrees with each."""
    unseen = {}
    for labelled_set in sets:
        set_examples, rows = examples([labelled_set.source], features, dialogue)
        layer = fit(
            examples([other_set.source for other_set in sets if other_set is not labelled_set], features, dialogue)[0]
        )
        estimates = measured(set_examples, rows, set_examples.features @ layer.weights)
        unseen[labelled_set.name] = {
            key: {
                part: round(number, 4)
                for part, number in (("value", e.value), ("low", e.low), ("high", e.high))
                if number
            }
            | {"n": e.n}
            for key, e in estimates.items()
        }
    figures = [
        (set_card[key]["value"], name) for name, set_card in unseen.items() for key in {"rho", "pairs"} & set(set_card)
    ]
    how = "only weakly" if max(figures)[0] < 0.5 else "in part"
    values = " and ".join(f"{value:.2f} ({name})" for value, name in figures)
    summary = (
        f"On {len(figures)} public test sets this judge agreed {how} with people: "
        f"rank correlation {values}, where 1 is perfect."
    )
    card = {
        "summary": summary,
        "licence": {labelled_set.name: labelled_set.licence for labelled_set in sets},
        "left_out": unseen,
        "model_name": "embedded",
    }
    rubric = load_rubric(sets[0].rubric)
    head = make_head(
        rubric, model, [labelled_set.source for labelled_set in sets], features, dialogue, recipe=recipe, card=card
    )
    write_head(head, folder / f"{rubric.id}.json")
    print(f"{folder / f'{rubric.id}.json'}: {summary}")


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
    if len({labelled_set.rubric for labelled_set in sets}) > 1:
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
