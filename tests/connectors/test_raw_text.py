"""Many places of one text, and many short branches from one place, against plain passes of a tiny random model."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from convexplain.connectors.models.forward import Forward
from convexplain.errors import TooLongError

IDS = torch.randint(48, (60,), generator=torch.Generator().manual_seed(3)).tolist()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=48, num_hidden_layers=3, **sizes)).eval().requires_grad_(False)


def plain(model, ids):
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0]


@pytest.mark.slow
@pytest.mark.parametrize("ends", [[1], [60], [1, 2, 60], [20, 20, 21, 40], [30, 59]])
@pytest.mark.parametrize(("at_once", "kept"), [(1, 10**9), (10_000, 0)])
def test_places_and_branches_are_those_of_each_text_alone(model, ends, at_once, kept):
    forward = Forward(model, at_once, kept)
    forward.last([IDS[:25]])  # some of it may be known
    branches = [[5, 6, 7], [8], [5, 6], [9] * 300, [8]]
    places = forward.prefix_outputs(IDS, ends)
    expected = plain(model, IDS)
    for end, (place, logits) in zip(ends, places, strict=True):
        assert torch.allclose(logits, expected[end - 1], atol=1e-4)
        for branch, found in zip(branches, forward.branches(place, branches), strict=True):
            assert found.shape == (len(branch), 48)
            assert torch.allclose(found, plain(model, IDS[:end] + branch)[end:], atol=1e-4)


def test_what_an_earlier_call_computed_is_not_computed_again(model):
    forward = Forward(model, 1, 10**9)
    forward.prefix_outputs(IDS, [40])
    assert forward.last([IDS])[1] == [40]


def test_too_little_memory_is_said(model, monkeypatch):
    forward = Forward(model, 1, 10**9)
    (place, _) = forward.prefix_outputs(IDS, [40])[0]

    def full(*_, **__):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(forward._pass, "run", full)
    with pytest.raises(TooLongError, match="too long for the memory"):
        forward.prefix_outputs([*IDS, 1], [41, 61])
    with pytest.raises(TooLongError, match="too long for the memory"):
        forward.branches(place, [[1, 2]])
