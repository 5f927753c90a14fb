"""Chooses the replies of the reference set, such that length, position and the like tell nothing.

    python benchmarks/reference_choices.py --write

Each scenario gives two conversations; about a third of the assistant turns are bad, at different exchanges, and kinds
are alike often. A seeded search changes one scenario's choice at a time, and keeps what brings the AUC of each number
of `BASELINES` on each maxim nearer to 0.5, in each half. No text is cut, and no judge is asked. It prints the result.
"""

import argparse
import json
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from convexplain.agreement import auc
from convexplain.judges.reference.baselines import BASELINES, baselines
from convexplain.judges.reference.parts import BAD_KINDS, Kind, Scenario, shipped_scenarios
from convexplain.judges.reference.planting import MAXIMS, PlantedTurn, can_repeat, compose
from convexplain.judges.reference.reference_set import (
    HALVES,
    ReplyChoice,
    chosen_log,
    chosen_replies,
    halves,
    reference_set,
)

FILE = Path(__file__).resolve().parent.parent / "judges" / "reference" / "choices.json"
CONVERSATIONS = 2  # of each scenario
BAD_SHARE = 1 / 3
WEIGHTS = {"words": 3.0, "characters": 3.0, "position": 3.0}  # other numbers count 1
KIND_WEIGHTS = {**dict.fromkeys(BAD_KINDS, 1.0), "repeat": 0.5}  # `repeat` is a second way to be off-topic
KIND_LENGTH = 0.15  # weight of the AUC of length for each kind alone
COUNTS = 0.1  # weight of squared differences from the aimed counts of kinds

Names = list[list[ReplyChoice]]


def bad_count(scenario: Scenario, debt: float) -> int:
    """Bad turns of a scenario, so that the share over all scenarios is right.

    Args:
        scenario: the scenario.
        debt: bad turns that scenarios before it had too few of.
    """
    return round(CONVERSATIONS * len(scenario.exchanges) * BAD_SHARE + debt)


def random_choice(scenario: Scenario, count: int, rng: random.Random) -> Names:
    """A choice with bad turns at different exchanges; where both conversations have a good reply these differ."""
    names: Names = [[], []]
    places = {exchange: rng.randrange(CONVERSATIONS) for exchange in rng.sample(range(len(scenario.exchanges)), count)}
    used: set[str] = set()
    for i, exchange in enumerate(scenario.exchanges):
        good = rng.sample(range(len(exchange.good)), CONVERSATIONS)
        for row, earlier in enumerate(names):
            if places.get(i) != row:
                earlier.append(good[row])
                continue
            kinds: list[str] = [reply.kind for reply in exchange.bad]
            if earlier and can_repeat(chosen_replies(scenario, earlier + fill(scenario, earlier))[i - 1], exchange):
                kinds.append("repeat")
            kinds = [kind for kind in kinds if kind not in used] or kinds
            earlier.append(rng.choice(kinds))
            used.add(str(earlier[-1]))
    return names


def fill(scenario: Scenario, names: Sequence[ReplyChoice]) -> list[ReplyChoice]:
    return [0] * (len(scenario.exchanges) - len(names))


def turns_of(scenario: Scenario, names: Names) -> list[PlantedTurn]:
    return [
        turn
        for row, row_names in enumerate(names)
        for turn in compose(scenario, row, chosen_replies(scenario, row_names), f"{scenario.id}-{row + 1}")
    ]


class Table:
    """The numbers, labels and kinds of the turns of a half, by scenario."""

    def __init__(self) -> None:
        self.numbers: dict[str, np.ndarray] = {}
        self.labels: dict[str, np.ndarray] = {}
        self.kinds: dict[str, list[Kind]] = {}

    def put(self, scenario: Scenario, names: Names) -> None:
        """Take the turns of a scenario's choice in place of those of an earlier one."""
        turns = turns_of(scenario, names)
        self.numbers[scenario.id] = np.array([[*baselines(turn).values()] for turn in turns])
        labels = [[turn.label(maxim) for maxim in MAXIMS] for turn in turns]
        self.labels[scenario.id] = np.array([[np.nan if label is None else label for label in row] for row in labels])
        self.kinds[scenario.id] = [turn.kind for turn in turns]

    def loss(self) -> float:
        """Return the distance of the set from one in which the numbers tell nothing, at least 0; less is better."""
        numbers = np.concatenate([*self.numbers.values()])
        labels = np.concatenate([*self.labels.values()])
        kinds = np.array([kind for row in self.kinds.values() for kind in row])
        weights = np.array([WEIGHTS.get(name, 1.0) for name in BASELINES])
        loss = 0.0
        for column in range(len(MAXIMS)):
            good, bad = labels[:, column] == 1, labels[:, column] == 0
            loss += float((weights * (areas(numbers[good], numbers[bad]) - 0.5) ** 2).sum()) * 1000
        counts = Counter(kinds.tolist())
        total = sum(counts[kind] for kind in BAD_KINDS) / sum(KIND_WEIGHTS.values())
        for kind in BAD_KINDS:
            loss += COUNTS * (counts[kind] - KIND_WEIGHTS[kind] * total) ** 2
            area = areas(numbers[kinds == "good"][:, :3], numbers[kinds == kind][:, :3])
            loss += KIND_LENGTH * float(((area - 0.5) ** 2).sum()) * 1000
        return loss


