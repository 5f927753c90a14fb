"""A shop's chat log with eight planted failure modes: which turns fail, in which way, and what caused it is known.

    python benchmarks/planted_log.py --seed 1 --out shop.jsonl --truth truth.json
    python benchmarks/planted_log.py --seed 1 --examples examples/shop_bots

120 conversations over two weeks, of two versions of a bot. A third of them are made of the scenarios of the judge's
reference set, the rest of the hand-written parts in `planted_log.yaml`. Six modes recur, two are rare. Two of them are
caused by an earlier turn: the bot asks for the order number again, which it has asked for before; it speaks of the
product that the user has named first, where the last message is about a second one. The later version of the bot asks
for passwords more often, and advertises more in the second week.
"""

import argparse
import csv
import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from convexplain import Conversation, Turn
from convexplain.judges.reference.parts import Scenario, shipped_scenarios

PARTS: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("planted_log.yaml").read_text(encoding="utf-8"))
CONVERSATIONS = 120
START = datetime(2026, 11, 2, 8, tzinfo=UTC)
DAYS = 14
BOTS = ("shop-bot 1", "shop-bot 2")
COUNTS: Mapping[str, int] = {
    "names_no_time": 14,
    "asks_again": 12,
    "insults": 12,
    "advertises": 12,
    "asks_password": 10,
    "old_product": 10,
    "german": 4,
    "cut_off": 4,
}
"""The modes, and in how many conversations each is planted."""
CAUSED = ("asks_again", "old_product")
"""Modes that an earlier turn causes."""
_KINDS = {"insults": "rude", "advertises": "off_topic"}  # modes that the reference set has, too
_REFERENCE_SHARE = 1 / 3


@dataclass(frozen=True, slots=True)
class PlantedFailure:
    """A planted bad turn.

    Attributes:
        conversation: the conversation's id.
        turn: the index of the turn.
        mode: how it fails.
        causes: the indices of the earlier turns any of which may be called the cause; empty where there is none.
    """

    conversation: str
    turn: int
    mode: str
    causes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ShopLog:
    """The conversations, and their planted bad turns."""

    conversations: tuple[Conversation, ...]
    failures: tuple[PlantedFailure, ...]

    def modes(self) -> dict[tuple[str, int], str]:
        """Return the mode of each planted turn, by the conversation's id and the turn's index."""
        return {(failure.conversation, failure.turn): failure.mode for failure in self.failures}


def shop_log(seed: int) -> ShopLog:
    """Return the log of a seed; the same seed gives the same log."""
    rng = random.Random(seed)
    plan: list[str] = [mode for mode, count in COUNTS.items() for _ in range(count)]
    plan += [""] * (CONVERSATIONS - len(plan))
    rng.shuffle(plan)
    writer = _Writer(rng)
    talks, failures = [], []
    for number, mode in enumerate(plan, 1):
        bot, day = _bot_and_day(rng, mode)
        name = f"shop-{seed}-{number:03}"
        lines, failing, causes = writer.write(mode)
        begin = START + timedelta(days=day, minutes=rng.randrange(600))
        turns = tuple(
            Turn(role, text, bot if role == "assistant" else None, begin + timedelta(minutes=i))
            for i, (role, text) in enumerate(lines)
        )
        talks.append(Conversation(name, turns, "shop", {"bot": bot}))
        if mode:
            failures.append(PlantedFailure(name, failing, mode, causes))
    return ShopLog(tuple(talks), tuple(failures))


