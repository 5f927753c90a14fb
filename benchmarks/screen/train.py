"""Trains the screen: adapter and heads of the embedded judge, from labelled sets and planted pairs.

    python benchmarks/screen/train.py --data ../shared/data --sets ../shared/judge_sets --work WORKDIR

Steps, with the time that each takes on two cores: states of the lower layers (20 minutes), the adapter (10 minutes),
means with the adapter (5 minutes), heads (1 minute). Each is kept in WORKDIR under a name that its input decides, so a
training that was stopped goes on with the step that it was in. The adapter and the heads are written to WORKDIR;
`--ship` puts them where the package has them. README.md in this folder says what the data are.
"""

import argparse
import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from adapter import Settings, train_adapter, validation_groups
from corruption import answer_pairs, dialogue_pairs, good_answers, read_dialogues
from features import TurnFeatures
from heads import Material, write_heads
from layers import adapted_means
from planting import PlantedPair, authored_pairs, pair_turns, read_scenarios, reply_bank
from sets import MaximSet, read_sets
from states import StateTable

from convexplain.connectors.models.embedded import ADAPTER
from convexplain.judges.reference import reference_set
from convexplain.types import sha256_json

HEADS = Path(__file__).resolve().parents[2] / "judges" / "embedded_heads"
_ANSWERS_OF = ("oasst_ranks", "pandalm")


def planted_pairs(helpfulness_sets: Sequence[MaximSet], dialogues: Path, seed: int) -> list[PlantedPair]:
    """Return all planted pairs: from hand-written parts, task dialogues, and answers that people preferred."""
    rng, scenarios = random.Random(seed), read_scenarios()
    bank = reply_bank(scenarios)
    answers = good_answers([source for source in helpfulness_sets if source.labels.name in _ANSWERS_OF], rng)
    return [
        *authored_pairs(scenarios, rng),
        *dialogue_pairs(read_dialogues(dialogues), bank, rng),
        *answer_pairs(answers, bank, rng),
    ]


def make_material(data: Path, sets_folder: Path, work: Path, settings: Settings, rows: int | None) -> Material:
    """Return all that the heads are made of, computing what is not in the work folder yet.

    Args:
        data: the folder of conversations that people labelled, and of the task dialogues.
        sets_folder: the folder of further labelled sets.
        work: where results are kept.
        settings: how the adapter is trained.
        rows: at most so many turns or pairs of each set and each origin, for trying.
    """
    sets = read_sets((data, sets_folder), rows)
    pairs = planted_pairs(sets["helpfulness"], data / "task_dialogues.jsonl", settings.seed)
    if rows is not None:
        pairs = random.Random(settings.seed).sample(pairs, min(len(pairs), 3 * rows))
    labelled = list(dict.fromkeys(key for members in sets.values() for member in members for key in member.turn_keys))
    unseen = validation_groups(pairs, settings)
    calibration = reference_set("choosing").turns
    parts = {
        "planted": list(dict.fromkeys(pair_turns(pairs))),
        "sets": labelled,
        "choosing": [(turn.conversation, turn.turn) for turn in calibration],
    }
    print(f"{len(labelled):,} labelled turns; {len(pairs):,} planted pairs of {len(parts['planted']):,} turns")
    tables = [StateTable.read_or_compute(keys, name, work) for name, keys in parts.items()]
    digest = sha256_json([tables[0].digest, asdict(settings), [[pair.kind, pair.group] for pair in pairs]])[:12]
    adapter = train_adapter(pairs, tables[0], settings, work / f"adapter-{digest}.safetensors")
    states = [
        adapted_means(table, adapter.file, work / f"means-{digest}-{table.digest[:12]}.npy")[table.rows(keys)]
        for table, keys in zip(tables, parts.values(), strict=True)
    ]
    keys = [key for part in parts.values() for key in part]
    features = TurnFeatures.of_states(keys, np.concatenate(states).astype(np.float64))
    return Material(sets, pairs, unseen, calibration, features, adapter)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="The folder of conversations that people labelled.")
    parser.add_argument("--sets", type=Path, required=True, help="The folder of further labelled sets.")
    parser.add_argument("--work", type=Path, required=True, help="The folder where results are kept; about 3 GB.")
    parser.add_argument("--steps", type=int, default=Settings().steps, help="Batches that the adapter learns from.")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, help="At most so many turns or pairs of each set, for trying.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ship", action="store_true", help="Put adapter and heads where the package has them.")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    settings = Settings(steps=options.steps, rank=options.rank, seed=options.seed)
    began = time.monotonic()
    material = make_material(options.data, options.sets, options.work, settings, options.rows)
    if options.ship:
        shutil.copyfile(material.adapter.file, ADAPTER)
    write_heads(material, HEADS if options.ship else options.work)
    print(f"done in {(time.monotonic() - began) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
