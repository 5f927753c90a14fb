"""Low-rank adapters (Hu et al. 2021): a small file that changes some of a model's weight matrices by B · A."""

from pathlib import Path
from typing import Any


def merge_adapter(model: Any, file: Path) -> None:
    """Add an adapter to the weights of a model, in place.

    Args:
        model: a causal language model with the layers that the adapter names.
        file: safetensors; for a matrix `MODULE` of the model, as `layers.12.mlp.up_proj`, `MODULE.A` of shape
            (rank, inputs) and `MODULE.B` of shape (outputs, rank). The matrix becomes W + B · A.
    """
    import torch
    from safetensors.torch import load_file

    tensors = load_file(file)
    decoder = model.get_decoder()
    with torch.no_grad():
        for name in sorted({key.rpartition(".")[0] for key in tensors}):
            weight = decoder.get_submodule(name).weight
            weight += (tensors[f"{name}.B"].float() @ tensors[f"{name}.A"].float()).to(weight.dtype)
