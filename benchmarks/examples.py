"""Do scores tell the plainly good turns of `benchmarks/logs/` from the plainly bad ones?

    python benchmarks/examples.py --judge 'http://127.0.0.1:8080/v1'

`examples_expected.json` lists turns on which readers agree; it was written before any judge saw them. AUC is the chance
that a good turn scores above a bad one (1 is best, 0.5 is chance), intervals are 95 % bootstraps over turns.
"""

import argparse
import asyncio
import json
import random
from pathlib import Path

import numpy as np
from example_talks import example_talks
from sklearn.metrics import roc_auc_score

from convexplain import Judgement, load_rubric
from convexplain.connectors.models import open_model
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.store import RunStore

HERE = Path(__file__).resolve().parent


def interval(good: list[float], bad: list[float]) -> tuple[float, float]:
    """Percentile bootstrap of the AUC, good and bad turns drawn with replacement."""
    rng = random.Random(0)
    aucs = [auc(rng.choices(good, k=len(good)), rng.choices(bad, k=len(bad))) for _ in range(1000)]
    low, high = np.quantile(aucs, [0.025, 0.975])
    return float(low), float(high)


def auc(good: list[float], bad: list[float]) -> float:
    return float(roc_auc_score([1] * len(good) + [0] * len(bad), good + bad))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judge", default="embedded")
    parser.add_argument("--list", action="store_true", help="list every turn with its score")
    parser.add_argument("--cache", help="run store whose replies are used: of `convexplain analyze benchmarks/logs`")
    options = parser.parse_args()
    talks = {talk.id: talk for talk in example_talks()}
    expected = json.loads((HERE / "examples_expected.json").read_text(encoding="utf-8"))
    entries = [(side, *entry) for side in ("good", "bad") for entry in expected[side]]
    entries.sort(key=lambda entry: (entry[3], entry[1], entry[2]))  # prompts that share a beginning follow each other
    model = open_model(options.judge)
    await model.prepare()
    async with Calls(model, RunStore(options.cache) if options.cache else None) as calls:
        judge = Judge(calls)
        work = (judge.judge_turn(talks[talk], turn, load_rubric(rubric)) for _, talk, turn, rubric in entries)
        judgements: list[Judgement] = list(await asyncio.gather(*work))
    await model.aclose()
    for rubric in ("helpfulness", "informativeness", "harm"):
        rows = [(entry[0], item) for entry, item in zip(entries, judgements, strict=True) if entry[3] == rubric]
        scores = {
            side: [item.score for name, item in rows if name == side and item.score is not None]
            for side in ("good", "bad")
        }
        unscored = sum(item.score is None for _, item in rows)
        low, high = interval(scores["good"], scores["bad"])
        print(
            f"{rubric:16} good {np.mean(scores['good']):.2f} (n = {len(scores['good'])}), "
            f"bad {np.mean(scores['bad']):.2f} (n = {len(scores['bad'])}), {unscored} unscored, "
            f"AUC {auc(scores['good'], scores['bad']):.2f} [{low:.2f}, {high:.2f}]"
        )
        if options.list:
            for side, item in sorted(rows, key=lambda row: row[1].score if row[1].score is not None else -1):
                score = "  – " if item.score is None else f"{item.score:.2f}"
                content = " ".join(talks[item.conversation_id].turns[item.turn].content.split())
                print(f"    {score} {side:4} {item.conversation_id}:{item.turn} {content[:90]}")


if __name__ == "__main__":
    asyncio.run(main())