def _bot_and_day(rng: random.Random, mode: str) -> tuple[str, int]:
    bot = BOTS[rng.random() < (0.9 if mode == "asks_password" else 0.5)]
    late = rng.random() < (0.85 if mode == "advertises" else 0.5)
    return bot, rng.randrange(DAYS // 2) + late * DAYS // 2


Lines = list[tuple[Any, str]]


@dataclass(slots=True)
class _Writer:
    """Writes conversations, and takes the wordings of each kind in turn, in a random order."""

    rng: random.Random
    decks: dict[str, list[Any]] = field(default_factory=dict)

    def write(self, mode: str) -> tuple[Lines, int, tuple[int, ...]]:
        """Return the lines of a conversation, the index of its failing turn and those of its causes."""
        slots = self._slots()
        if mode == "asks_again":
            return self._asks_again(slots)
        if mode == "old_product":
            return self._old_product(slots)
        from_reference = mode in ("", *_KINDS) and self.rng.random() < _REFERENCE_SHARE * (1 if mode else 2)
        return self._reference(mode) if from_reference else self._own(mode, slots)

    def _slots(self) -> dict[str, str]:
        product, second = self.rng.sample(PARTS["products"], 2)
        return {
            "p": product,
            "q": second,
            "n": str(self.rng.randrange(10_000, 99_999)),
            "u": self.rng.choice(PARTS["names"]),
            "c": self.rng.choice(PARTS["cities"]),
            "d": self.rng.choice(PARTS["days"]),
        }

    def _next(self, deck: str, choices: Sequence[Any]) -> Any:
        """Return the next of the choices in a random order, each once before any comes again."""
        if not self.decks.get(deck):
            self.decks[deck] = self.rng.sample(list(choices), len(choices))
        return self.decks[deck].pop()

    def _failure(self, mode: str) -> str:
        return str(self._next(mode, PARTS["modes"][mode]))

    def _exchange(self, part: Mapping[str, Any]) -> Lines:
        return [("user", self.rng.choice(part["user"])), ("assistant", self.rng.choice(part["good"]))]

    def _own(self, mode: str, slots: Mapping[str, str]) -> tuple[Lines, int, tuple[int, ...]]:
        exchanges = [PARTS["openings"][self.rng.randrange(len(PARTS["openings"]))]]
        exchanges += self.rng.sample(PARTS["follow_ups"], self.rng.randint(1, 2))
        exchanges += [PARTS["when"]] if mode == "names_no_time" or self.rng.random() < 0.4 else []
        failing = len(exchanges) - 1 if mode == "names_no_time" else self.rng.randrange(len(exchanges))
        exchanges += [PARTS["thanks"]] if self.rng.random() < 0.3 and failing < len(exchanges) - 1 else []
        lines = [line for part in exchanges for line in self._exchange(part)]
        if mode:
            lines[2 * failing + 1] = ("assistant", self._failure(mode))
        return _filled(lines, slots), 2 * failing + 1, ()

    def _asks_again(self, slots: Mapping[str, str]) -> tuple[Lines, int, tuple[int, ...]]:
        part = PARTS["ask_number"]
        lines = self._exchange(part)
        lines += [("user", self.rng.choice(part["answer"])), ("assistant", "Thank you, {u}. One moment, please.")]
        if self.rng.random() < 0.5:
            lines += self._exchange(self.rng.choice(PARTS["follow_ups"]))
        lines += [("user", self.rng.choice(part["after"])), ("assistant", self._failure("asks_again"))]
        return _filled(lines, slots), len(lines) - 1, (1, 2)

    def _old_product(self, slots: Mapping[str, str]) -> tuple[Lines, int, tuple[int, ...]]:
        part = PARTS["two_products"]
        lines: Lines = [("user", self._next("first", part["first"])), ("assistant", self.rng.choice(part["good"]))]
        lines += [("user", self._next("second", part["second"])), ("assistant", self._failure("old_product"))]
        return _filled(lines, slots), 3, (0, 1)

    def _reference(self, mode: str) -> tuple[Lines, int, tuple[int, ...]]:
        kind = _KINDS.get(mode)
        scenarios = [scenario for scenario in shipped_scenarios() if scenario.domain == "shop"]
        if kind is not None:
            scenarios = [scenario for scenario in scenarios if _places(scenario, kind)]
        scenario: Scenario = self._next(f"scenarios {mode}", scenarios)
        slots = self.rng.choice(scenario.rows)
        lines: Lines = []
        for exchange in scenario.exchanges:
            lines += [("user", exchange.user), ("assistant", self.rng.choice(exchange.good).text)]
        failing = self.rng.choice(_places(scenario, kind)) if kind is not None else 0
        if kind is not None:
            bad = next(reply for reply in scenario.exchanges[failing].bad if reply.kind == kind)
            lines[2 * failing + 1] = ("assistant", bad.text)
        return _filled(lines, slots), 2 * failing + 1, ()


def _places(scenario: Scenario, kind: str) -> list[int]:
    return [i for i, exchange in enumerate(scenario.exchanges) if any(reply.kind == kind for reply in exchange.bad)]


def _filled(lines: Lines, slots: Mapping[str, str]) -> Lines:
    return [(role, text.format(**slots)) for role, text in lines]


def write_log(log: ShopLog, out: Path, truth: Path) -> None:
    """Write a log as JSON lines of messages, and its planted turns as JSON."""
    with out.open("w", encoding="utf-8") as file:
        for talk in log.conversations:
            messages = [
                {"role": turn.role, "content": turn.content, "timestamp": turn.at.isoformat() if turn.at else None}
                | ({"name": turn.name} if turn.name else {})
                for turn in talk.turns
            ]
            file.write(json.dumps({"id": talk.id, "messages": messages, "metadata": dict(talk.metadata)}) + "\n")
    truth.write_text(json.dumps([asdict(failure) for failure in log.failures], indent=1), encoding="utf-8")


def write_examples(log: ShopLog, folder: Path) -> None:
    """Write a log for each version of the bot, and a table that says of every turn whether it was planted and how."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, bot in enumerate(BOTS, 1):
        talks = tuple(talk for talk in log.conversations if talk.metadata["bot"] == bot)
        with tempfile.TemporaryDirectory() as scratch:  # the truth is in the table
            write_log(ShopLog(talks, ()), folder / f"bot{number}.jsonl", Path(scratch) / "truth.json")
    modes = log.modes()
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["conversation", "turn", "good", "problem"])
        for talk in log.conversations:
            for i, turn in enumerate(talk.turns):
                if turn.role == "assistant":
                    mode = modes.get((talk.id, i), "")
                    table.writerow([talk.id, i, "no" if mode else "yes", mode])


def main() -> None:
    """Write the log of a seed."""
    parser = argparse.ArgumentParser(description="Write a shop's chat log with eight planted failure modes.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("planted_log.jsonl"))
    parser.add_argument("--truth", type=Path, default=Path("planted_log.truth.json"))
    parser.add_argument("--examples", type=Path, help="instead write a log for each bot and the labels to this folder")
    arguments = parser.parse_args()
    log = shop_log(arguments.seed)
    if arguments.examples is not None:
        write_examples(log, arguments.examples)
        return
    write_log(log, arguments.out, arguments.truth)
    print(f"{len(log.conversations)} conversations, {len(log.failures)} planted turns: {arguments.out}")


if __name__ == "__main__":
    main()
