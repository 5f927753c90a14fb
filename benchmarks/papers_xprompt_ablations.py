"""XPrompt's ablations (Chang et al., Figure 3, Figure 4 and Table 4), on the prompts of its Table 1.

    python benchmarks/papers.py xprompt-ablations --model embedded --db papers.db --rows ablations.jsonl -n 10

First, PR (lower is better) by the number k of masked words: words drawn at random, the k words with the highest scores
of Captum's feature ablation, and those of Algorithm 1 after --iterations. Then the log-probability of the reply (nats;
lower is better) after so many iterations of Algorithm 1 with k words: as printed, begun with any words instead of those
of the largest gradient, with swaps drawn evenly instead of by the gradient, and with both.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from papers_white_box import WhiteBox, open_white_box
from papers_xprompt import (
    add_prompt_options,
    algorithm_1,
    interval,
    parser_of,
    prompts,
    read_rows,
    settings_of,
    top,
)

from convexplain.fidelity import mean, reply_probability_ratio
from convexplain.models.calls import Calls
from convexplain.models.chat import Message, Request
from convexplain.store import RunStore

NUMBERS = (1, 2, 3, 4, 5)  # of masked words
STEPS = (0, 5, 10, 20, 40)  # iterations at which the log-probability is read
VARIANTS = {
    "as printed": {},
    "no gradient start": {"gradient_start": False},
    "no gradient sampling": {"gradient_sampling": False},
    "neither": {"gradient_start": False, "gradient_sampling": False},
}


async def by_number(
    box: WhiteBox, guide: Sequence[float], iterations: int, seed: int
) -> dict[str, dict[str, float | None]]:
    """Return PR of each method for each number of masked words."""
    n, rng = len(box.words), np.random.default_rng(seed)
    captum, shuffled = await box.captum(), rng.permutation(n).tolist()
    full, _ = await box.distributions(frozenset())
    ratios: dict[str, dict[str, float | None]] = {}
    for k in NUMBERS:
        steps = await algorithm_1(n, k, guide, box.logprobs, iterations, np.random.default_rng(seed))
        sets = {
            "Random": frozenset(shuffled[:k]),
            "Captum": top(captum, k),
            "XPrompt as printed": steps[-1][0],
        }
        for name, removed in sets.items():
            logprobs, _ = await box.distributions(removed)
            ratios.setdefault(name, {})[str(k)] = reply_probability_ratio(logprobs, full)
    return ratios


async def by_iterations(box: WhiteBox, guide: Sequence[float], k: int, iterations: int, seed: int) -> dict[str, Any]:
    """Return the log-probability of the reply at each of the steps, for each variant of Algorithm 1."""
    logprobs: dict[str, list[float]] = {}
    for name, switches in VARIANTS.items():
        rng = np.random.default_rng(seed)
        steps = await algorithm_1(len(box.words), k, guide, box.logprobs, iterations, rng, **switches)
        logprobs[name] = [steps[step][1] for step in STEPS if step < len(steps)]
    return logprobs


async def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure the prompts that are not in the rows yet, and return all rows."""
    model, settings = open_white_box(options.model), settings_of(options)
    rows = read_rows(options.rows, settings)
    done = {row["prompt"] for row in rows}
    await model.prepare()
    try:
        async with Calls(model, RunStore(options.db)) as calls:
            for _, prompt in prompts(options.n, options.kind):
                if prompt in done:
                    continue
                words = tuple(prompt.split())
                unmasked = Request((Message("user", " ".join(words)),), max_tokens=options.tokens)
                box = WhiteBox(calls, words, (await calls.ask(unmasked)).text.strip(), options.tokens)
                guide = await box.gradients()
                (full,) = await box.logprobs([frozenset()])
                ratios = await by_number(box, guide, options.iterations, options.seed)
                steps = await by_iterations(box, guide, options.k, options.steps, options.seed)
                row = {"prompt": prompt, "full": full, "pr": ratios, "logprob": steps, "settings": settings}
                rows.append(row)
                with options.rows.open("a", encoding="utf-8") as file:
                    print(json.dumps(rows[-1]), file=file)
                print(f"  {len(rows)}: {steps}", flush=True)
    finally:
        await model.aclose()
    return rows


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print both tables."""
    print(f"\n{len(rows)} prompts\n| PR ↓ | {' | '.join(f'k = {k}' for k in NUMBERS)} |\n|---|{'---|' * len(NUMBERS)}")
    for name in rows[0]["pr"]:
        cells = [interval(mean([row["pr"][name][str(k)] for row in rows])) for k in NUMBERS]
        print(f"| {name} | {' | '.join(cells)} |")
    steps = STEPS[: len(next(iter(rows[0]["logprob"].values())))]
    print(f"\nwhole prompt: {interval(mean([row['full'] for row in rows]))}")
    print(
        f"| log-probability ↓ | {' | '.join(map(str, steps))} | last, less as printed |\n|---|{'---|' * len(steps)}---|"
    )
    for name in VARIANTS:
        traces = [row["logprob"][name] for row in rows]
        cells = [f"{mean([trace[i] for trace in traces]).value:.1f}" for i in range(len(steps))]
        differences = [row["logprob"][name][-1] - row["logprob"]["as printed"][-1] for row in rows]
        cells.append("" if name == "as printed" else interval(mean(differences)))
        print(f"| {name} | {' | '.join(cells)} |")


def main(argv: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    add_prompt_options(parser)
    parser.add_argument("--iterations", type=int, default=24, help="iterations of Algorithm 1, by k")
    parser.add_argument("--steps", type=int, default=40, help="iterations of each variant of Algorithm 1")
    show(asyncio.run(run(parser.parse_args(argv))))
