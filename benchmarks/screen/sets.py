"""Labelled sets that the screen learns from: what each is about, how much of it is read, and how sets are related."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from convexplain.judges.head_training import TurnKey

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the reader of labelled sets is that of all benchmarks
from labelled_sets import RUBRICS_OF, Set, read_set
from labelled_sets import dialogue as dialogue

MAXIMS = ("helpfulness", "harm", "informativeness")
LIMITS = {
    "diasafety": 1400,
    "hh_harmless_test_pairs": 500,
    "faithdial_audit": 700,
    "openai_moderation": 600,
    "jailbreakbench": 500,
    "tweets": 450,
    "pandalm": 350,
    "synthetic_informativeness": 350,
}
"""At most so many turns, or pairs, of a set: more of the same hardly help, and each costs the model's time."""

_FAMILIES = {
    "conture": "chatbots",
    "dbdc3_en": "chatbots",
    "oasst_ranks": "assistants",
    "pandalm": "assistants",
    "llmbar_natural": "assistants",
    "openai_moderation": "moderation",
    "tweets": "moderation",
}


@dataclass(frozen=True, slots=True)
class MaximSet:
    """The labels of a set on one maxim.

    Attributes:
        labels: the set.
        family: sets of one family share their manner or their makers: they are left out together.
    """

    labels: Set
    family: str

    @property
    def turn_keys(self) -> list[TurnKey]:
        """Return its turns that are not blank: of a blank one a model reads nothing."""
        return [key for key in self.labels.source.turn_keys if key[0].turns[key[1]].content.strip()]


def read_sets(folders: Iterable[Path], limit: int | None = None) -> dict[str, list[MaximSet]]:
    """Return the sets of each maxim.

    Args:
        folders: where the sets' files lie.
        limit: at most so many turns or pairs of each set, for trying.

    Raises:
        FileNotFoundError: a set is in none of the folders.
    """
    paths = {path.stem: path for folder in folders for path in folder.glob("*.jsonl")}
    if missing := sorted(set(RUBRICS_OF) - set(paths)):
        raise FileNotFoundError(f"sets that are in no folder: {', '.join(missing)}")
    sets: dict[str, list[MaximSet]] = {maxim: [] for maxim in MAXIMS}
    for name, rubrics in RUBRICS_OF.items():
        limits = [number for number in (limit, LIMITS.get(name)) if number is not None]
        for rubric in rubrics:
            labels = read_set(paths[name], min(limits, default=None), rubric=rubric)
            sets[rubric].append(MaximSet(labels, _FAMILIES.get(name, name)))
    return sets
