"""Agreement of judges with people on labelled sets, beside length, turn number and what people agree among themselves.

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
from labelled_sets import Set, dialogue, read_set

from convexplain import load_rubric
from convexplain.agreement import Draws, format_estimate, partial_spearman, spearman
from convexplain.connectors.models import open_model
from convexplain.fidelity import Estimate
from convexplain.judges import Judge
from convexplain.judges.head_fit import Examples
from convexplain.judges.head_training import TurnKey, examples
from convexplain.judges.heads import shipped_heads
from convexplain.models.calls import Calls
from convexplain.store import RunStore


async def judged(labelled_set: Set, name: str, db: str) -> tuple[dict[TurnKey, tuple[float, ...]], float]:
    """The scores of a set's turns, and seconds a call."""
    model, rubric = open_model(name), load_rubric(labelled_set.rubric)
    await model.prepare()
    async with Calls(model, RunStore(db)) as calls:
        judge, began = Judge(calls), time.perf_counter()
        places = labelled_set.source.turn_keys
        judgements = await asyncio.gather(*(judge.judge_turn(talk, turn, rubric) for talk, turn in places))
        seconds = (time.perf_counter() - began) / max(1, calls.spend.calls)
    await model.aclose()
    scores = {
        place: (judgement.score,)
        for place, judgement in zip(places, judgements, strict=True)
        if judgement.score is not None
    }
    return scores, seconds


def words(place: TurnKey) -> float:
    """Return the number of words of a turn."""
    return float(len(place[0].turns[place[1]].content.split()))


def estimate_agreement(numbers: Examples, rows: Sequence[TurnKey], values: np.ndarray) -> dict[str, Estimate]:
    """Return of turns Spearman, and given length and turn number; of pairs the share of right ones."""
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


def line(name: str, labelled_set: Set, values: dict[TurnKey, tuple[float, ...]], more: str = "") -> None:
    numbers, rows = examples([labelled_set.source], values, dialogue)
    estimates = estimate_agreement(numbers, rows, numbers.features[:, 0] if len(rows) else np.zeros(0))
    n = len(numbers.pairs) or len(rows)
    print(
        f"  {name:34} n = {n:5}  ",
        "  ".join(f"{key} {format_estimate(value, signed=True)}" for key, value in estimates.items()),
        more,
        flush=True,
    )


def ceiling(labelled_set: Set) -> None:
    """DBDC3: one of 30 raters, drawn by the shares that are published, against the mean of the other 29."""
    rng, values = np.random.default_rng(0), np.array([1.0, 0.5, 0.0])
    shares = np.array(labelled_set.shares)
    drawn = values[[rng.choice(3, p=row / row.sum()) for row in shares]]
    others_mean = (shares @ values * 30 - drawn) / 29
    draws = Draws([dialogue(turn.conversation) for turn in labelled_set.source.turns])
    rho = draws.estimate(spearman(drawn, others_mean))
    print(f"  {'one rater against the others':34} n = {len(drawn):5}   rho {format_estimate(rho, signed=True)}")


def head(labelled_set: Set) -> None:
    card = next((item.card for item in shipped_heads() if item.rubric == labelled_set.rubric), None)
    for part, name in (("held_out", "head, held-out dialogues"), ("left_out", "head, set not trained on")):
        figures = (card or {}).get(part, {}).get(labelled_set.name, {})
        for key, label in (
            ("spearman", "rho"),
            ("rho", "rho"),
            ("spearman_given_length_and_turn", "partial"),
            ("partial", "partial"),
            ("right_pairs", "pairs"),
            ("pairs", "pairs"),
            ("auc", "auc"),
        ):
            if "value" in figures.get(key, {}):
                value = figures[key]
                print(
                    f"  {name:34} n = {value['n']:5}   "
                    f"{label} {value['value']:+.3f} [{value['low']:+.2f}, {value['high']:+.2f}]"
                )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--judge", action="append", default=[])
    parser.add_argument("-n", type=int, default=100)
    parser.add_argument("--db", required=True)
    options = parser.parse_args()
    sets: Sequence[Set] = [read_set(path, options.n) for path in options.sets]
    for labelled_set, path in zip(sets, options.sets, strict=True):
        print(f"{labelled_set.name}, {labelled_set.rubric} ({labelled_set.licence})")
        full_set = read_set(path)
        line("length in words", full_set, {place: (words(place),) for place in full_set.source.turn_keys})
        line("turn number", full_set, {place: (float(place[1]),) for place in full_set.source.turn_keys})
        head(full_set)
        if full_set.shares:
            ceiling(full_set)
        for name in options.judge:
            scores, seconds = await judged(labelled_set, name, options.db)
            row_name = f"{name.split('/')[-1]}, few-shot"
            line(
                row_name,
                labelled_set,
                scores,
                f"({seconds:.2f} s a call, {len(labelled_set.source.turn_keys) - len(scores)} unscored)",
            )


if __name__ == "__main__":
    asyncio.run(main())
