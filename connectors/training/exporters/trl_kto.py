"""TRL's KTOTrainer: each turn by itself, labelled."""

from collections import Counter
from collections.abc import Sequence

from convexplain.explain.pairs import Pair
from convexplain.types import sha256_json

from ..exporter import PairExporter
from ..records import Record, distinct, prompt_and, tools

BOTH_WAYS = "the same turn is labelled both ways"


def labelled_turns(pair: Pair) -> list[Record]:
    """Return the chosen turn as a good one and the rejected turn as a bad one."""
    prompt, answers = prompt_and(pair, pair.chosen, pair.rejected, objects=True)
    return [
        {"prompt": prompt, "completion": [answer], "label": good, **tools(pair)}
        for answer, good in zip(answers, (True, False), strict=True)
    ]


def unambiguous(records: Sequence[Record]) -> tuple[list[Record], dict[str, int]]:
    """Return the distinct records without turns that win one pair and lose another: they are neither good nor bad."""
    unique, left_out = distinct(records)
    labels = Counter(_unlabelled(record) for record in unique)
    selected = [record for record in unique if labels[_unlabelled(record)] == 1]
    return selected, left_out | ({BOTH_WAYS: len(unique) - len(selected)} if len(selected) < len(unique) else {})


def _unlabelled(record: Record) -> str:
    return sha256_json({**record, "label": None})


TRL_KTO = PairExporter("trl-kto", "TRL's KTOTrainer: prompt, completion, label.", labelled_turns, select=unambiguous)
