"""The noise floor of a judge: how far its score moves under 20 changes that mean nothing.

    python benchmarks/noise.py --judge gguf:qwen2.5-coder-1.5b-instruct.gguf --db noise.db

Judges 20 turns of `benchmarks/logs/` as they are and changed; drawn with seed 0 from those that have at most 600
characters with all that comes before them. In fewer than 5 % of such changes a score moves by more than the floor.
"""

import argparse
import asyncio
import random

from example_talks import example_talks

from convexplain import load_rubric
from convexplain.connectors.models import open_model
from convexplain.judges import Judge
from convexplain.judges.noise import noise_floor
from convexplain.models.calls import Calls
from convexplain.rubrics import HEADLINE
from convexplain.store import RunStore


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judge", default="embedded")
    parser.add_argument("--rubric", nargs="*", default=HEADLINE)
    parser.add_argument("-n", type=int, default=20, help="turns")
    parser.add_argument("--db", help="run store that keeps the replies")
    options = parser.parse_args()
    every = [
        (talk, i)
        for talk in example_talks()
        for i, turn in enumerate(talk.turns)
        if turn.role == "assistant" and sum(len(before.content) for before in talk.turns[: i + 1]) <= 600
    ]
    drawn = random.Random(0).sample(every, options.n)
    model = open_model(options.judge)
    await model.prepare()
    async with Calls(model, RunStore(options.db) if options.db else None) as calls:
        for name in options.rubric:
            floor = await noise_floor(lambda reword: Judge(calls, reword=reword), model.name, load_rubric(name), drawn)
            print(
                f"{floor.rubric}, {floor.model}: noise floor {floor.value:.3f} "
                f"({floor.turns} turns, {floor.n} pairs, {floor.unscored} unscored)",
                flush=True,
            )
            for change, mean in sorted(floor.by_change.items(), key=lambda item: -item[1]):
                print(f"    {mean:.3f} {change}")
    await model.aclose()


if __name__ == "__main__":
    asyncio.run(main())
