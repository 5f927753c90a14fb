"""Mixed levels beside level by level: which ranking of the same texts is more faithful, at equal budgets?

    python benchmarks/mixed_levels.py                                                  # 200 planted conversations
    python benchmarks/mixed_levels.py conture.jsonl --judge embedded --db mixed.db -n 20

Both divide the top units of turns into sentences and phrases, within the same budget. Level by level, a unit has the
score of its own level, and the parts of a divided unit have theirs; with mixed levels all scores are of one fit. The
units of either ranking that raise the value (of a bad turn: lower it) most are removed, up to half of the words: the
mean fall of the value is the AUPC. In the planted conversations the value is a sum over words, of pairs of words that
count only together (AND), and of pairs of which either is enough (OR). Intervals are 95 %, paired over conversations.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from attribution import conversations

from convexplain import Conversation, Turn, load_rubric
from convexplain.connectors.models import open_model
from convexplain.explain.attribution import attribute_values
from convexplain.explain.faithfulness import faithfulness
from convexplain.explain.measurement import TurnMeasure
from convexplain.explain.scalarizers import JudgeValue, Scalar, Scalarizer, TurnValues
from convexplain.explain.settings import AttributionSettings
from convexplain.fidelity import mean, ranked
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.store import RunStore
from convexplain.types import Attribution, Unit

BUDGETS = (20, 40, 80)
Row: TypeAlias = tuple[tuple[float | None, int], tuple[float | None, int]]
"""AUPC and evaluations, level by level and with mixed levels."""


class Planted:
    """A value of planted words: a sum, pairs that count only together, and pairs of which one is enough.

    Args:
        chance: draws the words and their weights.
        words: all words of the conversation.
    """

    question = "rescore"
    name = "planted"

    def __init__(self, chance: random.Random, words: list[str]) -> None:
        drawn = chance.sample(words, 10)
        self._single = {word: chance.uniform(0.5, 2) * chance.choice((1, 1, -1)) for word in drawn[:4]}
        self._both = {(drawn[i], drawn[i + 1]): chance.uniform(1, 3) for i in (4, 6)}
        self._either = {(drawn[8], drawn[9]): chance.uniform(1, 3)}

    async def value(self, conversation: Conversation, turn: int) -> Scalar:
        """Return the value of the words that are there."""
        there = {word.strip(".,").lower() for turn_ in conversation.turns for word in turn_.content.split()}
        total = sum(weight for word, weight in self._single.items() if word in there)
        total += sum(weight for pair, weight in self._both.items() if there.issuperset(pair))
        total += sum(weight for pair, weight in self._either.items() if there.intersection(pair))
        return Scalar(total)


def planted(seed: int) -> tuple[Conversation, Planted]:
    """Return a conversation of 6 to 12 turns of 1 to 4 sentences of 1 to 3 phrases, each word once, and its value."""
    chance = random.Random(seed)
    words = [f"w{i}" for i in range(3000)]
    spoken: list[str] = []

    def phrase() -> str:
        size = chance.randint(2, 5)
        spoken.extend(words[len(spoken) : len(spoken) + size])
        return " ".join(spoken[-size:])

    def sentence() -> str:
        return ", ".join(phrase() for _ in range(chance.randint(1, 3))).capitalize() + "."

    turns = [
        Turn("user" if i % 2 == 0 else "assistant", " ".join(sentence() for _ in range(chance.randint(1, 4))))
        for i in range(2 * chance.randint(3, 6))
    ]
    conversation = Conversation(str(seed), (*turns, Turn("assistant", "Well.")))
    return conversation, Planted(chance, spoken)


def one_ranking(levels: list[Attribution]) -> tuple[list[Unit], list[float | None]]:
    """Return the finest units that were attributed to, which are no part of each other, with their scores."""
    units: dict[Unit, float | None] = {}
    for level in levels:
        for unit, score in zip(level.units, level.scores, strict=True):
            around = [other for other in units if other.turn == unit.turn and other.start <= unit.start < other.end]
            for other in around:
                del units[other]
            units[unit] = score
    ordered = sorted(units, key=lambda unit: (unit.turn, unit.start))
    return ordered, [units[unit] for unit in ordered]


async def aupc(
    values: Callable[[], TurnValues], side: int, reply: bool, settings: AttributionSettings
) -> tuple[float | None, int]:
    """Return the AUPC of a ranking, and how many evaluations it took."""
    measured = values()
    levels = await attribute_values(measured, settings, side, reply=reply)
    units, scores = one_ranking(levels[-1:] if settings.mixed else levels)
    row = await faithfulness(measured, units, {"order": ranked(scores, side)}, side)
    return row["order"].aupc, sum(level.calls for level in levels)


def show(budget: int, rows: list[Row]) -> None:
    """Print one budget's row."""
    pairs = [(a, b) for (a, _), (b, _) in rows if a is not None and b is not None]
    cells = [mean([pair[i] for pair in pairs]) for i in (0, 1)]
    difference = mean([b - a for a, b in pairs])
    calls = [sum(row[i][1] for row in rows) / len(rows) for i in (0, 1)]
    text = " | ".join(f"{cell.value:.3f} [{cell.low:.3f}, {cell.high:.3f}]" for cell in (*cells, difference))
    print(f"| {budget or 'none'} | {len(pairs)} | {calls[0]:.1f} / {calls[1]:.1f} | {text} |", flush=True)


