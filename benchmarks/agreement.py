"""How far a judge agrees with people: Spearman's rank correlation, beside reply length and turn number.

    python benchmarks/agreement.py --judge 'http://127.0.0.1:8080/v1' -n 200 conture.jsonl dbdc3_en.jsonl

Each line of a set is `{"id", "turns": [{"role", "content"}], "proxy": {RUBRIC: 0..1}, "meta": {"dialogue"}}`; the last
turn is the rated one. n rows are drawn from the whole set (seed 0). Intervals: 95 %, bootstrap over dialogues.
"""

import argparse
import asyncio
import json
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from convexplain import Conversation, Judgement, Rubric, Turn, load_rubric
from convexplain.calls import Calls
from convexplain.connectors.models import open_model
from convexplain.judges import Judge
from convexplain.models import MemoryCache
from convexplain.store import RunStore


def sample(path: Path, rubric: str, n: int) -> list[dict[str, Any]]:
    """n rows drawn from all, those of one dialogue together and in order, so that prompts share their beginnings."""
    rows = [row for row in map(json.loads, path.open(encoding="utf-8")) if rubric in row["proxy"]]
    drawn = random.Random(0).sample(range(len(rows)), min(n, len(rows)))
    return [rows[i] for i in sorted(drawn)]


def dialogue(row: dict[str, Any]) -> Any:
    return row.get("meta", {}).get("dialogue", row["id"])


def interval(x: list[float], y: list[float], groups: list[Any]) -> tuple[float, float]:
    """Percentile bootstrap of Spearman's rho, dialogues drawn with replacement."""
    members: dict[Any, list[int]] = {}
    for i, group in enumerate(groups):
        members.setdefault(group, []).append(i)
    keys, rng = list(members), random.Random(0)
    found = []
    for _ in range(1000):
        drawn = [i for key in rng.choices(keys, k=len(keys)) for i in members[key]]
        if len({y[i] for i in drawn}) > 1 and len({x[i] for i in drawn}) > 1:
            found.append(spearmanr([x[i] for i in drawn], [y[i] for i in drawn]).statistic)
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


async def judged(rows: list[dict[str, Any]], rubric: Rubric, calls: Calls) -> list[Judgement]:
    judge = Judge(calls)
    talks = [
        Conversation(row["id"], tuple(Turn(turn["role"], turn["content"]) for turn in row["turns"])) for row in rows
    ]
    return list(await asyncio.gather(*(judge.judge_turn(talk, len(talk.turns) - 1, rubric) for talk in talks)))


def report(name: str, x: list[float], y: list[float], groups: list[Any]) -> None:
    low, high = interval(x, y, groups)
    print(f"  {name:12} rho {spearmanr(x, y).statistic:+.3f}  [{low:+.3f}, {high:+.3f}]")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--judge", default="embedded")
    parser.add_argument("--rubric", default="helpfulness", help="id or file")
    parser.add_argument("--label", help="key in `proxy`, the rubric's id unless given")
    parser.add_argument("--higher-is-bad", action="store_true", help="turn the labels round (DICES)")
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--cache", help="run store whose cache is used; none unless given, so that seconds are honest")
    options = parser.parse_args()
    rubric, model = load_rubric(options.rubric), open_model(options.judge)
    await model.prepare()
    for path in options.sets:
        label = options.label or rubric.id
        rows = sample(path, label, options.n)
        async with Calls(model, RunStore(options.cache) if options.cache else MemoryCache()) as calls:
            began = time.perf_counter()
            judgements = await judged(rows, rubric, calls)
            seconds = time.perf_counter() - began
        pairs = [(row, found) for row, found in zip(rows, judgements, strict=True) if found.score is not None]
        kept = [row for row, _ in pairs]
        people = [row["proxy"][label] * (-1 if options.higher_is_bad else 1) for row in kept]
        groups = [dialogue(row) for row in kept]
        scores = [found.score or 0.0 for _, found in pairs]
        spend = calls.spend
        print(
            f"{path.stem}, {rubric.id}, {model.name}: n = {len(kept)} of {len(set(groups))} dialogues, "
            f"{len(rows) - len(kept)} unscored, mean score {np.mean(scores):.2f}; {seconds / len(rows):.2f} s a turn, "
            f"{spend.prompt_tokens / max(1, spend.calls):.0f} prompt tokens "
            f"({spend.prefix_tokens / max(1, spend.prompt_tokens):.0%} from the prefix cache)"
        )
        report("judge", scores, people, groups)
        report("length", [len(row["turns"][-1]["content"]) for row in kept], people, groups)
        report("turn number", [len(row["turns"]) for row in kept], people, groups)
    await model.aclose()


if __name__ == "__main__":
    asyncio.run(main())
