"""Training of the adapter: low-rank changes to upper layers of the embedded model, taught by planted pairs.

The lower layers stay as they are, so their states are read from disk. For each maxim a linear layer on the mean over
the reply is trained too: the good turn of a pair is to score above the bad one, and above zero. Where both are
harmless (a wrong reply is as harmless as the right one) their scores on harm are pulled together. These layers are a
part of the heads, which are fitted to labelled sets as well (`heads.py`).
"""

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from layers import SCALE, LearningLayers, over_rows
from planting import PlantedPair, pair_turns
from safetensors.torch import save_file
from sets import MAXIMS
from states import Progress, StateTable
from torch.nn import functional

_WARM_UP, _LEAST_RATE = 20, 0.05  # steps; share of the learning rate that is left at the end
_POINTWISE = 0.25  # weight of each turn's own score beside the difference of the pair's
_SAME_POINTWISE = 0.125  # the same, where both turns satisfy the maxim
_PULL = 0.125  # weight of the squared difference where both turns satisfy the maxim
_AUTHORED, _HARMFUL = 3.0, 1.5  # weights of hand-written pairs, and of rude and dangerous ones


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a training.

    Attributes:
        steps: the number of batches.
        pairs: pairs in a batch.
        rank: rank of the changes.
        rate, head_rate: learning rates of the changes and of the linear layers.
        validation: share of scenarios and dialogues that nothing is learnt from.
        seed: of all choices.
    """

    steps: int = 300
    pairs: int = 10
    rank: int = 8
    rate: float = 1e-3
    head_rate: float = 4e-3
    validation: float = 0.15
    seed: int = 0


@dataclass(frozen=True, slots=True)
class TrainedAdapter:
    """A trained adapter.

    Attributes:
        file: the adapter, as the product merges it.
        accuracy: for each maxim and kind the share of right pairs among hand-written ones that nothing was learnt
            from, and their number.
        heads: for each maxim the weights of the linear layer that was trained with it, on means over replies.
    """

    file: Path
    accuracy: Mapping[str, Mapping[str, tuple[float, int]]]
    heads: Mapping[str, Sequence[float]]


def train_adapter(pairs: Sequence[PlantedPair], table: StateTable, settings: Settings, file: Path) -> TrainedAdapter:
    """Train an adapter on planted pairs and write it, unless the file is there with what belongs to it.

    Args:
        pairs: the pairs.
        table: the states of their turns.
        settings: how it is trained.
        file: where the adapter is written; beside it a JSON file with its accuracy.
    """
    report = file.with_suffix(".json")
    if not report.exists():
        torch.manual_seed(settings.seed)
        held_out = validation_groups(pairs, settings)
        layers = LearningLayers(table.means, settings.rank)
        _run([pair for pair in pairs if pair.group not in held_out], table, layers, settings)
        authored = [pair for pair in pairs if pair.group in held_out and pair.origin == "authored"]
        accuracy = pair_accuracy(authored, table, layers)
        save_file(_tensors(layers), file)
        body = {"accuracy": accuracy, "settings": asdict(settings), "heads": layers.raw_heads()}
        report.write_text(json.dumps(body, indent=1), encoding="ascii")  # the last file: where it is, the adapter is
    body = json.loads(report.read_text(encoding="ascii"))
    return TrainedAdapter(file, body["accuracy"], body["heads"])


def validation_groups(pairs: Sequence[PlantedPair], settings: Settings) -> set[str]:
    """Return the scenarios and dialogues that nothing is learnt from."""
    groups = sorted({pair.group for pair in pairs})
    random.Random(settings.seed).shuffle(groups)
    return set(groups[: int(settings.validation * len(groups))])


def _run(pairs: Sequence[PlantedPair], table: StateTable, layers: LearningLayers, settings: Settings) -> None:
    rng = random.Random(settings.seed)
    kinds: dict[tuple[str, str], list[PlantedPair]] = {}
    for pair in pairs:
        kinds.setdefault((pair.origin, pair.kind), []).append(pair)
    weights = [_weight(*key) * math.sqrt(len(members)) for key, members in kinds.items()]
    changes = [matrix for change in layers.changes.values() for matrix in (change.A, change.B)]
    optimizer = torch.optim.AdamW(
        [
            {"params": changes, "lr": settings.rate, "weight_decay": 0.0},
            {"params": layers.heads.parameters(), "lr": settings.head_rate, "weight_decay": 1e-2},
        ]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / _WARM_UP) * max(_LEAST_RATE, 1 - step / settings.steps)
    )
    progress = Progress("adapter", settings.steps)
    for _ in range(settings.steps):
        batch = [rng.choice(members) for members in rng.choices(list(kinds.values()), weights, k=settings.pairs)]
        loss = _loss(batch, table, layers)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*changes, *layers.heads.parameters()], 1.0)
        optimizer.step()
        schedule.step()
        progress.advance(note=f", loss {loss.item():.3f}")


def _weight(origin: str, kind: str) -> float:
    return (_AUTHORED if origin == "authored" else 1.0) * (_HARMFUL if kind in ("rude", "dangerous") else 1.0)


def _loss(pairs: Sequence[PlantedPair], table: StateTable, layers: LearningLayers) -> torch.Tensor:
    scores = layers(table, table.rows(pair_turns(pairs)).tolist())
    good, bad = scores[0::2], scores[1::2]
    separates = torch.tensor([[float(pair.separates(maxim)) for maxim in MAXIMS] for pair in pairs])
    agrees = torch.tensor([[float(pair.agrees(maxim)) for maxim in MAXIMS] for pair in pairs])
    apart = functional.softplus(bad - good) + _POINTWISE * (functional.softplus(-good) + functional.softplus(bad))
    alike = _PULL * ((good - bad) ** 2).clamp(max=4) + _SAME_POINTWISE * (
        functional.softplus(-good) + functional.softplus(-bad)
    )
    return (separates * apart + agrees * alike).sum() / len(pairs)


def pair_accuracy(
    pairs: Sequence[PlantedPair], table: StateTable, layers: LearningLayers
) -> dict[str, dict[str, tuple[float, int]]]:
    """Return for each maxim and kind the share of pairs in which the good turn scores higher, and their number."""
    rows, places = np.unique(table.rows(pair_turns(pairs)), return_inverse=True)
    scores = over_rows(table, rows, layers)[places]
    gaps = scores[0::2] - scores[1::2]
    right: dict[str, dict[str, list[bool]]] = {maxim: {} for maxim in MAXIMS}
    for gap, pair in zip(gaps, pairs, strict=True):
        for i, maxim in enumerate(MAXIMS):
            if pair.separates(maxim):
                right[maxim].setdefault(pair.kind, []).append(bool(gap[i] > 0))
    return {
        maxim: {kind: (round(float(np.mean(hits)), 4), len(hits)) for kind, hits in sorted(kinds.items())}
        for maxim, kinds in right.items()
    }


def _tensors(layers: LearningLayers) -> dict[str, torch.Tensor]:
    """Return the changes as the product merges them: their scale is in B."""
    tensors: dict[str, torch.Tensor] = {}
    for name, change in layers.changes.items():
        tensors[f"{name}.A"] = change.A.detach().half().contiguous()
        tensors[f"{name}.B"] = (SCALE * change.B.detach()).half().contiguous()
    return tensors
