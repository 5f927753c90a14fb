"""Faithfulness of the attributions, beside SHAP's Partition explainer, self-explanation, length, place and chance.

    python benchmarks/attribution.py conture.jsonl dbdc3_en.jsonl --judge gguf:qwen2.5-coder-1.5b-instruct.gguf \\
        --db attribution.db -n 40

Reads rows with `turns`, as the human-labelled sets have them; takes the first n conversations of 5 to --most turns that
end with the assistant's, from all files in turn, in an order drawn with seed 0. The value is the log-odds of the
judge's score (helpfulness) of the last turn without some of the turns before it. Each method has --per-unit evaluations
a turn (leave one out needs one). Then the turns that a method puts first are removed, up to half of the words: the mean
fall of the value, toward the side of the threshold on which the turn is, is the AUPC. Intervals are 95 %, paired over
conversations. Needs `pip install shap` for Partition SHAP, which --plain leaves out. What the database holds already is
not asked again.
"""

import argparse
import asyncio
import itertools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

from other_explainers import partition_shap

from convexplain import Conversation, Turn, load_rubric
from convexplain.connectors.models import open_model
from convexplain.explain.faithfulness import Faithfulness, baselines, faithfulness
from convexplain.explain.measurement import TurnMeasure
from convexplain.explain.scalarizers import JudgeValue, TurnValues
from convexplain.explain.unit_levels import unit_levels
from convexplain.fidelity import Estimate, mean, ranked
from convexplain.judges import Judge
from convexplain.judges.self_explanation import self_explained_order, self_explained_turns
from convexplain.models.calls import Calls
from convexplain.search import aattribute
from convexplain.store import RunStore
from convexplain.types import Rubric, Unit

RANDOM = 3  # random orders that are averaged over
K = 2  # turns that joint attribution takes together, and that PR@k and KL@k are without


def conversations(files: list[Path], n: int, most: int) -> list[Conversation]:
    """The conversations that are tried: one of each dialogue, from the files in turn."""
    by_file = [list(_of(file, most)) for file in files]
    return [talk for talks in itertools.zip_longest(*by_file) for talk in talks if talk is not None][:n]


def _of(file: Path, most: int) -> Iterator[Conversation]:
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    random.Random(0).shuffle(rows)
    seen = set()
    for row in rows:
        turns = tuple(Turn(turn["role"], turn["content"]) for turn in row["turns"])
        dialogue = row.get("meta", {}).get("dialogue", row["id"])
        full = all(turn.content.strip() for turn in turns)
        if 5 <= len(turns) <= most and full and dialogue not in seen and turns[-1].role == "assistant":
            seen.add(dialogue)
            yield Conversation(row["id"], turns, file.name)


async def orders(
    values: TurnValues, units: tuple[Unit, ...], side: int, budget: int, calls: Calls, rubric: Rubric, plain: bool
) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Each method's order of the units, and how many evaluations it took."""
    n = len(units)

    async def value(sets: list[frozenset[int]]) -> list[float | None]:
        return await values.values([frozenset(units[i] for i in removed) for removed in sets])

    def now(sets: list[frozenset[int]]) -> list[float | None]:
        return asyncio.run_coroutine_threadsafe(value(sets), loop).result()

    loop = asyncio.get_running_loop()
    attributions = {
        "LOO": await aattribute("loo", n, value=value),
        "C-LIME": await aattribute("clime", n, value=value, budget=budget),
        "L-SHAP": await aattribute("lshap", n, value=value, budget=budget),
        "surrogate": await aattribute("surrogate", n, value=value, budget=budget),
    }
    together = await aattribute("joint", n, value=value, k=min(K, n), side=side, budget=budget)
    result = {name: ranked(attribution.scores, side) for name, attribution in attributions.items()}
    spent = {name: attribution.calls for name, attribution in attributions.items()}
    unchosen = [unit for unit in ranked(together.scores, side) if unit not in together.chosen]
    first = sorted(together.chosen, key=lambda unit: -side * (together.scores[unit] or 0.0))
    result["joint"], spent["joint"] = [*first, *unchosen], together.calls
    if not plain:
        scores, spent["Partition SHAP"] = await asyncio.to_thread(partition_shap, n, now, budget)
        result["Partition SHAP"] = ranked(scores, side)
    named = (
        None
        if plain
        else await self_explained_turns(calls, values.conversation, len(values.conversation.turns) - 1, rubric)
    )
    if named is not None:
        # It names one turn or two. The others are in a random order, as in the baseline: any fixed one would be a
        # baseline of its own, for better or worse.
        for seed in range(RANDOM):
            random_order = baselines(values.conversation, units, seed)["random"]
            result[f"self-explanation {seed}"] = self_explained_order(named, units, random_order)
        spent["self-explanation"] = 1
    for name in ("length", "position"):
        result[name] = baselines(values.conversation, units)[name]
    for seed in range(RANDOM):
        result[f"random {seed}"] = baselines(values.conversation, units, seed)["random"]
    return result, spent


