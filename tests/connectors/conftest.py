"""A tiny random Mixtral with Mixtral's own tokenizer, in a folder."""

import shutil
from pathlib import Path

import pytest

# The form that Mistral documents for this model, its strictness included: no system role, strict alternation.
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) or m.role == 'system' %}"
    "{{ raise_exception('only user and assistant, in turn') }}{% endif %}"
    "{% if m.role == 'user' %}{{ ' [INST] ' + m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"
)


@pytest.fixture(scope="session")
def mixtral_folder(tmp_path_factory):
    import mistral_common
    import torch
    from transformers import LlamaTokenizer, MixtralConfig, MixtralForCausalLM

    folder = tmp_path_factory.mktemp("mixtral")
    pieces = folder / "pieces" / "tokenizer.model"
    pieces.parent.mkdir()
    shutil.copy(Path(mistral_common.__file__).parent / "data" / "tokenizer.model.v1", pieces)
    tokenizer = LlamaTokenizer.from_pretrained(pieces.parent)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = MixtralConfig(
        vocab_size=32_000,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=4,
        max_position_embeddings=4096,
        sliding_window=None,
    )
    MixtralForCausalLM(config).save_pretrained(folder)
    return folder
