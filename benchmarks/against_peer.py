"""Our searches against ICX360's CELL and mCELL on the same stub tasks.

    python -m venv peer && peer/bin/pip install icx360==0.1.0
    python benchmarks/against_peer.py --peer peer/bin/python [--seeds 200] [--budget 50 100]

Texts of 14 to 30 words, three causes of equal weight, anywhere in the text or within nine words; the model is the
identity, every fill is neutral, and g is the weight of the causes that are gone; delta 0.95. ICX360's CELL samples
within five words of an edit by its own default, so where the causes lie matters to it. Edits are compared on the tasks
that both solve. Intervals are 95 %.
"""

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from families import SEARCHES, solve
from search_tasks import Task

from convexplain.fidelity import mean, proportion

HERE = Path(__file__).resolve().parent


def tasks(placement: str, seeds: int) -> list[Task]:
    """The tasks of that placement."""
    stub_tasks = []
    for seed in range(seeds):
        rng = np.random.default_rng([int(placement == "near"), seed])
        n = int(rng.integers(14, 31))
        window = 9 if placement == "near" else n
        start = int(rng.integers(0, n - window + 1))
        places = start + rng.choice(window, 3, replace=False)
        stub_tasks.append(Task(n, [((int(place),), 1 / 3) for place in places], 0.95, rng))
    return stub_tasks


def peer(python: str, stub_tasks: list[Task], budget: int, split_k: int) -> dict[str, list[dict[str, Any]]]:
    """Return what ICX360's two searches make of the tasks."""
    lines = [
        json.dumps(
            {
                "words": [f"w{i}" for i in range(task.n)],
                "causes": [[words[0], weight] for words, weight in task.causes],
                "delta": task.delta,
                "budget": budget,
                "split_k": split_k,
                "seed": seed,
                "infill": "neutral",
            }
        )
        for seed, task in enumerate(stub_tasks)
    ]
    done = subprocess.run(
        [python, str(HERE / "peer.py")], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {name: [row for row in rows if row["method"] == name] for name in ("cell", "mcell")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="python of an environment with icx360")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--budget", type=int, nargs="+", default=[50, 100])
    parser.add_argument("--split-k", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    print("| causes | split_k | budget | search | flips | calls | most calls | both solve | edits | ICX360's edits |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for placement in ("anywhere", "near"):
        for split_k in options.split_k:
            for budget in options.budget:
                compare(placement, tasks(placement, options.seeds), budget, split_k, options.peer)


def compare(placement: str, stub_tasks: list[Task], budget: int, split_k: int, python: str) -> None:
    theirs = peer(python, stub_tasks, budget, split_k)
    for name, rows in theirs.items():
        flip_rate = proportion(sum(bool(row["found"]) for row in rows), len(rows))
        calls = mean([row["calls"] for row in rows], 0)
        edits = mean([row["edits"] for row in rows if row["found"]], 0)
        show(
            placement,
            split_k,
            budget,
            f"ICX360 {name}",
            flip_rate,
            calls,
            max(row["calls"] for row in rows),
            ["", "", f"{edits.value:.1f}"],
        )
    for name in ("cell_budget", "guided"):
        ours = [solve(task, SEARCHES[name], budget, split_k, seed) for seed, task in enumerate(stub_tasks)]
        both = [
            (solved.edits, row["edits"])
            for solved, row in zip(ours, theirs["cell"], strict=True)
            if solved.found and row["found"]
        ]
        flip_rate = proportion(sum(solved.found for solved in ours), len(ours))
        calls = mean([solved.calls for solved in ours], 0)
        pairs = [str(len(both))]
        pairs += [f"{np.mean(side):.2f}" for side in zip(*both, strict=True)] if both else ["–", "–"]
        show(placement, split_k, budget, name, flip_rate, calls, max(solved.calls for solved in ours), pairs)


def show(
    placement: str, split_k: int, budget: int, name: str, flip_rate: Any, calls: Any, most: int, pair_cells: list[str]
) -> None:
    flips = f"{flip_rate.value:.0%} [{flip_rate.low:.0%}, {flip_rate.high:.0%}]"
    print(
        f"| {placement} | {split_k} | {budget} | {name} | {flips} | {calls.value:.1f} | {most} "
        f"| {' | '.join(pair_cells)} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