async def one(
    talk: Conversation, calls: Calls, rubric: Rubric, per_unit: int, plain: bool
) -> tuple[dict[str, Faithfulness], dict[str, int]]:
    """One conversation: how faithful each order is, and evaluations of each method."""
    scalarizer = JudgeValue(TurnMeasure(Judge(calls)), rubric)
    values = TurnValues(talk, scalarizer)
    await values.values([frozenset()])
    if scalarizer.first is None or scalarizer.first.score is None:
        return {}, {}
    side = -1 if scalarizer.first.score < rubric.threshold else 1
    units = unit_levels(talk, ("turn",), reply=False).units[0]
    unit_orders, spent = await orders(values, units, side, per_unit * len(units), calls, rubric, plain)
    return await faithfulness(values, units, unit_orders, side, K), spent


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--judge", required=True)
    parser.add_argument("--rubric", default="helpfulness")
    parser.add_argument("-n", type=int, default=40)
    parser.add_argument("--most", type=int, default=7, help="turns of a conversation at most")
    parser.add_argument("--per-unit", type=int, default=2, help="evaluations a turn that each method has")
    parser.add_argument("--plain", action="store_true", help="leave out Partition SHAP and self-explanation")
    parser.add_argument("--minutes", type=float, help="begin no conversation after so many minutes")
    parser.add_argument("--db", required=True, help="run store that keeps the replies")
    options = parser.parse_args()
    model, rubric, began = open_model(options.judge), load_rubric(options.rubric), time.monotonic()
    await model.prepare()
    rows: list[dict[str, Faithfulness]] = []
    spends: list[dict[str, int]] = []
    try:
        async with Calls(model, RunStore(options.db)) as calls:
            for talk in conversations(options.data, options.n, options.most):
                if options.minutes and time.monotonic() - began > 60 * options.minutes:
                    break
                row, spent = await one(talk, calls, rubric, options.per_unit, options.plain)
                if row:
                    rows.append(averaged(row))
                    spends.append(spent)
                    print(
                        f"  {talk.id} {', '.join(f'{name} {r.aupc:.2f}' for name, r in rows[-1].items())}", flush=True
                    )
    finally:
        await model.aclose()
    show(rows, spends)


def averaged(row: dict[str, Faithfulness]) -> dict[str, Faithfulness]:
    """The orders that chance has a part in, each as one."""
    grouped: dict[str, list[Faithfulness]] = {}
    for name, draw in row.items():
        grouped.setdefault(name.rstrip("0123456789").strip(), []).append(draw)
    fields = Faithfulness.__dataclass_fields__
    return {
        name: Faithfulness(**{field: _mean([getattr(draw, field) for draw in draws]) for field in fields})
        for name, draws in grouped.items()
    }


def _mean(values: list[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(numbers) if numbers else None


def show(rows: list[dict[str, Faithfulness]], spends: list[dict[str, int]]) -> None:
    print(f"\n{len(rows)} conversations")
    print("| order | n | evaluations | AUPC | less random | PR@2 | KL@2 |")
    print("|---|---|---|---|---|---|---|")
    for name in dict.fromkeys(name for row in rows for name in row):
        there = [row for row in rows if name in row]
        spent = mean([spend[name] for spend in spends if name in spend])
        beyond = mean([row[name].aupc - row["random"].aupc for row in there])
        cells = [
            mean([getattr(row[name], field) for row in there if getattr(row[name], field) is not None])
            for field in ("pr", "kl")
        ]
        aupc = mean([row[name].aupc for row in there])
        columns = " | ".join(map(number, (spent, aupc, beyond, *cells)))
        print(f"| {name} | {len(there)} | {columns} |")


def number(estimate: Estimate) -> str:
    if estimate.value is None:
        return ""
    return (
        f"{estimate.value:.2f}"
        if estimate.low is None
        else f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
    )


if __name__ == "__main__":
    asyncio.run(main())
