"""An adapter in a model's weights, by hand on a tiny random model."""

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from convexplain.connectors.models.adapter import merge_adapter
from tests.tiny_model import save_tiny


def test_an_adapter_adds_b_times_a_to_the_matrices_that_it_names(tmp_path):
    folder = save_tiny(tmp_path)
    model, before = (AutoModelForCausalLM.from_pretrained(folder) for _ in range(2))
    name = "layers.1.mlp.up_proj"
    shape = model.get_decoder().get_submodule(name).weight.shape
    a, b = torch.ones(2, shape[1]), torch.full((shape[0], 2), 0.25)
    save_file({f"{name}.A": a.half(), f"{name}.B": b.half()}, tmp_path / "adapter.safetensors")
    merge_adapter(model, tmp_path / "adapter.safetensors")
    for key, weight in model.state_dict().items():
        added = 0.5 if name in key else 0.0  # two ranks of 1 times 0.25
        assert torch.allclose(weight, before.state_dict()[key] + added, atol=1e-6), key
