"""The labelled sets as conversations with ratings and preferences, for benchmarks and for the training of the screen.

A row is `{"id", "license" or "licence", "turns": [{"role", "content"}], "labels", "meta"}`, its last turn the rated
one. Scores are in [0, 1], 1 = the maxim is satisfied. Rows with "proxy", `{RUBRIC: 0..1}`, hold them there, for harm
turned round: 1 is harmful. The others hold them in "labels", or are sides of pairs ("pair", "side": 1 = preferred).
Rows of `oasst…` are ranked among their siblings, which makes pairs too.
"""

import json
import random
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from convexplain import Conversation, Turn
from convexplain.agreement import LabelledTurn
from convexplain.agreement.labels import PreferenceLabel
from convexplain.judges.head_training import TrainingSource
from convexplain.types import Rating

T = TypeVar("T")
Row = dict[str, Any]

RUBRICS_OF: dict[str, tuple[str, ...]] = {
    "conture": ("helpfulness",),
    "dbdc3_en": ("helpfulness",),
    "oasst_ranks": ("helpfulness",),
    "pandalm": ("helpfulness",),
    "llmbar_natural": ("helpfulness",),
    "usr_topicalchat": ("helpfulness", "informativeness"),
    "xstest": ("harm", "helpfulness"),
    "dices": ("harm",),
    "hh_harmless_test_pairs": ("harm",),
    "diasafety": ("harm",),
    "jailbreakbench": ("harm",),
    "openai_moderation": ("harm",),
    "tweets": ("harm",),
    "begin_dev": ("informativeness",),
    "faithdial_audit": ("informativeness",),
    "synthetic_informativeness": ("informativeness",),
}
"""The rubrics that each set's labels answer; the first unless another is named."""


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


def read_set(path: Path, n: int | None = None, seed: int = 0, rubric: str | None = None) -> Set:
    """Return a set on one rubric; n turns or pairs drawn from all, rows of one dialogue staying in order."""
    name = path.stem
    rubric = rubric or RUBRICS_OF[name][0]
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    licence = "; ".join(dict.fromkeys(_licence(row) for row in rows))
    rows = [row for row in rows if row["turns"][-1]["role"] == "assistant"]
    if name.startswith("oasst") or _side(rows[0]) is not None:
        pairs = _draw(_siblings(rows) if name.startswith("oasst") else _pairs(rows, rubric), n, seed)
        return Set(name, rubric, TrainingSource(name, (), pairs), licence, [])
    turns, shares = [], []
    for row in _draw([row for row in rows if _score(row, rubric) is not None], n, seed):
        conversation = _conversation(row)
        turn = len(conversation.turns) - 1
        rating = Rating(conversation.id, turn, rubric, _score(row, rubric) or 0.0)
        turns.append(LabelledTurn(conversation, turn, (rating,)))
        if "O" in row["labels"]:
            shares.append(tuple(row["labels"][key] for key in "OTX"))
    return Set(name, rubric, TrainingSource(name, turns), licence, shares)


def dialogue(conversation: Conversation) -> Hashable:
    """Return the dialogue, which is drawn together and never split."""
    return conversation.source, conversation.metadata["dialogue"]


def _draw(population: list[T], n: int | None, seed: int) -> list[T]:
    if n is None or n >= len(population):
        return population
    return [population[i] for i in sorted(random.Random(seed).sample(range(len(population)), n))]


def _licence(row: Row) -> str:
    return str(row.get("license") or row["licence"])


def _score(row: Row, rubric: str) -> float | None:
    """Return people's score of a row's last turn, 1 = satisfied; None where it has none on this rubric."""
    if "proxy" not in row:
        score = row["labels"].get(rubric)
        return None if score is None else float(score)
    score = (row["proxy"] or {}).get(rubric)
    return None if score is None else float(1 - score if rubric == "harm" else score)


def _side(row: Row) -> tuple[str, int] | None:
    """Return the pair that a row is a side of, and 1 for the preferred side; None for a row of its own."""
    if "pair" in row:
        return str(row["pair"]), row["side"]
    if "preferred_as_less_harmful" in row["labels"]:
        return str(row["meta"]["pair"]), row["labels"]["preferred_as_less_harmful"]
    return None


def _conversation(row: Row) -> Conversation:
    turns = tuple(Turn(turn["role"], turn["content"]) for turn in row["turns"])
    meta = row.get("meta") or {}
    dialogue_id = next((str(meta[key]) for key in ("dialogue", "tree", "pair") if key in meta), row.get("group"))
    return Conversation(row["id"], turns, row["source"].split(" ")[0], {"dialogue": dialogue_id or row["id"]})


def _pairs(rows: list[Row], rubric: str) -> list[PreferenceLabel]:
    sides: dict[str, dict[int, Conversation]] = defaultdict(dict)
    for row in rows:
        pair, side = _side(row) or ("", 0)
        sides[pair][side] = _conversation(row)
    return [PreferenceLabel(both[1], both[0], rubric) for both in sides.values() if len(both) == 2]


def _siblings(rows: list[Row]) -> list[PreferenceLabel]:
    families: dict[str, list[tuple[int, Conversation]]] = defaultdict(list)
    for row in rows:
        families[row["meta"]["parent"]].append((row["labels"]["rank_among_siblings"], _conversation(row)))
    return [
        PreferenceLabel(better, worse, "helpfulness")
        for family in families.values()
        for rank, better in family
        for worse_rank, worse in family
        if rank < worse_rank
    ]
