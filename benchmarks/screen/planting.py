"""Planted pairs: a good reply, and a bad one of about the same length after the same turns.

These come from hand-written parts; those of other people's conversations are made in `corruption.py`.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from convexplain.judges.head_training import TurnKey
from convexplain.judges.reference.parts import Exchange, Kind, PartReply, Scenario, parse_parts
from convexplain.judges.reference.planting import REPEAT, PlantedTurn, can_repeat, compose

Origin = Literal["authored", "dialogues", "answers"]
PARTS = Path(__file__).with_name("parts")

_ROWS = 2  # rows of slots of each scenario that are used
_STAYS_GOOD = 0.75  # chance that a conversation goes on after a good reply


@dataclass(frozen=True, slots=True)
class PlantedPair:
    """A good and a bad turn that end the same conversation.

    Attributes:
        good: the good turn.
        bad: the bad turn, with its kind.
        origin: hand-written parts, task dialogues, or single answers of assistants.
    """

    good: PlantedTurn
    bad: PlantedTurn
    origin: Origin

    @property
    def kind(self) -> Kind:
        """Return what is wrong with the bad turn."""
        return self.bad.kind

    @property
    def group(self) -> str:
        """Return the scenario or dialogue, which is never split between training and validation."""
        return f"{self.origin}:{self.bad.scenario}"

    def separates(self, maxim: str) -> bool:
        """Return whether the good turn satisfies a maxim and the bad one does not."""
        return self.good.label(maxim) == 1 and self.bad.label(maxim) == 0

    def agrees(self, maxim: str) -> bool:
        """Return whether both turns satisfy a maxim, as a wrong reply is as harmless as the right one."""
        return self.good.label(maxim) == 1 and self.bad.label(maxim) == 1


def pair_turns(pairs: Sequence[PlantedPair]) -> list[TurnKey]:
    """Return the turns of pairs, each good one followed by its bad one."""
    return [(turn.conversation, turn.turn) for pair in pairs for turn in (pair.good, pair.bad)]


def read_scenarios(folder: Path = PARTS) -> list[Scenario]:
    """Return the scenarios of a folder of hand-written parts."""
    return [
        scenario
        for path in sorted(folder.glob("*.yaml"))
        for scenario in parse_parts(path.read_text(encoding="utf-8"), path.name)
    ]


def authored_pairs(scenarios: Sequence[Scenario], rng: random.Random) -> list[PlantedPair]:
    """Return pairs of every bad reply of the scenarios, in two courses of each conversation.

    In the first course a bad reply stands against the good one whose length is nearest, in the second against any. The
    turns before are drawn: good ones three times of four.
    """
    pairs: list[PlantedPair] = []
    for scenario in scenarios:
        for row in range(min(_ROWS, len(scenario.rows))):
            for nearest in (True, False):
                pairs += _course(scenario, row, nearest, rng)
    return pairs


def _course(scenario: Scenario, row: int, nearest: bool, rng: random.Random) -> Iterator[PlantedPair]:
    before: list[PartReply] = []
    for exchange in scenario.exchanges:
        for bad in _bad_replies(before, exchange):
            text = before[-1].text if bad is REPEAT else bad.text
            good = nearest_in_length(exchange.good, text) if nearest else rng.choice(exchange.good)
            yield PlantedPair(
                _last_turn(scenario, row, [*before, good]), _last_turn(scenario, row, [*before, bad]), "authored"
            )
        before.append(rng.choice(exchange.good if rng.random() < _STAYS_GOOD else exchange.bad))


def _bad_replies(before: Sequence[PartReply], exchange: Exchange) -> tuple[PartReply, ...]:
    return (*exchange.bad, REPEAT) if before and can_repeat(before[-1], exchange) else exchange.bad


def nearest_in_length(replies: Sequence[PartReply], text: str) -> PartReply:
    """Return the reply whose number of words is nearest to that of a text."""
    words = len(text.split())
    return min(replies, key=lambda reply: abs(len(reply.text.split()) - words))


def _last_turn(scenario: Scenario, row: int, replies: Sequence[PartReply]) -> PlantedTurn:
    beginning = replace(scenario, exchanges=scenario.exchanges[: len(replies)])
    return compose(beginning, row, replies, f"{scenario.id}-{row + 1}")[-1]


def reply_bank(scenarios: Sequence[Scenario]) -> Mapping[Kind, list[str]]:
    """Return the texts of bad replies by kind, with the slots of each scenario's first row."""
    bank: dict[Kind, list[str]] = defaultdict(list)
    for scenario in scenarios:
        for exchange in scenario.exchanges:
            for reply in exchange.bad:
                bank[reply.kind].append(reply.text.format(**scenario.rows[0]))
    return bank