def areas(good: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """For each column the chance that a good row is above a bad one, ties counting half."""
    if not len(good) or not len(bad):
        return np.full(good.shape[1], 0.5)
    return (np.sign(good[:, None, :] - bad[None, :, :]).mean(axis=(0, 1)) + 1) / 2


def search(scenarios: Sequence[Scenario], steps: int, seed: int) -> dict[str, Names]:
    """Simulated annealing over the choices of one half."""
    rng, table, debt = random.Random(seed), Table(), 0.0
    counts: dict[str, int] = {}
    chosen: dict[str, Names] = {}
    for scenario in scenarios:
        counts[scenario.id] = bad_count(scenario, debt)
        debt += CONVERSATIONS * len(scenario.exchanges) * BAD_SHARE - counts[scenario.id]
        chosen[scenario.id] = random_choice(scenario, counts[scenario.id], rng)
        table.put(scenario, chosen[scenario.id])
    loss, best, best_loss = table.loss(), dict(chosen), math.inf
    for step in range(steps):
        scenario = rng.choice(scenarios)
        before = chosen[scenario.id]
        chosen[scenario.id] = random_choice(scenario, counts[scenario.id], rng)
        table.put(scenario, chosen[scenario.id])
        changed, heat = table.loss(), 2.0 * (1 - step / steps) ** 2
        if changed < loss or (heat > 0 and rng.random() < math.exp((loss - changed) / heat)):
            loss = changed
            if loss < best_loss:
                best, best_loss = dict(chosen), loss
        else:
            chosen[scenario.id] = before
            table.put(scenario, before)
    return best


def lines(turns: Sequence[PlantedTurn]) -> Iterator[str]:
    """The AUC of each number on each maxim, and the counts of kinds and manners."""
    for maxim in MAXIMS:
        labelled = [turn for turn in turns if turn.label(maxim) is not None]
        good = np.array([turn.label(maxim) == 1 for turn in labelled])
        cells = []
        for name in BASELINES:
            values = np.array([baselines(turn)[name] for turn in labelled])
            cells.append(f"{name} {auc(values, good)(np.ones((1, len(values))))[0]:.3f}")
        yield f"  {maxim:16} {int(good.sum())} good, {int((~good).sum())} bad: {', '.join(cells)}"
    yield f"  kinds: {dict(Counter(turn.kind for turn in turns))}"
    yield f"  good turns: {dict(Counter(turn.manner for turn in turns if turn.manner))}"
    exchanges = Counter((turn.turn // 2 + 1, turn.kind != "good") for turn in turns)
    yield f"  bad turns by exchange: { {place: count for (place, bad), count in sorted(exchanges.items()) if bad} }"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="choose anew, and write the file that ships")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.write:
        scenarios = shipped_scenarios()
        parts = halves(scenarios)
        choices: dict[str, Names] = {}
        for half in HALVES:
            choices |= search(
                [scenario for scenario in scenarios if parts[scenario.id] == half], options.steps, options.seed
            )
        chosen_log(scenarios, choices)
        rows = (f"{json.dumps(scenario.id)}: {json.dumps(choices[scenario.id])}" for scenario in scenarios)
        FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="ascii")
    for half in HALVES:
        log = reference_set(half)
        print(f"{half}: {len(log.conversations)} conversations, {len(log.turns)} assistant turns, SHA-256 {log.sha}")
        print(*lines(log.turns), sep="\n")


if __name__ == "__main__":
    main()
