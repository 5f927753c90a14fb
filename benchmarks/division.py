"""Units within the judge's noise: is it worth dividing them?

    python benchmarks/division.py [-n 200] [--noise 0.2 0.4 0.8] [--budget 40]

The planted conversations of `benchmarks/mixed_levels.py`, whose value is a sum over words and pairs of words. To each
text's value comes a normal deviate, the same whenever that text is valued, as a judge changes its score with harmless
changes of a text. The noise floor is what two texts of one value differ by in 95 of 100 cases. Compared are dividing
the top units of each level whatever their effect, and only those whose effect is beyond the floor:

* evaluations, and the AUPC of the finest units by the value without the deviates (higher is better);
* the parts that a reader is shown as beyond the floor: how many there are, and the share of them whose effect without
  the deviates is at least half of the floor and has the same sign (*right*).

Intervals are 95 %, paired over conversations.
"""

import argparse
import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from mixed_levels import Planted, one_ranking, planted

from convexplain import Conversation
from convexplain.explain.attribution import attribute_values
from convexplain.explain.faithfulness import faithfulness
from convexplain.explain.scalarizers import Scalar, TurnValues
from convexplain.explain.settings import AttributionSettings
from convexplain.fidelity import Estimate, mean, ranked
from convexplain.types import Attribution, Unit

FLOOR = 1.96 * sqrt(2)  # standard deviations: the difference of two deviates is smaller in 95 of 100 cases


@dataclass(frozen=True, slots=True)
class Disturbed:
    """A planted value with a normal deviate for each text."""

    exact: Planted
    seed: int
    deviation: float
    question: str = "rescore"
    name: str = "planted"

    async def value(self, conversation: Conversation, turn: int) -> Scalar:
        """Return the value of the words that are there, with the text's deviate."""
        value = (await self.exact.value(conversation, turn)).value or 0.0
        text = "\n".join(turn.content for turn in conversation.turns)
        return Scalar(value + random.Random(f"{self.seed} {text}").gauss(0, self.deviation))


@dataclass(frozen=True, slots=True)
class Row:
    """The measures of one conversation: evaluations, AUPC, parts beyond the floor, and how many of them are right."""

    calls: int
    aupc: float
    parts: int
    right: int


async def measured(seed: int, deviation: float, budget: int | None, only_beyond: bool) -> Row:
    """Attribute a planted conversation and return its measures."""
    conversation, exact = planted(seed)
    floor = FLOOR * deviation
    values = TurnValues(conversation, Disturbed(exact, seed, deviation))
    levels = await attribute_values(values, AttributionSettings(budget=budget), noise=floor if only_beyond else 0.0)
    units, scores = one_ranking(levels)
    truth = TurnValues(conversation, exact)
    order = await faithfulness(truth, units, {"order": ranked(scores)}, 1)
    parts = [(unit, score) for level in levels[1:] for unit, score in _beyond(level, floor)]
    (full, *without) = await truth.values([frozenset(), *(frozenset([unit]) for unit, _ in parts)])
    effects = [(full or 0.0) - (value or 0.0) for value in without]
    right = sum(
        effect * score > 0 and abs(effect) >= floor / 2 for effect, (_, score) in zip(effects, parts, strict=True)
    )
    return Row(sum(level.calls for level in levels), order["order"].aupc or 0.0, len(parts), right)


def _beyond(level: Attribution, floor: float) -> list[tuple[Unit, float]]:
    pairs = zip(level.units, level.scores, strict=True)
    return [(unit, score) for unit, score in pairs if score is not None and abs(score) >= floor]


def show(deviation: float, every: Sequence[Row], only: Sequence[Row]) -> None:
    """Print the row of one deviation."""
    pairs = list(zip(every, only, strict=True))
    calls = [sum(row.calls for row in rows) / len(rows) for rows in (every, only)]
    cells = [f"{calls[0]:.1f} / {calls[1]:.1f}"]
    cells += [_shown(mean([row.aupc for row in rows])) for rows in (every, only)]
    cells.append(_shown(mean([b.aupc - a.aupc for a, b in pairs])))
    for rows in (every, only):
        parts, right = sum(row.parts for row in rows), sum(row.right for row in rows)
        cells.append(f"{parts / len(rows):.2f}, {right / parts:.2f}" if parts else "0")
    print(f"| {deviation:g} | {len(pairs)} | {' | '.join(cells)} |", flush=True)


def _shown(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=200, help="conversations")
    parser.add_argument("--first", type=int, default=0, help="seed of the first conversation")
    parser.add_argument("--noise", type=float, nargs="*", default=[0.2, 0.4, 0.8], help="standard deviations")
    parser.add_argument("--budget", type=int, help="evaluations of a conversation; three a unit unless given")
    options = parser.parse_args()
    print(
        "| deviation | n | evaluations, all / beyond | AUPC, all | beyond | difference | parts, right: all | beyond |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for deviation in options.noise:
        seeds = range(options.first, options.first + options.n)
        every, only = (
            [asyncio.run(measured(seed, deviation, options.budget, only_beyond)) for seed in seeds]
            for only_beyond in (False, True)
        )
        show(deviation, every, only)


if __name__ == "__main__":
    main()
