"""How far judges agree with people on labelled sets, beside length, turn number and what people agree among themselves.

    python benchmarks/agreement.py ../shared/data/*.jsonl --judge 'embedded?head=none' --judge gguf:MODEL.gguf \\
        -n 100 --db agreement.db

n turns, or pairs, are drawn from each set (the same for every judge). A maxim's shipped head is told by its card: on
dialogues that were held out (of the same set), and on the set when a head was not trained on it; both on the whole set.
Figures: Spearman's correlation (of pairs: the share of right ones), and Spearman's given log length and turn number;
95 % intervals over dialogues. Seconds are those of calls really made, the cache of --db aside.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from heads import measured, told, words
from labelled_sets import Set, dialogue, read_set

from convexplain import load_rubric
from convexplain.agreement import Draws, spearman
from convexplain.connectors.models import open_model
from convexplain.judges import Judge
from convexplain.judges.head_training import TurnKey, examples
from convexplain.judges.heads import shipped_heads
from convexplain.models.calls import Calls
from convexplain.store import RunStore


async def judged(one: Set, name: str, db: str) -> tuple[dict[TurnKey, tuple[float, ...]], float]:
    """The scores of a set's turns, and seconds a call."""
    model, rubric = open_model(name), load_rubric(one.rubric)
    await model.prepare()
    async with Calls(model, RunStore(db)) as calls:
        judge, began = Judge(calls), time.perf_counter()
        places = one.source.turn_keys
        found = await asyncio.gather(*(judge.judge_turn(talk, turn, rubric) for talk, turn in places))
        seconds = (time.perf_counter() - began) / max(1, calls.spend.calls)
    await model.aclose()
    scores = {
        place: (judgement.score,) for place, judgement in zip(places, found, strict=True) if judgement.score is not None
    }
    return scores, seconds


def line(name: str, one: Set, values: dict[TurnKey, tuple[float, ...]], more: str = "") -> None:
    numbers, rows = examples([one.source], values, dialogue)
    found = measured(numbers, rows, numbers.features[:, 0] if len(rows) else np.zeros(0))
    n = len(numbers.pairs) or len(rows)
    print(
        f"  {name:34} n = {n:5}  ", "  ".join(f"{key} {told(value)}" for key, value in found.items()), more, flush=True
    )


def ceiling(one: Set) -> None:
    """DBDC3: one of 30 raters, drawn by the shares that are published, against the mean of the other 29."""
    rng, values = np.random.default_rng(0), np.array([1.0, 0.5, 0.0])
    shares = np.array(one.shares)
    drawn = values[[rng.choice(3, p=row / row.sum()) for row in shares]]
    rest = (shares @ values * 30 - drawn) / 29
    draws = Draws([dialogue(turn.conversation) for turn in one.source.turns])
    print(
        f"  {'one rater against the others':34} n = {len(drawn):5}   rho {told(draws.estimate(spearman(drawn, rest)))}"
    )


def head(one: Set) -> None:
    card = next((item.card for item in shipped_heads() if item.rubric == one.rubric), None)
    for part, name in (("held_out", "head, held-out dialogues"), ("left_out", "head, set not trained on")):
        found = (card or {}).get(part, {}).get(one.name, {})
        for key, shown in (
            ("spearman", "rho"),
            ("rho", "rho"),
            ("spearman_given_length_and_turn", "partial"),
            ("partial", "partial"),
            ("right_pairs", "pairs"),
            ("pairs", "pairs"),
        ):
            if "value" in found.get(key, {}):
                value = found[key]
                print(
                    f"  {name:34} n = {value['n']:5}   "
                    f"{shown} {value['value']:+.3f} [{value['low']:+.2f}, {value['high']:+.2f}]"
                )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--judge", action="append", default=[])
    parser.add_argument("-n", type=int, default=100)
    parser.add_argument("--db", required=True)
    options = parser.parse_args()
    sets: Sequence[Set] = [read_set(path, options.n) for path in options.sets]
    for one, path in zip(sets, options.sets, strict=True):
        print(f"{one.name}, {one.rubric} ({one.licence})")
        whole = read_set(path)
        line("length in words", whole, {place: (words(place),) for place in whole.source.turn_keys})
        line("turn number", whole, {place: (float(place[1]),) for place in whole.source.turn_keys})
        head(whole)
        if whole.shares:
            ceiling(whole)
        for name in options.judge:
            scores, seconds = await judged(one, name, options.db)
            shown = f"{name.split('/')[-1]}, few-shot"
            line(shown, one, scores, f"({seconds:.2f} s a call, {len(one.source.turn_keys) - len(scores)} unscored)")


if __name__ == "__main__":
    asyncio.run(main())
