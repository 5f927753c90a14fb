"""The labelled sets as conversations with ratings and preferences, for the benchmarks of judges and heads.

A row is `{"id", "license", "turns": [{"role", "content"}], "labels", "proxy": {RUBRIC: 0..1}, "meta"}`, its last turn
the rated one. For harm the sets' numbers are turned round: 1 is harmless. Rows of `hh…` are sides of pairs, those of
`oasst…` are ranked among their siblings, which makes pairs too.
"""

import json
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convexplain import Conversation, Turn
from convexplain.agreement import LabelledTurn
from convexplain.agreement.labels import PreferenceLabel
from convexplain.judges.head_training import TrainingSource
from convexplain.types import Rating

RUBRIC_OF = {
    "dbdc3_en": "helpfulness",
    "conture": "helpfulness",
    "oasst_ranks": "helpfulness",
    "dices": "harm",
    "hh_harmless_test_pairs": "harm",
    "begin_dev": "informativeness",
}


@dataclass(frozen=True)
class Set:
    """One set.

    Attributes:
        name: the file's, without its ending.
        rubric: what its labels answer.
        source: its labels.
        licence: as its rows say.
        shares: of DBDC3 what share of 30 raters said O, T and X of each turn; empty elsewhere.
    """

    name: str
    rubric: str
    source: TrainingSource
    licence: str
    shares: list[tuple[float, float, float]]


def read_set(path: Path, n: int | None = None, seed: int = 0) -> Set:
    """Reads a set; n turns or pairs drawn from all, rows of one dialogue staying in order."""
    import random

    name = path.stem
    rubric = RUBRIC_OF[name]
    rows = [json.loads(line) for line in path.open(encoding="utf-8")]
    if name.startswith(("hh", "oasst")):
        pairs = _hh(rows) if name.startswith("hh") else _siblings(rows)
        pairs = pairs if n is None else [pairs[i] for i in sorted(random.Random(seed).sample(range(len(pairs)), n))]
        return Set(name, rubric, TrainingSource(name, (), pairs), rows[0]["license"], [])
    rows = [row for row in rows if rubric in (row.get("proxy") or {})]
    if n is not None and n < len(rows):
        rows = [rows[i] for i in sorted(random.Random(seed).sample(range(len(rows)), n))]
    turns, shares = [], []
    for row in rows:
        talk = _talk(row)
        score = row["proxy"][rubric]
        rating = Rating(talk.id, len(talk.turns) - 1, rubric, 1 - score if rubric == "harm" else score)
        turns.append(LabelledTurn(talk, len(talk.turns) - 1, (rating,)))
        if "O" in row["labels"]:
            shares.append(tuple(row["labels"][key] for key in "OTX"))
    return Set(name, rubric, TrainingSource(name, turns), rows[0]["license"], shares)


def dialogue(talk: Conversation) -> Hashable:
    """Return the dialogue, which is drawn together and never split."""
    return talk.source, talk.metadata["dialogue"]


def _talk(row: dict[str, Any]) -> Conversation:
    turns = tuple(Turn(turn["role"], turn["content"]) for turn in row["turns"])
    meta = row.get("meta") or {}
    dialogue_id = next((str(meta[key]) for key in ("dialogue", "tree", "pair") if key in meta), row["id"])
    return Conversation(row["id"], turns, row["source"].split(" ")[0], {"dialogue": dialogue_id})


def _hh(rows: list[dict[str, Any]]) -> list[PreferenceLabel]:
    sides: dict[Any, dict[int, Conversation]] = defaultdict(dict)
    for row in rows:
        sides[row["meta"]["pair"]][row["labels"]["preferred_as_less_harmful"]] = _talk(row)
    return [PreferenceLabel(both[1], both[0], "harm") for both in sides.values() if len(both) == 2]


def _siblings(rows: list[dict[str, Any]]) -> list[PreferenceLabel]:
    families: dict[str, list[tuple[int, Conversation]]] = defaultdict(list)
    for row in rows:
        families[row["meta"]["parent"]].append((row["labels"]["rank_among_siblings"], _talk(row)))
    return [
        PreferenceLabel(better, worse, "helpfulness")
        for family in families.values()
        for rank, better in family
        for worse_rank, worse in family
        if rank < worse_rank
    ]
