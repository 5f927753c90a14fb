"""The number of labels from which a head of one's own pays: labels of half of a set's dialogues, tried on the rest.

    python benchmarks/label_curve.py ../shared/data/{conture,dbdc3_en}.jsonl --db heads.db

Both sets must be of one maxim; the head that is corrected is that of the other sets. The model reads every turn the
first time (about a quarter of a second on a core); that is kept in --db. The adapter and heads that ship are trained
by `screen/train.py`.
"""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from labelled_sets import Set, dialogue, read_set

from convexplain.agreement import spearman
from convexplain.connectors.models import open_model
from convexplain.judges.head_fit import Examples, Floats, fit
from convexplain.judges.head_training import TurnKey, examples, turn_features
from convexplain.models.calls import Calls
from convexplain.store import RunStore

SIZES = (25, 50, 100, 200, 400)
DRAWS = 10  # random halves and labels of a size
METHODS = ("stock head", "own head", "own head from the stock head")

Features = Mapping[TurnKey, Sequence[float]]


async def read_features(model_name: str, sets: Sequence[Set], db: str) -> Features:
    """Return what heads read of the sets' turns."""
    model = open_model(model_name)
    await model.prepare()
    turn_keys = list(dict.fromkeys(key for labelled_set in sets for key in labelled_set.source.turn_keys))
    async with Calls(model, RunStore(db)) as calls:
        features, failed = await turn_features(calls, turn_keys)
    await model.aclose()
    for reason, count in failed.items():
        print(f"  {count} x without features: {reason}")
    return features


def draw_agreements(labelled: Examples, stock: Floats, size: int, seed: int) -> list[float] | None:
    """Return the agreement of each method's head with people on the half without labels; None with too few labels.

    Args:
        labelled: the set.
        stock: weights of the head of the other sets.
        size: the number of labels.
        seed: of the half and the labels.
    """
    rng = np.random.default_rng(seed)
    groups = list(dict.fromkeys(labelled.groups))
    half = {groups[i] for i in rng.permutation(len(groups))[: len(groups) // 2]}
    in_half = np.array([group in half for group in labelled.groups])
    if in_half.sum() < size:
        return None
    train = np.zeros(len(labelled.scores), dtype=bool)
    train[rng.choice(np.flatnonzero(in_half), size, replace=False)] = True
    sample = labelled.subset(train)
    layers = (stock, fit(sample).weights, fit(sample, start=stock).weights)
    unlabelled = labelled.subset(~in_half)
    every = np.ones((1, len(unlabelled.scores)))
    return [float(spearman(unlabelled.features @ layer, unlabelled.scores)(every)[0]) for layer in layers]


def show_curve(labelled_set: Set, sets: Sequence[Set], features: Features) -> None:
    """Print the agreement of heads of so many labels, and what they gain over the head of the other sets."""
    labelled, _ = examples([labelled_set.source], features, dialogue)
    sources = [member.source for member in sets if member is not labelled_set]
    stock = fit(examples(sources, features, dialogue)[0]).weights
    print(f"{labelled_set.name}: {DRAWS} draws, Spearman on the half of its dialogues that has no labels")
    for size in SIZES:
        draws = [draw_agreements(labelled, stock, size, seed) for seed in range(DRAWS)]
        agreements = np.array([draw for draw in draws if draw is not None])
        if not len(agreements):
            continue
        means = agreements.mean(axis=0)
        parts = [f"{METHODS[0]} {means[0]:.3f}"]
        for i in (1, 2):
            gains = agreements[:, i] - agreements[:, 0]
            low, high = np.quantile(gains, [0.025, 0.975])
            parts.append(f"{METHODS[i]} {means[i]:.3f} (gain {gains.mean():+.3f} [{low:+.3f}, {high:+.3f}])")
        print(f"  {size:4} labels: {'; '.join(parts)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--model", default="embedded?head=none")
    parser.add_argument("--db", required=True)
    options = parser.parse_args()
    sets = [read_set(path) for path in options.sets]
    if len(sets) < 2 or len({labelled_set.rubric for labelled_set in sets}) > 1:
        parser.error("two or more sets are needed, whose labels answer one maxim")
    features = asyncio.run(read_features(options.model, sets, options.db))
    for labelled_set in sets:
        if labelled_set.source.turns:
            show_curve(labelled_set, sets, features)


if __name__ == "__main__":
    main()