async def both(values: Callable[[], TurnValues], side: int, reply: bool, method: str, budget: int) -> Row:
    """Return AUPC and evaluations level by level, and with mixed levels."""
    by_level = await aupc(values, side, reply, AttributionSettings(method, budget=budget))
    return by_level, await aupc(values, side, reply, AttributionSettings(method, budget=budget, mixed=True))


async def of_judge(options: argparse.Namespace) -> None:
    """Measure real conversations."""
    model, rubric, began = open_model(options.judge), load_rubric(options.rubric), time.monotonic()
    await model.prepare()
    rows: dict[int, list[Row]] = {budget: [] for budget in options.budgets}
    async with Calls(model, RunStore(options.db)) as calls:
        for talk in conversations(options.data, options.n, 7):
            if options.minutes and time.monotonic() - began > 60 * options.minutes:
                break
            scalarizer: Scalarizer = JudgeValue(TurnMeasure(Judge(calls)), rubric)
            values = TurnValues(talk, scalarizer)
            await values.values([frozenset()])
            score = scalarizer.first.score if scalarizer.first else None
            if score is None:
                continue
            side = -1 if score < rubric.threshold else 1
            for budget in options.budgets:
                rows[budget].append(await both(lambda values=values: values, side, True, options.method, budget))
    for budget in options.budgets:
        show(budget, rows[budget])


async def of_planted(options: argparse.Namespace) -> None:
    """Measure planted conversations."""
    for budget in options.budgets:
        rows: list[Row] = []
        for seed in range(options.n):
            talk, value = planted(seed)
            rows.append(await both(partial(TurnValues, talk, value), 1, False, options.method, budget))
        show(budget, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="*")
    parser.add_argument("--judge")
    parser.add_argument("--db")
    parser.add_argument("--rubric", default="helpfulness")
    parser.add_argument("--method", default="clime")
    parser.add_argument("--budgets", type=int, nargs="*", default=BUDGETS)
    parser.add_argument("--minutes", type=float, help="begin no conversation after so many minutes")
    parser.add_argument("-n", type=int, default=200)
    options = parser.parse_args()
    print("| budget | n | evaluations, level by level / mixed | AUPC level by level | AUPC mixed | difference |")
    print("|---|---|---|---|---|---|", flush=True)
    asyncio.run(of_judge(options) if options.data else of_planted(options))


if __name__ == "__main__":
    main()
