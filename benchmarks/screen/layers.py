"""The layers of the embedded model that the adapter changes, run on the kept states of the layers below."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sets import MAXIMS
from states import LAYERS, LOWER_LAYERS, Floats, LayerOutputs, Progress, StateTable, batches, load_model
from torch.nn import functional

from convexplain.connectors.models.adapter import merge_adapter

SCALE = 2.0
"""The factor of B · A while it learns; in the adapter's file it is in B."""
_SHARPNESS = 0.25  # of standardised states, so that the linear layers learn as fast as the adapter
_AT_ONCE, _MOST_ROWS = 4_000, 48  # tokens and rows of a batch

RowFunction = Callable[[StateTable, Sequence[int]], torch.Tensor]


class UpperLayers:
    """The layers of a model from the kept states to those that heads read.

    Args:
        model: the embedded model; its other layers are taken away.
    """

    def __init__(self, model: Any) -> None:
        self.decoder = model.get_decoder()
        self.decoder.layers = self.decoder.layers[LOWER_LAYERS:LAYERS]
        self._outputs = LayerOutputs(self.decoder, (LAYERS - LOWER_LAYERS,))

    def means(self, table: StateTable, rows: Sequence[int]) -> torch.Tensor:
        """Return the mean over the reply of each row's states after these layers, (rows, width)."""
        states, mask = table.batch(rows)
        self.decoder(inputs_embeds=states, use_cache=False)
        upper = self._outputs[LAYERS - LOWER_LAYERS].float()
        return (upper * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


class LowRankLinear(torch.nn.Module):
    """A linear layer whose matrix is changed by B · A; only A and B learn."""

    def __init__(self, linear: torch.nn.Linear, rank: int) -> None:
        super().__init__()
        self.weight = linear.weight.detach()
        self.A = torch.nn.Parameter(torch.randn(rank, linear.in_features) / math.sqrt(linear.in_features))
        self.B = torch.nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return the changed layer's output."""
        change = functional.linear(functional.linear(states, self.A.to(states.dtype)), self.B.to(states.dtype))
        return functional.linear(states, self.weight) + change * SCALE


class LearningLayers(torch.nn.Module):
    """Upper layers that learn, with a linear layer for the maxims on the mean over the reply.

    Args:
        means: means over replies of the model without adapter, (rows, width): means are standardised by these.
        rank: rank of the changes.

    Attributes:
        changes: the matrices that learn, by the names of the model's modules.
        heads: the linear layer, one output for each maxim.
    """

    def __init__(self, means: Floats, rank: int) -> None:
        super().__init__()
        self._layers = UpperLayers(load_model())
        self.changes: dict[str, LowRankLinear] = {}
        for i, layer in enumerate(self._layers.decoder.layers):
            for name, module in list(layer.named_modules()):
                if isinstance(module, torch.nn.Linear):
                    parent, _, attribute = name.rpartition(".")
                    change = LowRankLinear(module, rank)
                    setattr(layer.get_submodule(parent), attribute, change)
                    self.changes[f"layers.{LOWER_LAYERS + i}.{name}"] = change
        self.heads = torch.nn.Linear(means.shape[1], len(MAXIMS))
        torch.nn.init.normal_(self.heads.weight, std=0.01)
        torch.nn.init.zeros_(self.heads.bias)
        self._centre, self._spread = torch.tensor(means.mean(0)), torch.tensor(means.std(0) + 1e-6)

    def forward(self, table: StateTable, rows: Sequence[int]) -> torch.Tensor:
        """Return the log-odds of each row on each maxim, (rows, maxims)."""
        means = self._layers.means(table, rows)
        scores: torch.Tensor = self.heads((means - self._centre) / self._spread * _SHARPNESS)
        return scores

    def raw_heads(self) -> dict[str, list[float]]:
        """Return for each maxim the weights of its linear layer on means as they are, not standardised."""
        weights = (self.heads.weight.detach() / self._spread * _SHARPNESS).tolist()
        return dict(zip(MAXIMS, weights, strict=True))


def over_rows(table: StateTable, rows: NDArray[np.intp], function: RowFunction) -> Floats:
    """Return a function's output for different rows of a table, (rows, width), in their order."""
    outputs: Floats | None = None
    with torch.inference_mode():
        for batch in batches(table.lengths[rows], _AT_ONCE, _MOST_ROWS):
            values = function(table, rows[batch].tolist()).numpy()
            if outputs is None:
                outputs = np.zeros((len(rows), values.shape[1]), np.float32)
            outputs[batch] = values
    return np.zeros((0, 0), np.float32) if outputs is None else outputs


def adapted_means(table: StateTable, file: Path, path: Path) -> Floats:
    """Return the means over replies of all rows with an adapter, (rows, width), from a path where they were kept."""
    if not path.exists():
        model = load_model(torch.float32)
        merge_adapter(model, file)
        layers = UpperLayers(model.to(torch.bfloat16))
        progress = Progress(path.stem, len(table.starts))

        def means(table: StateTable, rows: Sequence[int]) -> torch.Tensor:
            progress.advance(len(rows))
            return layers.means(table, rows)

        np.save(path, over_rows(table, np.arange(len(table.starts)), means))
    return np.load(path)
